"""Layer 5: clips in, scored masks out: one solve for the whole batch, then a scorecard each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from litho_dl.clips import Clip
from litho_dl.core.errors import KernelError, MaskError
from litho_dl.evaluate import PROTOCOLS, Evaluation, Protocol, RasterConvention, evaluate
from litho_dl.ilt.method import Method
from litho_dl.ilt.solve import OnStep, Solution, solve
from litho_dl.process.model import ProcessModel
from litho_dl.process.recipe import REQUIRED_CORNERS
from litho_dl.simulator import Simulator


@dataclass(frozen=True, eq=False)
class Optimized:
    """A clip with its optimised mask, bool (h, w) at `pixel_nm`, and its score."""

    clip: Clip
    mask: Tensor
    pixel_nm: float
    evaluation: Evaluation


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
        masks: One mask a clip to continue from, (H, W) in [0, 1] on the method's `target_nm`; see `solve`.

    Raises:
        MaskError: There is no clip, or one has nothing to print.
        GridMismatchError: A level's pixel does not divide the field.
    """
    if not clips:
        raise MaskError("Expected at least one clip, got none.")
    targets = torch.stack([clip.coverage(method.target_nm) for clip in clips])
    simulator = Simulator(process) if simulator is None else simulator
    init = None if masks is None else torch.stack(list(masks))
    return solve(simulator.to(device), targets, method.target_nm, method, on_step, init=init)


def scored(
    clips: Sequence[Clip],
    solution: Solution,
    process: ProcessModel,
    protocol: Protocol,
    *,
    raster: RasterConvention = "exact",
) -> Iterator[Optimized]:
    """Scores each mask of a solution, in float64, one at a time."""
    simulator = Simulator(process, dtype=torch.float64).to(solution.mask.device)
    for clip, mask in zip(clips, solution.mask, strict=True):
        evaluation = evaluate(mask, solution.pixel_nm, clip.placed, simulator, protocol, raster=raster)
        yield Optimized(clip, mask, solution.pixel_nm, evaluation)


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
