"""Scores of the cores of tiles, from the stitched mask; their sums over the chip do not depend on the tiling."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import Grid
from litho_dl.core.hdf5 import hdf5_bytes, open_hdf5
from litho_dl.core.io import atomic_path
from litho_dl.core.memory import release_memory
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.mask import window_mask
from litho_dl.fullchip.plan import TileReport, TileTask, WorkerContext, tile_path, worker_context
from litho_dl.fullchip.tiling import Tile
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Box
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import UNITS, MaskRules, check_rules
from litho_dl.metrics.drawn_sites import drawn_sites, field_edges
from litho_dl.metrics.edge import edge_placement
from litho_dl.metrics.epe import OPENILT, OPENILT_3NM, EpeSites, violations
from litho_dl.metrics.image import l2_nm2, pvb_nm2
from litho_dl.metrics.stray import stray_prints
from litho_dl.simulation.exposure import Exposure

FORMAT = "litho_dl.tile_score/2"
PIXEL_NM = 1.0
IMAGE_MARGIN_PX = 64  # around the core, in which printed edges are searched
RULE_NAMES = ("width", "space", "area")  # always in scores; the radius if it has a limit
RULE_MARGIN_NM = 128.0  # around the core, at least; longer violations count in each core that they cross


@dataclass(frozen=True, eq=False, repr=False)
class TileScore:
    """The scores of one core, in layout coordinates.

    Attributes:
        l2_nm2: Area where the nominal print differs from the target.
        pvb_nm2: Area where outer and inner prints differ.
        target_nm2: Area of the target.
        sites_nm: EPE sites, (n, 2) as (x, y).
        epe_nm: Signed edge placement errors (n,); NaN where no edge prints within 60 nm.
        violated: Violations of the `openilt` rule at each site, int (n,).
        violated_3nm: The same by edges that are more than 3 nm off.
        strays_nm: Places (n, 2) of prints at any corner that touch no drawn shape, the first pixels of their regions.
        rule_places_nm: Boxes (n, 4) of the mask rule violations, by rule.
    """

    l2_nm2: float
    pvb_nm2: float
    target_nm2: float
    sites_nm: np.ndarray
    epe_nm: np.ndarray
    violated: np.ndarray
    violated_3nm: np.ndarray
    strays_nm: np.ndarray
    rule_places_nm: dict[str, np.ndarray]

    def __repr__(self) -> str:
        return (
            f"TileScore(L2 {self.l2_nm2:,.0f} nm^2, PVB {self.pvb_nm2:,.0f} nm^2, {len(self.epe_nm)} EPE sites, "
            f"{int(self.violated.sum())} violations)"
        )


def make_scores(task: TileTask) -> TileReport:
    """Scores the cores of tiles after the last pass, and writes the scores.

    Raises:
        LithoError: The run's files are damaged, or the score cannot be written.
    """
    started = time.perf_counter()
    context, folder = worker_context(task.folder, task.digest, task.device), Path(task.folder)
    for tile in task.tiles:
        _write(folder, tile, score_tile(context, folder, tile), task.digest)
        release_memory()  # images of many sizes would fragment it
    return TileReport(task, time.perf_counter() - started)


@dataclass(frozen=True, eq=False, repr=False)
class ExposedTile:
    """Mask and images of the part of a tile's core that is written, and of a margin around it.

    Attributes:
        box_nm: The part and its margin, in layout coordinates.
        mask: The mask on the pixels of the images, bool (H, W).
        pixel_nm: The pixel, `PIXEL_NM` times the process's scale.
        exposure: The exposure; its field is the box.
    """

    box_nm: Box
    mask: np.ndarray
    pixel_nm: float
    exposure: Exposure

    def __repr__(self) -> str:
        return f"ExposedTile({self.box_nm} nm: {self.exposure})"

    def pixels(self, box_nm: Box) -> tuple[slice, slice]:
        """Rows and columns of a box, in layout coordinates, in the images."""
        rows, columns = _pixels(box_nm, self.box_nm, self.pixel_nm)
        return slice(rows.start, rows.stop), slice(columns.start, columns.stop)


def expose_tile(context: WorkerContext, folder: Path, tile: Tile, margin_px: int) -> ExposedTile:
    """Exposes a tile's window with the masks of its neighbours in the halo.

    Args:
        context: The run.
        folder: The run's folder.
        tile: The tile; its window must contain shapes.
        margin_px: Margin around its core in pixels, at most the halo.

    Returns:
        Mask and images of its core after the last pass.

    Raises:
        DatasetError: A mask is missing, damaged or of another run.
    """
    return _expose(context, tile, *_window_mask(context, folder, tile), margin_px)


def _window_mask(context: WorkerContext, folder: Path, tile: Tile) -> tuple[np.ndarray, float]:
    """The mask of the last pass in a tile's window, and its pixel."""
    plan = context.plan
    return window_mask(context, folder, tile, dict.fromkeys(plan.tiling.neighbours(tile), plan.passes))


