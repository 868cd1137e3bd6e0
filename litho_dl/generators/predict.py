"""From layouts to masks: one pass through a network, then some steps of optimisation from there."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from litho_dl.core.errors import GridMismatchError
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.model import Generator
from litho_dl.ilt.method import Method, load_method
from litho_dl.ilt.objective import epe_probes
from litho_dl.ilt.problem import Probes
from litho_dl.ilt.solve import OnStep, Solution, solve_targets
from litho_dl.layout.clips import Clip, on_pixel
from litho_dl.simulation.simulator import Simulator

MIDDLE = 0.5  # of the first level; what comes before is there to find masks such as a network draws
TOGETHER = 16  # clips


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """A network's masks.

    Attributes:
        mask: Binary masks, bool (B, H, W), on the CPU.
        logits: Where they are positive, the mask is open; float32.
        pixel_nm: Their pixel.
        seconds: Wall time of the network, for all clips.
    """

    mask: Tensor
    logits: Tensor
    pixel_nm: float
    seconds: float

    def __repr__(self) -> str:
        count, height, width = self.mask.shape
        return (
            f"Prediction({count} {'masks' if count != 1 else 'mask'} of {height} x {width} pixels of "
            f"{self.pixel_nm:g} nm in {self.seconds:.2f} s)"
        )


@torch.no_grad()
def predict(generator: Generator, clips: Clip | Sequence[Clip], device: torch.device | str | None = None) -> Prediction:
    """Draws the masks of clips on one field by a network, some at a time.

    Args:
        generator: The network.
        clips: One clip or several, all on one field.
        device: Where to compute; default where the network is.

    Returns:
        One mask for each clip.

    Raises:
        CheckpointError: The network draws no masks.
        GridMismatchError: The field is not of whole pixels of the network, or not as many as it can halve.
    """
    generator.require_masks()
    clips = [clips] if isinstance(clips, Clip) else clips
    recipe = generator.card.recipe
    device = next(generator.network.parameters()).device if device is None else device
    targets = torch.stack([clip.coverage(recipe.pixel_nm) for clip in clips])[:, None]
    network = generator.network.to(device)
    started = time.perf_counter()
    try:
        parts = [mask_logits(network, part.to(device), recipe.ratio).cpu() for part in targets.split(TOGETHER)]
    except GridMismatchError as error:
        raise GridMismatchError(
            f"{generator.origin}: {error} Its pixels are {recipe.pixel_nm:g} nm; choose another --field."
        ) from error
    logits = torch.cat(parts)
    return Prediction(logits > 0, logits, recipe.mask_pixel_nm, time.perf_counter() - started)


def refine(
    prediction: Prediction,
    clips: Clip | Sequence[Clip],
    simulator: Simulator,
    method: str | Path | Method,
    steps: int,
    on_step: OnStep | None = None,
    *,
    probes: Probes = epe_probes,
) -> Solution:
    """Optimises a network's masks by a method, from the middle of its first level on, in so many steps.

    It starts from logits over that level's first `mask_sharpness`: where parameters stand for grey masks, its first
    mask is then the network's own soft one. A start from binary masks needs more steps.

    Args:
        prediction: The masks.
        clips: Whose masks they are.
        simulator: The process, on the device to compute on.
        method: A method's name, a .toml file, or a `Method`.
        steps: In all; see `Method.in_steps`.
        on_step: See `solve_targets`.
        probes: See `solve_targets`.

    Raises:
        LithoError: As `solve_targets`.
    """
    clips = [clips] if isinstance(clips, Clip) else clips
    method = (method if isinstance(method, Method) else load_method(method)).in_steps(steps, MIDDLE)
    targets = torch.stack([clip.coverage(method.target_nm) for clip in clips])
    soft = (0.5 + prediction.logits / method.levels[0].mask_sharpness[0]).clamp(0, 1)
    masks = torch.stack([on_pixel(mask, prediction.pixel_nm, method.target_nm) for mask in soft])
    return solve_targets(simulator, targets, method.target_nm, method, on_step, init=masks, probes=probes)
