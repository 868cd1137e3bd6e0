"""The masks of tiles: solved in their windows, kept in their cores."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from litho_dl.clips import Clip, on_pixel
from litho_dl.fullchip.mask import mask_file, window_mask, write_mask
from litho_dl.fullchip.passes import masks_seen
from litho_dl.fullchip.plan import Setting, setting
from litho_dl.fullchip.sites import edge_sites
from litho_dl.fullchip.task import TileReport, TileTask
from litho_dl.fullchip.tiling import Tile
from litho_dl.generators.predict import predict, refine
from litho_dl.ilt.objective import count_probes, probe_rule
from litho_dl.ilt.solve import solve
from litho_dl.ilt.stage import Surroundings
from litho_dl.layout.layout import Polygon

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
        near = [masks_seen(tiling, tile, task.number) for tile in task.tiles]
        found = [window_mask(folder, tiling, *pair, task.digest) for pair in zip(task.tiles, near, strict=True)]
        pixel_nm = found[0][1]
        masks = _between_neighbours(own, windows, torch.from_numpy(np.stack([mask for mask, _ in found])), pixel_nm)
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
        return torch.zeros(len(windows.clips), *target.shape[1:], dtype=torch.bool), method.target_nm
    seen = windows.chosen(drawn)
    if prediction is None:
        solution = solve(simulator, target, method.target_nm, method, probes=seen.probes)
    else:
        assert own.plan.steps is not None
        some = replace(prediction, mask=prediction.mask[drawn], logits=prediction.logits[drawn])
        solution = refine(some, seen.clips, simulator, method, own.plan.steps, probes=seen.probes)
    solved = solution.require_finished().mask
    masks = solved.new_zeros(len(windows.clips), *solved.shape[1:])
    masks[drawn] = solved
    return masks, solution.pixel_nm


def _between_neighbours(own: Setting, windows: _Windows, before: Tensor, pixel_nm: float) -> Tensor:
    """The windows' masks, bool (B, H, W), from those of the pass before; what lies in the halo stays."""
    assert own.plan.method is not None
    method, halo_nm = own.plan.method.second_half, own.plan.tiling.halo_nm
    target, drawn = windows.coverage(method.target_nm)
    if not drawn:
        return before
    begin = torch.stack([on_pixel(before[index], pixel_nm, method.target_nm) for index in drawn])
    around = Surroundings(begin, method.target_nm, fixed_nm=halo_nm, uncounted_nm=UNCOUNTED * halo_nm)
    seen = windows.chosen(drawn)
    solution = solve(
        own.simulator, target, method.target_nm, method, init=begin, probes=seen.probes, surroundings=around
    )
    after = before.clone()
    after[drawn] = solution.require_finished().mask.cpu()
    return after