@torch.no_grad()
def _expose(context: WorkerContext, tile: Tile, mask: np.ndarray, mask_nm: float, margin_px: int) -> ExposedTile:
    """Only the box is imaged: the rest of the window takes half the time and memory."""
    simulator = context.simulator
    tiling, pixel_nm = context.plan.tiling, PIXEL_NM * simulator.scale
    window, inside, margin_nm = tiling.window(tile), tiling.inside(tile), margin_px * pixel_nm
    box = (inside[0] - margin_nm, inside[1] - margin_nm, inside[2] + margin_nm, inside[3] + margin_nm)
    rows, columns = _pixels(box, window, pixel_nm)
    spectra = simulator.image_spectra(torch.from_numpy(mask), mask_nm)
    seen = simulator.sampled(spectra, pixel_nm, simulator.synthesis(pixel_nm, (rows, columns)))
    exposure = replace(seen, spectra={}, field_nm=(box[3] - box[1], box[2] - box[0]))
    own = (((np.array(side) + 0.5) * (pixel_nm / mask_nm)).astype(int) for side in (rows, columns))
    return ExposedTile(box, mask[np.ix_(*own)], pixel_nm, exposure)


def _pixels(box_nm: Box, around_nm: Box, pixel_nm: float) -> tuple[range, range]:
    """Rows and columns of a box in the pixels of a larger one."""
    (left, right), (bottom, top) = (
        tuple(round((edge - around_nm[axis]) / pixel_nm) for edge in box_nm[axis::2]) for axis in (0, 1)
    )
    return range(bottom, top), range(left, right)


def score_tile(context: WorkerContext, folder: Path, tile: Tile) -> TileScore:
    """Scores the part of a tile's core that is written.

    Args:
        context: The run.
        folder: The run's folder.
        tile: The tile; its window must contain shapes.

    Returns:
        The scores.

    Raises:
        DatasetError: A mask is missing, damaged or of another run.
    """
    tiling, mask = context.plan.tiling, _window_mask(context, folder, tile)
    inside, window = tiling.inside(tile), tiling.window(tile)
    places = _rule_places(*mask, inside, window, context.plan.rules, RULE_MARGIN_NM * context.process.scale)
    release_memory()  # before the images are allocated
    exposed = _expose(context, tile, *mask, IMAGE_MARGIN_PX)
    exposure, wanted, pixel_nm = exposed.exposure, exposed.pixels(inside), exposed.pixel_nm
    drawn = target_print(context.chip, exposed.box_nm, pixel_nm)
    prints = [exposure.binary_print(name).cpu().numpy() for name in ("nominal", "outer", "inner")]
    strays = _stray_places(prints, drawn, wanted) * pixel_nm + np.array(exposed.box_nm[:2])
    target, nominal, outer, inner = (image[wanted] for image in (drawn, *prints))
    aerial, (threshold, field) = exposure.aerial("nominal").cpu().numpy(), exposure.rule
    edges = field_edges(context.chip.whole(exposed.box_nm))
    sites = _within(drawn_sites(edges, OPENILT, pixel_nm, aerial.shape), wanted)
    return TileScore(
        l2_nm2(nominal, target, pixel_nm),
        pvb_nm2(outer, inner, pixel_nm),
        float(target.sum()) * pixel_nm**2,
        sites.positions_nm(pixel_nm) + np.array(exposed.box_nm[:2]),
        edge_placement(aerial, sites, threshold, pixel_nm, field),
        violations(aerial, sites, OPENILT, threshold, field),
        violations(aerial, sites, OPENILT_3NM, threshold, field),
        strays,
        places,
    )


def target_print(chip: Chip, box_nm: Box, pixel_nm: float) -> np.ndarray:
    """The target in a box.

    Args:
        chip: The layer.
        box_nm: The box, in layout coordinates and of whole pixels.
        pixel_nm: The pixel.

    Returns:
        True where shapes cover one half or more of a pixel, bool (H, W).
    """
    grid = Grid.of_field((box_nm[3] - box_nm[1], box_nm[2] - box_nm[0]), pixel_nm)
    return rasterize(chip.clipped(box_nm), grid) >= 0.5


