"""The score of one tile's core, from the stitched mask: figures that add up to the chip's, however it is tiled."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import Grid
from litho_dl.core.hdf5 import file_bytes, opened
from litho_dl.core.io import atomic_path
from litho_dl.core.memory import release_memory
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.mask import window_mask
from litho_dl.fullchip.plan import Setting, TileReport, TileTask, setting, tile_path
from litho_dl.fullchip.sites import edge_sites
from litho_dl.fullchip.tiling import Box, Tile
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import check_rules
from litho_dl.metrics.edge import edge_placement
from litho_dl.metrics.epe import OPENILT, EpeSites, violations
from litho_dl.metrics.image import l2_nm2, pvb_nm2
from litho_dl.scoring.protocol import RULES
from litho_dl.simulation.exposure import Exposure

FORMAT = "litho_dl.tile_score/1"
PIXEL_NM = 1.0
RULE_NAMES = ("width", "space", "area")
RULE_MARGIN_NM = 128.0  # around the core; a place longer than that counts in each core it runs through


@dataclass(frozen=True, eq=False)
class TileScore:
    """Figures of one core, in layout coordinates.

    Attributes:
        l2_nm2: Area where the nominal print differs from the target.
        pvb_nm2: Area where outer and inner prints differ.
        target_nm2: Area of the target.
        sites_nm: (n, 2) as (x, y), EPE sites.
        epe_nm: (n,) signed edge placement errors, NaN where no edge prints within 60 nm.
        violated: (n,) int, violations of the `openilt` rule at each site.
        rule_places_nm: Boxes (n, 4) of mask rule violations, by rule.
    """

    l2_nm2: float
    pvb_nm2: float
    target_nm2: float
    sites_nm: np.ndarray
    epe_nm: np.ndarray
    violated: np.ndarray
    rule_places_nm: dict[str, np.ndarray]


def make_scores(task: TileTask) -> TileReport:
    """Scores tiles' cores after the last pass and writes the figures.

    Raises:
        LithoError: The run's files are damaged, or the score cannot be written.
    """
    started = time.perf_counter()
    own, folder = setting(task.folder, task.digest, task.device), Path(task.folder)
    for tile in task.tiles:
        _write(folder, tile, score_tile(own, folder, tile), task.digest)
        release_memory()  # images of all sizes would leave more and more holes
    return TileReport(task.tiles, time.perf_counter() - started)


@dataclass(frozen=True, eq=False)
class ExposedTile:
    """A tile's window with the chip's mask in it, imaged at `PIXEL_NM`.

    Attributes:
        window_nm: (x0, y0, x1, y1) in layout coordinates.
        mask: bool (n, n), at `mask_pixel_nm`.
        mask_pixel_nm: The mask's pixel.
        exposure: Its images.
    """

    window_nm: Box
    mask: np.ndarray
    mask_pixel_nm: float
    exposure: Exposure

    def pixels(self, box_nm: Box) -> tuple[slice, slice]:
        """Rows and columns of a box of the layout in the images."""
        (left, right), (bottom, top) = (
            tuple(round((edge - self.window_nm[axis]) / PIXEL_NM) for edge in box_nm[axis::2]) for axis in (0, 1)
        )
        return slice(bottom, top), slice(left, right)


def expose_tile(own: Setting, folder: Path, tile: Tile) -> ExposedTile:
    """Images a tile's window with the masks of its neighbours in the halo."""
    return _exposed(own, tile, *_window_mask(own, folder, tile))


def _window_mask(own: Setting, folder: Path, tile: Tile) -> tuple[np.ndarray, float]:
    """The last pass's mask in a tile's window, and its pixel."""
    return window_mask(own, folder, tile, dict.fromkeys(own.plan.tiling.neighbours(tile), own.plan.passes))


def _exposed(own: Setting, tile: Tile, mask: np.ndarray, pixel_nm: float) -> ExposedTile:
    with torch.no_grad():
        exposure = own.simulator(torch.from_numpy(mask), pixel_nm, out_pixel_nm=PIXEL_NM)
    return ExposedTile(own.plan.tiling.window(tile), mask, pixel_nm, exposure)


