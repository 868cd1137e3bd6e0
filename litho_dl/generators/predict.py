"""Inference: masks from a network, and their refinement by some steps of ILT."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from litho_dl.core.arguments import require_functions, require_whole
from litho_dl.core.device import resolve_device
from litho_dl.core.errors import CheckpointError, GridMismatchError, MaskError
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import Generator
from litho_dl.ilt.method import Method, load_method
from litho_dl.ilt.probes import Edges
from litho_dl.ilt.solve import OnStep, solve_targets
from litho_dl.layout.clips import Clip, drawn_polygons, on_pixel
from litho_dl.runs.masks import as_clips, clips_on_field, masks_of_clips
from litho_dl.runs.optimize import ClipSolution
from litho_dl.simulation.simulator import Simulator

HASTE = 1.5  # times a level's learning rate, where a network takes the place of the level before it; chosen for `fast`
BATCH_CLIPS = 16  # clips per forward pass


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """A network's masks.

    Attributes:
        mask: Binary masks, bool (B, H, W), on the CPU.
        logits: Their logits, float32 (B, H, W), positive in the mask's shapes.
        pixel_nm: Pixel of masks and logits.
        sharpness: Slope of the mask's sigmoid at which training ended: the soft mask is sigmoid(sharpness logits).
        seconds: Wall time of the network for all clips.
    """

    mask: Tensor
    logits: Tensor
    pixel_nm: float
    sharpness: float
    seconds: float

    def __repr__(self) -> str:
        count, height, width = self.mask.shape
        return (
            f"Prediction({count} {'masks' if count != 1 else 'mask'} of {height} x {width} pixels of "
            f"{self.pixel_nm:g} nm in {self.seconds:.2f} s)"
        )


@torch.no_grad()
def predict(generator: Generator, clips: Clip | Sequence[Clip], device: torch.device | str | None = None) -> Prediction:
    """Generates the masks of clips by a network, in batches.

    Args:
        generator: The network.
        clips: One clip or several, all with the same field.
        device: Device to compute on; default the network's.

    Returns:
        One mask for each clip.

    Raises:
        CheckpointError: It is not a generator, or does not generate masks.
        MaskError: There is no clip, or one is of another type.
        GridMismatchError: The field is not a whole number of the network's pixels, or the network cannot halve that
            number often enough.
    """
    if not isinstance(generator, Generator):
        raise CheckpointError(f"Expected a Generator, got {type(generator).__name__}; load one by load_generator.")
    generator.require_masks()
    clips = as_clips(clips)
    recipe = generator.card.recipe
    if device is None:
        device = next(generator.network.parameters()).device
    elif not isinstance(device, torch.device):
        device = resolve_device(device)
    targets = torch.stack([clip.coverage(generator.pixel_nm) for clip in clips])[:, None]
    network = generator.network.to(device)
    started = time.perf_counter()
    try:
        parts = [mask_logits(network, part.to(device), recipe.ratio).cpu() for part in targets.split(BATCH_CLIPS)]
    except GridMismatchError as error:
        raise GridMismatchError(
            f"{generator.origin}: {error} Its pixels are {generator.pixel_nm:g} nm; choose another field (--field)."
        ) from error
    logits = torch.cat(parts)
    sharpness = recipe.stages[-1].mask_sharpness[1]
    return Prediction(logits > 0, logits, generator.mask_pixel_nm, sharpness, time.perf_counter() - started)


def refine(
    simulator: Simulator,
    prediction: Prediction,
    clips: Clip | Sequence[Clip],
    method: str | Path | Method,
    steps: int,
    on_step: OnStep | None = None,
    *,
    edges: Edges | None = None,
) -> ClipSolution:
    """Refines a network's masks by an ILT method without its first level, which finds masks like a network's.

    Where the second level has another parameterization, or there is none, refinement begins in the middle of the first.

    The initial mask is 1/2 + g logits / s, with the network's sharpness g and the first `mask_sharpness` s: for methods
    whose parameters are grey masks this is the soft mask that the network was trained with. A start from binary masks
    needs more steps.

    Args:
        simulator: The process, on the device to compute on.
        prediction: The masks.
        clips: Their clips, on the simulator's field.
        method: A method's name, a .toml file, or a `Method`.
        steps: Number of steps; see `Method.in_steps`.
        on_step: See `ilt.solve.solve_targets`.
        edges: See `ilt.solve.solve_targets`.

    Returns:
        The refined masks.

    Raises:
        LithoError: As `solve_targets`.
        MaskError: There are not as many masks as clips.
        GridMismatchError: Clips, masks and simulator have different fields.
    """
    if not isinstance(prediction, Prediction):
        raise MaskError(
            f"Expected a Prediction, got {type(prediction).__name__}; continue from masks by solve(masks=...)."
        )
    require_whole(steps=steps)
    require_functions(on_step=on_step)
    clips = clips_on_field(simulator, clips)
    masks_of_clips(simulator, prediction, clips)
    method = _later_levels(method if isinstance(method, Method) else load_method(method), steps)
    target_nm = method.target_nm * simulator.scale
    targets = torch.stack([clip.coverage(target_nm) for clip in clips])
    steeper = prediction.sharpness / method.levels[0].mask_sharpness[0]
    soft = (0.5 + steeper * prediction.logits).clamp(0, 1)
    masks = torch.stack([on_pixel(mask, prediction.pixel_nm, target_nm) for mask in soft])
    polygons = [drawn_polygons(clip) for clip in clips]
    found = solve_targets(simulator, targets, target_nm, method, on_step, init=masks, polygons=polygons, edges=edges)
    return ClipSolution.of(found, clips, simulator)


def _later_levels(method: Method, steps: int) -> Method:
    """The steps that refine masks."""
    kinds = [level.parameterization or method.parameterization for level in method.levels[:2]]
    if len(kinds) == 1 or kinds[0] != kinds[1]:
        return method.in_steps(steps, 0.5)
    first, second, *others = method.levels
    rates = HASTE * second.learning_rate[0], HASTE * second.learning_rate[1]
    hasty = second.model_copy(update={"learning_rate": rates})
    return method.model_copy(update={"levels": (first, hasty, *others)}).in_steps(steps, 1.0)