def _stray_places(prints: list[np.ndarray], drawn: np.ndarray, wanted: tuple[slice, slice]) -> np.ndarray:
    """Middles (n, 2) as (x, y), in pixels, of the first pixels of stray prints, where these lie in some pixels.

    So a region across a seam is counted once, unless it is cut by the images' border before its first pixel.
    """
    found = stray_prints(np.pad(np.logical_or.reduce(prints), 1), np.pad(drawn, 1)) - 1  # a tile is not periodic
    own = np.all([(found[:, axis] >= side.start) & (found[:, axis] < side.stop) for axis, side in enumerate(wanted)], 0)
    return found[own][:, ::-1] + 0.5


def _within(sites: EpeSites, wanted: tuple[slice, slice]) -> EpeSites:
    """The sites in some rows and columns."""
    rows, columns = wanted
    i, j = sites.pixels.T
    return sites.where((i >= rows.start) & (i < rows.stop) & (j >= columns.start) & (j < columns.stop))


def _rule_places(
    mask: np.ndarray, pixel_nm: float, inside: Box, window: Box, rules: MaskRules, least_margin_nm: float
) -> dict[str, np.ndarray]:
    """Boxes of the rule violations whose centres are inside a box, in layout coordinates."""
    low = np.array(inside[:2]) - window[:2]
    high = np.array(inside[2:]) - window[:2]
    longest_nm = max(rules.min_width_nm, rules.min_space_nm, rules.min_radius_nm, rules.min_area_nm2**0.5)
    margin_nm = max(least_margin_nm, 4 * longest_nm)
    first = np.maximum(np.floor((low - margin_nm) / pixel_nm), 0).astype(int)
    last = np.ceil((high + margin_nm) / pixel_nm).astype(int)
    cut = mask[first[1] : last[1], first[0] : last[0]]
    found = check_rules(pixel_polygons(cut, pixel_nm), rules, smooth_nm=pixel_nm)
    places = {}
    for rule in (*RULE_NAMES, *(["radius"] if rules.min_radius_nm else [])):
        boxes = found.places[rule].boxes_nm + np.tile(first * pixel_nm, 2)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        own = ((middles >= low) & (middles < high)).all(1)
        places[rule] = boxes[own] + np.tile(window[:2], 2)
    return places


def score_file(folder: Path, tile: Tile) -> Path:
    """The path of a tile's score.

    Args:
        folder: The run's folder.
        tile: The tile.

    Returns:
        The path.
    """
    return tile_path(folder, "score", tile)


def _write(folder: Path, tile: Tile, score: TileScore, digest: str) -> None:
    arrays: dict[str, np.ndarray | list[str]] = {
        "areas": np.array([score.l2_nm2, score.pvb_nm2, score.target_nm2]),
        "sites": score.sites_nm,
        "epe": score.epe_nm,
        "violated": score.violated,
        "violated_3nm": score.violated_3nm,
        "strays": score.strays_nm,
        **score.rule_places_nm,
    }
    with atomic_path(score_file(folder, tile)) as temporary:
        temporary.write_bytes(hdf5_bytes(FORMAT, {"digest": digest}, arrays))


def read_score(folder: Path, tile: Tile, digest: str) -> TileScore:
    """Reads a tile's score.

    Args:
        folder: The run's folder.
        tile: The tile.
        digest: Digest of the run's plan.

    Returns:
        The score.

    Raises:
        DatasetError: The file is missing, damaged, or of another run.
    """
    path = score_file(folder, tile)
    with open_hdf5(path, FORMAT) as file:
        if file.attribute("digest") != digest:
            raise DatasetError(f"{path}: expected a score of this run, got another's; remove it.")
        l2, pvb, target = file.array("areas", "f", (3,)).read().tolist()
        sites = file.array("sites", "f", (None, 2)).read()
        epe, violated, violated_3nm = (
            file.array(name, kind, (len(sites),)).read()
            for name, kind in (("epe", "f"), ("violated", "iu"), ("violated_3nm", "iu"))
        )
        strays = file.array("strays", "f", (None, 2)).read()
        places = {rule: file.array(rule, "f", (None, 4)).read() for rule in UNITS if rule in file}
        return TileScore(l2, pvb, target, sites, epe, violated, violated_3nm, strays, places)
