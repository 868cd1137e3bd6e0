"""The masks of tiles, solved in their windows and stored in their cores."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from litho_dl.fullchip.mask import mask_file, window_mask, write_mask
from litho_dl.fullchip.passes import latest_passes
from litho_dl.fullchip.plan import TileReport, TileTask, WorkerContext, worker_context
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.generators.predict import predict, refine
from litho_dl.ilt.problem import Surroundings
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.clips import Clip, drawn_polygons, on_pixel
from litho_dl.layout.edges import Edge
from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.drawn_sites import field_edges
from litho_dl.runs.files import warn_of_divergence

UNCOUNTED = 0.5  # part of the halo that is left out of the objective: its prints depend on masks beyond the halo


@dataclass(frozen=True, eq=False)
class _Windows:
    """The layout in the windows of some tiles.

    Attributes:
        clips: The shapes cut to each window.
        whole: The whole polygons that touch each window, in its coordinates.
        scale: The process's scale.
    """

    clips: list[Clip]
    whole: list[tuple[Polygon, ...]]
    scale: float

    @classmethod
    def of(cls, context: WorkerContext, tiles: Sequence[Tile]) -> "_Windows":
        tiling, chip = context.plan.tiling, context.chip
        clips, whole = [], []
        for tile in tiles:
            window = tiling.window(tile)
            layout, shift = chip.clipped(window), (-window[0], -window[1])
            clips.append(
                Clip(f"tile {tile.row}, {tile.column}", layout, shift, tiling.field_nm, scale=context.process.scale)
            )
            whole.append(chip.whole(window))
        return cls(clips, whole, context.process.scale)

    def chosen(self, indices: list[int]) -> "_Windows":
        """The windows of some indices."""
        clips, whole = [self.clips[index] for index in indices], [self.whole[index] for index in indices]
        return _Windows(clips, whole, self.scale)

    def coverage(self, pixel_nm: float) -> tuple[Tensor, list[int]]:
        """Area coverage (B, H, W) of the windows that are not empty on this pixel, and their indices."""
        images = torch.stack([clip.coverage(pixel_nm) for clip in self.clips])
        indices = images.flatten(1).any(1).nonzero().flatten().tolist()
        return images[indices], indices

    @property
    def edges(self) -> list[list[Edge]]:
        """The drawn edges of each window, which go on beyond it."""
        return [field_edges(polygons) for polygons in self.whole]


def make_masks(task: TileTask) -> TileReport:
    """Solves tiles as one batch, and writes the masks of the cores that have none.

    Raises:
        LithoError: The run's files are damaged, or the tiles cannot be solved or written.
    """
    started = time.perf_counter()
    context, folder = worker_context(task.folder, task.digest, task.device), Path(task.folder)
    tiling, windows = context.plan.tiling, _Windows.of(context, task.tiles)
    if task.number == 1:
        masks, pixel_nm = _solve_alone(context, windows)
    else:
        stored = [window_mask(context, folder, tile, latest_passes(tiling, tile, task.number)) for tile in task.tiles]
        pixel_nm, before = stored[0][1], torch.from_numpy(np.stack([mask for mask, _ in stored]))
        free = torch.stack([_free_core(tiling, tile, pixel_nm) for tile in task.tiles])
        masks = _solve_beside_neighbours(context, windows, before, free, pixel_nm)
    halo, core = round(tiling.halo_nm / pixel_nm), round(tiling.core_nm / pixel_nm)
    for tile, mask in zip(task.tiles, masks[:, halo : halo + core, halo : halo + core].cpu(), strict=True):
        if not mask_file(folder, tile, task.number).exists():
            write_mask(folder, tile, task.number, mask, pixel_nm, task.digest)
    return TileReport(task, time.perf_counter() - started)


def _solve_alone(context: WorkerContext, windows: _Windows) -> tuple[Tensor, float]:
    """The windows' masks by network, method or both, without neighbours, bool (B, H, W); and their pixel."""
    method, simulator = context.plan.method, context.simulator
    prediction = None if context.generator is None else predict(context.generator, windows.clips, simulator.device)
    if method is None:
        assert prediction is not None
        return prediction.mask, prediction.pixel_nm
    target_nm, mask_nm = (length * simulator.scale for length in (method.target_nm, method.mask_nm))
    target, indices = windows.coverage(target_nm)
    if not indices:
        return torch.zeros(len(windows.clips), *simulator.grid(mask_nm).shape, dtype=torch.bool), mask_nm
    nonempty = windows.chosen(indices)
    if prediction is None:
        drawn = [drawn_polygons(clip) for clip in nonempty.clips]
        solution = solve_targets(simulator, target, target_nm, method, polygons=drawn, edges=nonempty.edges)
    else:
        assert context.plan.steps is not None
        start = replace(prediction, mask=prediction.mask[indices], logits=prediction.logits[indices])
        solution = refine(simulator, start, nonempty.clips, method, context.plan.steps, edges=nonempty.edges)
    solved = solution.require_finished().mask
    warn_of_divergence(solution, [clip.name for clip in nonempty.clips])
    masks = solved.new_zeros(len(windows.clips), *solved.shape[1:])
    masks[indices] = solved
    return masks, solution.pixel_nm


def _free_core(tiling: Tiling, tile: Tile, pixel_nm: float) -> Tensor:
    """The pixels of a tile's window that may change in later passes: its core within the tiling's area, bool (n, n)."""
    left, bottom, right, top = tiling.core(tile)
    _, _, last_x, last_y = tiling.area_nm
    first = round(tiling.halo_nm / pixel_nm)
    rows, columns = (
        slice(first, first + math.floor((min(end, last) - begin) / pixel_nm))
        for begin, end, last in ((bottom, top, last_y), (left, right, last_x))
    )
    free = torch.zeros([round(side / pixel_nm) for side in tiling.field_nm], dtype=torch.bool)
    free[rows, columns] = True
    return free


def _solve_beside_neighbours(
    context: WorkerContext, windows: _Windows, before: Tensor, free: Tensor, pixel_nm: float
) -> Tensor:
    """The windows' masks, bool (B, H, W), from those of the previous pass, which are fixed where they are not free."""
    assert context.plan.method is not None
    method, simulator = context.plan.method.on_second_half, context.simulator
    target_nm = method.target_nm * simulator.scale
    target, indices = windows.coverage(target_nm)
    if not indices:
        return before
    start, free_share = (
        torch.stack([on_pixel(part[index], pixel_nm, target_nm) for index in indices]) for part in (before, free)
    )
    around = Surroundings(start, free_share > 1 - 1e-6, UNCOUNTED * context.plan.tiling.halo_nm)
    edges = windows.chosen(indices).edges
    solution = solve_targets(simulator, target, target_nm, method, init=start, edges=edges, surroundings=around)
    after = before.clone()
    after[indices] = solution.require_finished().mask.cpu()
    warn_of_divergence(solution, [windows.clips[index].name for index in indices])
    return after
