"""Layer 1: the resist, from intensity to print."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from litho_dl.core.settings import Settings


class Resist(Settings):
    """Constant-threshold resist; what receives at least `threshold` prints (a clear mask area is a printed feature).

    Attributes:
        threshold: Intensity at which the resist prints, relative to a clear mask's 1.
        steepness: Slope of the sigmoid that replaces the threshold where gradients are needed, per unit intensity.
        diffusion_nm: Standard deviation of the Gaussian acid diffusion.
    """

    threshold: Annotated[float, Field(gt=0)]
    steepness: Annotated[float, Field(gt=0)] = 50.0
    diffusion_nm: Annotated[float, Field(ge=0, le=1000)] = 0.0


def diffusion_transfer(half: tuple[int, int], field_nm: tuple[float, float], diffusion_nm: float) -> Tensor:
    """exp(-2 pi^2 sigma^2 |f|^2) on a half spectrum (2 h_y + 1, h_x + 1), float64: Gaussian blurring as a product."""
    f_y = torch.arange(-half[0], half[0] + 1, dtype=torch.float64) / field_nm[0]
    f_x = torch.arange(half[1] + 1, dtype=torch.float64) / field_nm[1]
    return torch.exp(-2 * torch.pi**2 * diffusion_nm**2 * (f_y[:, None].square() + f_x.square()))


def sigmoid_print(intensity: Tensor, resist: Resist, dose: float = 1.0) -> Tensor:
    """sigmoid(steepness (dose I - threshold)): a differentiable print in (0, 1)."""
    bias = intensity.new_full((), -resist.steepness * resist.threshold)
    return torch.sigmoid(torch.add(bias, intensity, alpha=resist.steepness * dose))  # one pass for the sum and product


def threshold_print(intensity: Tensor, resist: Resist, dose: float = 1.0) -> Tensor:
    """True where dose I >= threshold."""
    return intensity >= resist.threshold / dose
