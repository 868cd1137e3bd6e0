"""The masks of tiles: solved in their windows, kept in their cores."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from litho_dl.fullchip.mask import mask_file, window_mask, write_mask
from litho_dl.fullchip.passes import masks_seen
from litho_dl.fullchip.plan import Setting, TileReport, TileTask, setting
from litho_dl.fullchip.sites import edge_sites
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.generators.predict import predict, refine
from litho_dl.ilt.objective import count_probes, probe_rule
from litho_dl.ilt.problem import Surroundings
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.clips import Clip, on_pixel
from litho_dl.layout.polygon import Polygon

UNCOUNTED = 0.5  # of the halo: prints there depend too much on what lies beyond it


@dataclass(frozen=True, eq=False)
class _Windows:
    """What tiles see of the layout: what lies in their windows, and the whole polygons that reach into them."""

    clips: list[Clip]
    whole: list[tuple[Polygon, ...]]

    @classmethod
    def of(cls, own: Setting, tiles: Sequence[Tile]) -> "_Windows":
        clips, whole = [], []
        for tile in tiles:
            window = own.plan.tiling.window(tile)
            layout, shift = own.chip.clipped(window), (-window[0], -window[1])
            clips.append(Clip(f"tile {tile.row}, {tile.column}", layout, shift, own.plan.tiling.field_nm))
            whole.append(own.chip.whole(window))
        return cls(clips, whole)

    def chosen(self, indices: list[int]) -> "_Windows":
        """Some of them."""
        return _Windows([self.clips[index] for index in indices], [self.whole[index] for index in indices])

    def coverage(self, pixel_nm: float) -> tuple[Tensor, list[int]]:
        """Area coverage (B, H, W) of those that hold something on this pixel, and which those are."""
        images = torch.stack([clip.coverage(pixel_nm) for clip in self.clips])
        drawn = images.flatten(1).any(1).nonzero().flatten().tolist()
        return images[drawn], drawn

    def probes(self, target: Tensor, pixel_nm: float) -> Tensor:
        """As `objective.epe_probes`, on whole edges."""
        rule, shape = probe_rule(pixel_nm), (target.shape[-2], target.shape[-1])
        counts = [count_probes(edge_sites(polygons, rule, shape, pixel_nm), rule, shape) for polygons in self.whole]
        return torch.from_numpy(np.stack(counts)).to(target)


def make_masks(task: TileTask) -> TileReport:
    """Solves tiles together, and writes the cores that are not there.

    Raises:
        LithoError: The run's files are damaged, or the tiles cannot be solved or written.
    """
    started = time.perf_counter()
    own, folder = setting(task.folder, task.digest, task.device), Path(task.folder)
    tiling, windows = own.plan.tiling, _Windows.of(own, task.tiles)
    if task.number == 1:
        masks, pixel_nm = _alone(own, windows)
    else:
        found = [window_mask(own, folder, tile, masks_seen(tiling, tile, task.number)) for tile in task.tiles]
        pixel_nm, before = found[0][1], torch.from_numpy(np.stack([mask for mask, _ in found]))
        free = torch.stack([_free(tiling, tile, pixel_nm) for tile in task.tiles])
        masks = _between_neighbours(own, windows, before, free, pixel_nm)
    halo, core = round(tiling.halo_nm / pixel_nm), round(tiling.core_nm / pixel_nm)
    for tile, mask in zip(task.tiles, masks[:, halo : halo + core, halo : halo + core].cpu(), strict=True):
        if not mask_file(folder, tile, task.number).exists():
            write_mask(folder, tile, task.number, mask, pixel_nm, task.digest)
    return TileReport(task.tiles, time.perf_counter() - started)


def _alone(own: Setting, windows: _Windows) -> tuple[Tensor, float]:
    """The windows' masks, bool (B, H, W), by method, network or both, and their pixel."""
    method, simulator = own.plan.method, own.simulator
    prediction = None if own.generator is None else predict(own.generator, windows.clips, simulator.device)
    if method is None:
        assert prediction is not None
        return prediction.mask, prediction.pixel_nm
    target, drawn = windows.coverage(method.target_nm)
    if not drawn:
        grid = simulator.grid(method.mask_nm)
        return torch.zeros(len(windows.clips), *grid.shape, dtype=torch.bool), method.mask_nm
    seen = windows.chosen(drawn)
    if prediction is None:
        solution = solve_targets(simulator, target, method.target_nm, method, probes=seen.probes)
    else:
        assert own.plan.steps is not None
        some = replace(prediction, mask=prediction.mask[drawn], logits=prediction.logits[drawn])
        solution = refine(some, seen.clips, simulator, method, own.plan.steps, probes=seen.probes)
    solved = solution.require_finished().mask
    masks = solved.new_zeros(len(windows.clips), *solved.shape[1:])
    masks[drawn] = solved
    return masks, solution.pixel_nm


def _free(tiling: Tiling, tile: Tile, pixel_nm: float) -> Tensor:
    """A tile's core in its window, bool (n, n), as far as masks may be open."""
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


def _between_neighbours(own: Setting, windows: _Windows, before: Tensor, free: Tensor, pixel_nm: float) -> Tensor:
    """The windows' masks, bool (B, H, W), from those of the pass before, which stay where they are not free."""
    assert own.plan.method is not None
    method = own.plan.method.on_second_half
    target, drawn = windows.coverage(method.target_nm)
    if not drawn:
        return before
    begin, places = (
        torch.stack([on_pixel(part[index], pixel_nm, method.target_nm) for index in drawn]) for part in (before, free)
    )
    around = Surroundings(begin, places > 1 - 1e-6, UNCOUNTED * own.plan.tiling.halo_nm)
    seen = windows.chosen(drawn)
    solution = solve_targets(
        own.simulator, target, method.target_nm, method, init=begin, probes=seen.probes, surroundings=around
    )
    after = before.clone()
    after[drawn] = solution.require_finished().mask.cpu()
    return after
