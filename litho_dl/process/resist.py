"""The resist model: from intensity to print."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from litho_dl.core.settings import Settings, Slope


class Resist(Settings):
    """Constant-threshold resist; intensities of at least `threshold` print (clear mask areas print as features).

    Attributes:
        threshold: Intensity at which the resist prints; a clear mask has intensity 1.
        steepness: Slope of the sigmoid that replaces the threshold where gradients are needed, per unit intensity.
        diffusion_nm: Standard deviation of the Gaussian acid diffusion.
    """

    threshold: Annotated[float, Field(gt=0, le=100)]
    steepness: Slope = 50.0
    diffusion_nm: Annotated[float, Field(ge=0, le=1000)] = 0.0


def diffusion_transfer(half: tuple[int, int], field_nm: tuple[float, float], diffusion_nm: float) -> Tensor:
    """The transfer function of acid diffusion, exp(-2 pi^2 sigma^2 |f|^2), on a half spectrum.

    Args:
        half: (h_y, h_x), the highest frequencies.
        field_nm: (height, width) of the field in nm.
        diffusion_nm: Standard deviation sigma of the Gaussian.

    Returns:
        float64 (2 h_y + 1, h_x + 1), to multiply spectra by.
    """
    f_y = torch.arange(-half[0], half[0] + 1, dtype=torch.float64) / field_nm[0]
    f_x = torch.arange(half[1] + 1, dtype=torch.float64) / field_nm[1]
    return torch.exp(-2 * torch.pi**2 * diffusion_nm**2 * (f_y[:, None].square() + f_x.square()))


def with_flare(transfer: Tensor, flare: float) -> Tensor:
    """A transfer function followed by flare: (1 - F) I + F mean(I), which leaves the mean of an image as it is.

    Args:
        transfer: On a half spectrum, (2 h_y + 1, h_x + 1).
        flare: F, in [0, 1).

    Returns:
        Of the same shape.
    """
    flared = (1 - flare) * transfer
    flared[transfer.shape[0] // 2, 0] = transfer[transfer.shape[0] // 2, 0]
    return flared


def sigmoid_print(intensity: Tensor, resist: Resist, dose: float = 1.0) -> Tensor:
    """The differentiable print sigmoid(steepness (dose I - threshold)).

    Args:
        intensity: Image I at dose 1, any shape.
        resist: The resist.
        dose: Factor on the intensity; > 0.

    Returns:
        Values in (0, 1), of the same shape.
    """
    bias = intensity.new_full((), -resist.steepness * resist.threshold)
    return torch.sigmoid(torch.add(bias, intensity, alpha=resist.steepness * dose))  # sum and product in one pass


def threshold_print(intensity: Tensor, resist: Resist, dose: float = 1.0) -> Tensor:
    """The binary print, dose I >= threshold.

    Args:
        intensity: Image I at dose 1, any shape.
        resist: The resist.
        dose: Factor on the intensity; > 0.

    Returns:
        bool, of the same shape.
    """
    return intensity >= resist.threshold / dose
