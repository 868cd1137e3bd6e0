"""Layer 5: clips in, scored masks out: one solve for the whole batch, then a scorecard each."""

import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from litho_dl.core.errors import KernelError, MaskError
from litho_dl.core.grid import Grid
from litho_dl.ilt.method import Method
from litho_dl.ilt.solve import OnStep, Solution, solve
from litho_dl.layout.clips import MASK_FILE_PIXEL_NM, Clip
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.curves import curved_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.process.model import ProcessModel
from litho_dl.process.recipe import REQUIRED_CORNERS
from litho_dl.scoring.evaluate import PROTOCOLS, Evaluation, Protocol, RasterConvention, evaluate
from litho_dl.simulation.simulator import Simulator


@dataclass(frozen=True, eq=False)
class Optimized:
    """A clip with its optimised mask and its score.

    Attributes:
        clip: The clip.
        mask: bool (h, w).
        pixel_nm: Its pixel.
        polygons: The mask as polygons on the field: along its pixels, or smooth curves.
        evaluation: The score of these polygons.
        pixels: The score of the pixel mask that the curves were drawn from; None if the polygons are along pixels.
    """

    clip: Clip
    mask: Tensor
    pixel_nm: float
    polygons: tuple[Polygon, ...]
    evaluation: Evaluation
    pixels: Evaluation | None


def solve_clips(
    clips: Sequence[Clip],
    process: ProcessModel,
    method: Method,
    device: torch.device,
    on_step: OnStep | None = None,
    *,
    simulator: Simulator | None = None,
    masks: Sequence[Tensor] | None = None,
) -> Solution:
    """Optimises all clips as one batch.

    Args:
        clips: What to print.
        process: The process.
        method: What to do.
        device: Where to compute.
        on_step: See `solve`.
        simulator: In place of the process's kernels; a trainable one (`SourceSimulator`) is optimised with the masks.
        masks: One mask a clip to continue from, (H, W) in [0, 1] on the method's `target_nm`, by its last level alone.

    Raises:
        MaskError: There is no clip, or one has nothing to print.
        GridMismatchError: A level's pixel does not divide the field.
    """
    if not clips:
        raise MaskError("Expected at least one clip, got none.")
    target_nm = method.target_nm  # of all levels: on it the masks are given
    targets = torch.stack([clip.coverage(target_nm) for clip in clips])
    simulator = Simulator(process) if simulator is None else simulator
    init = None if masks is None else torch.stack(list(masks))
    method = method if masks is None else method.last_level
    return solve(simulator.to(device), targets, target_nm, method, on_step, init=init)


class Masks(typing.Protocol):
    """One mask a clip, bool (B, h, w), and their pixel, such as a `Solution`."""

    @property
    def mask(self) -> Tensor: ...

    @property
    def pixel_nm(self) -> float: ...


def scored(
    clips: Sequence[Clip],
    solution: Masks,
    process: ProcessModel,
    protocol: Protocol,
    *,
    raster: RasterConvention = "exact",
    curves_nm: float | None = None,
) -> Iterator[Optimized]:
    """Scores each mask of a solution, in float64, one at a time.

    Args:
        clips: The clips.
        solution: Their masks.
        process: The process.
        protocol: How to score.
        raster: How target pixels are counted.
        curves_nm: Draw the masks as smooth curves, simplified within this tolerance, and score what is drawn.
    """
    simulator = Simulator(process, dtype=torch.float64).to(solution.mask.device)
    for clip, mask in zip(clips, solution.mask, strict=True):
        evaluation = evaluate(mask, solution.pixel_nm, clip.placed, simulator, protocol, raster=raster)
        if curves_nm is None:
            polygons = pixel_polygons(mask.cpu().numpy(), solution.pixel_nm)
            yield Optimized(clip, mask, solution.pixel_nm, polygons, evaluation, None)
            continue
        polygons = curved_polygons(mask.cpu().numpy(), solution.pixel_nm, curves_nm)
        coverage = rasterize(Layout(clip.name, polygons), Grid.of_field(clip.field_nm, MASK_FILE_PIXEL_NM))
        drawn = torch.from_numpy(coverage >= 0.5)
        curved = evaluate(drawn, MASK_FILE_PIXEL_NM, clip.placed, simulator, protocol, raster=raster)
        yield Optimized(clip, drawn, MASK_FILE_PIXEL_NM, polygons, curved, evaluation)


def default_protocol(process: ProcessModel) -> Protocol:
    """`iccad13` for imported kernels (they have no recipe) on its field, else `default`.

    Raises:
        KernelError: The process lacks a corner that scoring needs.
    """
    missing = [name for name in REQUIRED_CORNERS if name not in process.corners]
    if missing:
        raise KernelError(f"Expected a process with corners {', '.join(REQUIRED_CORNERS)}, got no {missing[0]}.")
    iccad13 = PROTOCOLS["iccad13"]
    contest_like = process.recipe is None and iccad13.defined_for(process.field_nm)
    return iccad13 if contest_like else PROTOCOLS["default"]
