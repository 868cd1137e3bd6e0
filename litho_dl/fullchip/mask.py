"""The mask of one tile: solved in its window, kept in its core."""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from litho_dl.clips import Clip
from litho_dl.core.errors import DatasetError
from litho_dl.core.hdf5 import file_bytes, opened
from litho_dl.core.io import atomic_path
from litho_dl.fullchip.plan import Setting, setting, tile_path
from litho_dl.fullchip.sites import edge_sites
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.generators.predict import predict, refine
from litho_dl.ilt.objective import count_probes, probe_rule
from litho_dl.ilt.solve import solve
from litho_dl.layout.layout import Polygon

FORMAT = "litho_dl.tile/1"
KIND = "mask"


@dataclass(frozen=True)
class TileTask:
    """One tile of a run; `device` as `--device`."""

    folder: str
    digest: str
    tile: Tile
    device: str


@dataclass(frozen=True)
class TileReport:
    """A finished tile, and what it took."""

    tile: Tile
    seconds: float


def make_mask(task: TileTask) -> TileReport:
    """Solves a tile and writes its core.

    Raises:
        LithoError: The run's files are damaged, or the tile cannot be solved or written.
    """
    started = time.perf_counter()
    own = setting(task.folder, task.digest, task.device)
    tiling = own.plan.tiling
    window = tiling.window(task.tile)
    layout = own.chip.clipped(window)
    clip = Clip(f"tile {task.tile.row}, {task.tile.column}", layout, (-window[0], -window[1]), tiling.field_nm)
    mask, pixel_nm = _drawn(own, clip, own.chip.whole(window))
    halo, core = round(tiling.halo_nm / pixel_nm), round(tiling.core_nm / pixel_nm)
    write_mask(Path(task.folder), task.tile, mask[halo : halo + core, halo : halo + core].cpu(), pixel_nm, task.digest)
    return TileReport(task.tile, time.perf_counter() - started)


def _drawn(own: Setting, clip: Clip, whole: tuple[Polygon, ...]) -> tuple[Tensor, float]:
    """The window's mask, bool (H, W), by method, network or both, and its pixel."""
    plan, simulator = own.plan, own.simulator

    def probes(target: Tensor, pixel_nm: float) -> Tensor:
        rule, shape = probe_rule(pixel_nm), (target.shape[-2], target.shape[-1])
        counts = count_probes(edge_sites(whole, rule, shape, pixel_nm), rule, shape)
        return torch.from_numpy(counts)[None].to(target)

    if own.generator is None:
        assert plan.method is not None
        target = clip.coverage(plan.method.target_nm)
        if not target.any():
            return target > 0, plan.method.target_nm
        solution = solve(simulator, target[None], plan.method.target_nm, plan.method, probes=probes)
        return solution.require_finished().mask[0], solution.pixel_nm
    prediction = predict(own.generator, [clip], simulator.device)
    if plan.method is None or not clip.coverage(plan.method.target_nm).any():
        return prediction.mask[0], prediction.pixel_nm
    assert plan.steps is not None
    solution = refine(prediction, [clip], simulator, plan.method, plan.steps, probes=probes)
    return solution.require_finished().mask[0], solution.pixel_nm


def write_mask(folder: Path, tile: Tile, core: Tensor, pixel_nm: float, digest: str) -> None:
    """Writes a tile's core, bool (n, n), atomically."""
    attributes = {"digest": digest, "settings": json.dumps({"pixel_nm": pixel_nm})}
    arrays = {"mask": core.numpy().astype(np.uint8)[None]}
    with atomic_path(tile_path(folder, KIND, tile)) as temporary:
        temporary.write_bytes(file_bytes(FORMAT, attributes, arrays))


def read_mask(folder: Path, tile: Tile, digest: str) -> tuple[np.ndarray, float] | None:
    """A tile's core, bool (n, n), and its pixel; None if there is none.

    Raises:
        DatasetError: The file is damaged or of another run.
    """
    path = tile_path(folder, KIND, tile)
    if not path.exists():
        return None
    with opened(path, FORMAT) as file:
        if file.attrs["digest"] != digest:
            raise DatasetError(f"{path}: expected a tile of this run, got another's; remove it.")
        return file["mask"][0] > 0, float(json.loads(file.attrs["settings"])["pixel_nm"])


def window_mask(folder: Path, tiling: Tiling, tile: Tile, digest: str) -> tuple[np.ndarray, float]:
    """The chip's mask in the window of a tile that has one, bool (n, n), and its pixel; closed where there is none."""
    found = {other: read_mask(folder, other, digest) for other in tiling.neighbours(tile)}
    own = found[tile]
    assert own is not None
    pixel_nm = own[1]
    halo, core = round(tiling.halo_nm / pixel_nm), round(tiling.core_nm / pixel_nm)
    side = core + 2 * halo
    mask = np.zeros((side, side), dtype=bool)
    for other, part in found.items():
        if part is None:
            continue
        (rows, row), (columns, column) = (
            (slice(max(low, 0), min(low + core, side)), max(-low, 0))
            for low in (halo + (other.row - tile.row) * core, halo + (other.column - tile.column) * core)
        )
        height, width = rows.stop - rows.start, columns.stop - columns.start
        mask[rows, columns] = part[0][row : row + height, column : column + width]
    left, bottom, _, _ = tiling.window(tile)
    _, _, right, top = tiling.area_nm
    mask[math.ceil((top - bottom) / pixel_nm) :] = False
    mask[:, math.ceil((right - left) / pixel_nm) :] = False
    return mask, pixel_nm