def score_tile(own: Setting, folder: Path, tile: Tile) -> TileScore:
    """The figures of the part of a tile's core that is wanted."""
    inside, window, mask = own.plan.tiling.inside(tile), own.plan.tiling.window(tile), _window_mask(own, folder, tile)
    places = _rule_places(*mask, inside, window)
    release_memory()  # before the images take theirs
    exposed = _exposed(own, tile, *mask)
    exposure, wanted = exposed.exposure, exposed.pixels(inside)
    prints = {name: exposure.binary_print(name)[wanted].cpu().numpy() for name in ("outer", "inner")}
    nominal = exposure.binary_print("nominal").cpu().numpy()
    target = target_print(own.chip, inside)
    sites = _within(edge_sites(own.chip.whole(window), OPENILT, nominal.shape, PIXEL_NM), wanted)
    aerial = exposure.aerial("nominal").cpu().numpy()
    return TileScore(
        l2_nm2(nominal[wanted], target, PIXEL_NM),
        pvb_nm2(prints["outer"], prints["inner"], PIXEL_NM),
        float(target.sum()) * PIXEL_NM**2,
        sites.positions_nm(PIXEL_NM) + np.array(window[:2]),
        edge_placement(aerial, sites, exposure.resist.threshold, PIXEL_NM),
        violations(nominal, sites, OPENILT),
        places,
    )


def target_print(chip: Chip, box_nm: Box) -> np.ndarray:
    """The target in a box of whole pixels, bool."""
    grid = Grid.of_field((box_nm[3] - box_nm[1], box_nm[2] - box_nm[0]), PIXEL_NM)
    return rasterize(chip.clipped(box_nm), grid) >= 0.5


def _within(sites: EpeSites, wanted: tuple[slice, slice]) -> EpeSites:
    """Sites whose pixel lies in the rows and columns."""
    rows, columns = wanted
    i, j = sites.pixels.T
    inside = (i >= rows.start) & (i < rows.stop) & (j >= columns.start) & (j < columns.stop)
    return EpeSites(sites.pixels[inside], sites.normals[inside])


def _rule_places(mask: np.ndarray, pixel_nm: float, inside: Box, window: Box) -> dict[str, np.ndarray]:
    """Boxes of rule violations whose middle lies inside, in layout coordinates."""
    low = np.array(inside[:2]) - window[:2]
    high = np.array(inside[2:]) - window[:2]
    first = np.maximum(np.floor((low - RULE_MARGIN_NM) / pixel_nm), 0).astype(int)
    last = np.ceil((high + RULE_MARGIN_NM) / pixel_nm).astype(int)
    cut = mask[first[1] : last[1], first[0] : last[0]]
    found = check_rules(pixel_polygons(cut, pixel_nm), RULES, smooth_nm=pixel_nm)
    places = {}
    for rule in RULE_NAMES:
        boxes = found.places[rule].boxes_nm + np.tile(first * pixel_nm, 2)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        own = ((middles >= low) & (middles < high)).all(1)
        places[rule] = boxes[own] + np.tile(window[:2], 2)
    return places


def score_file(folder: Path, tile: Tile) -> Path:
    """Where a tile's score lies."""
    return tile_path(folder, "score", tile)


def _write(folder: Path, tile: Tile, score: TileScore, digest: str) -> None:
    arrays: dict[str, np.ndarray | list[str]] = {
        "areas": np.array([score.l2_nm2, score.pvb_nm2, score.target_nm2]),
        "sites": score.sites_nm,
        "epe": score.epe_nm,
        "violated": score.violated,
        **score.rule_places_nm,
    }
    with atomic_path(score_file(folder, tile)) as temporary:
        temporary.write_bytes(file_bytes(FORMAT, {"digest": digest}, arrays))


def read_score(folder: Path, tile: Tile, digest: str) -> TileScore:
    """A tile's score.

    Raises:
        DatasetError: The file is missing, damaged, or of another run.
    """
    path = score_file(folder, tile)
    with opened(path, FORMAT) as file:
        if file.attrs["digest"] != digest:
            raise DatasetError(f"{path}: expected a score of this run, got another's; remove it.")
        l2, pvb, target = file["areas"][()].tolist()
        sites, epe, violated = (file[name][()] for name in ("sites", "epe", "violated"))
        return TileScore(l2, pvb, target, sites, epe, violated, {rule: file[rule][()] for rule in RULE_NAMES})
