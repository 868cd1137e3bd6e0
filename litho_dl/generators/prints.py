"""Prints of generators' masks, for losses and validation."""

from dataclasses import replace

import torch
from torch import Tensor

from litho_dl.generators.recipe import GeneratorRecipe
from litho_dl.ilt.objective import ObjectiveInputs
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.task import Metrics


def exposed(simulator: Simulator, recipe: GeneratorRecipe, mask: Tensor, scale: float = 1.0) -> Exposure:
    """The exposure of masks, in full precision also under autocast.

    Args:
        simulator: The optics.
        recipe: With the pixels of masks and prints.
        mask: Mask values (B, H, W).
        scale: What these pixels are multiplied by.

    Returns:
        Images and prints (B, h, w) on the network's pixel.
    """
    with torch.autocast(mask.device.type, enabled=False):
        return simulator.expose(mask, scale * recipe.mask_pixel_nm, out_pixel_nm=scale * recipe.pixel_nm)


def objective_inputs(
    exposure: Exposure, target: Tensor, mask: Tensor, recipe: GeneratorRecipe, steepness: float | None
) -> ObjectiveInputs:
    """What lithographic terms are computed from.

    Args:
        exposure: The masks' exposure.
        target: Area coverage (B, h, w).
        mask: Mask values (B, H, W).
        recipe: With the pixels.
        steepness: Of the resist; None: its own.
    """
    if steepness is not None:
        exposure = replace(exposure, resist=exposure.resist.model_copy(update={"steepness": steepness}))
    unused = target.new_empty(0)  # only for other terms of ILT
    pixels_nm = recipe.pixel_nm, recipe.mask_pixel_nm
    return ObjectiveInputs(target, exposure, mask, unused, unused, *pixels_nm, rules=None, binary=False)


def print_sums(exposure: Exposure, target: Tensor, recipe: GeneratorRecipe) -> Metrics:
    """Sums over clips of the L2 errors and PV bands of thresholded prints in nm^2, and the number of clips.

    `l2_pvb_nm2` is their plain sum, `weighted_nm2` that with the recipe's `pvb_weight`, which chooses epochs.

    Args:
        exposure: Of binary masks.
        target: Area coverage (B, h, w).
        recipe: With the pixel that areas are counted with.
    """
    prints = {corner: exposure.binary_print(corner) for corner in ("nominal", "outer", "inner")}
    l2 = (prints["nominal"] != (target >= 0.5)).sum() * recipe.pixel_nm**2
    pvb = (prints["outer"] != prints["inner"]).sum() * recipe.pixel_nm**2
    count = torch.tensor(len(target), device=target.device)
    weighted = l2 + recipe.pvb_weight * pvb
    return {"count": count, "l2_nm2": l2, "pvb_nm2": pvb, "l2_pvb_nm2": l2 + pvb, "weighted_nm2": weighted}
