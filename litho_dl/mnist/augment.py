"""Images moved, turned and scaled at random."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from litho_dl.core.errors import DatasetError
from litho_dl.core.settings import ProperFraction, Settings


class Augmentation(Settings):
    """The most that an image is changed, drawn evenly from both sides of no change.

    Attributes:
        shift_px: Along each axis.
        turn_deg: About the centre.
        scale: Share by which it grows or shrinks.
    """

    shift_px: Annotated[float, Field(ge=0)] = 0.0
    turn_deg: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: ProperFraction = 0.0


def augmented(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Each image (B, C, N, N) changed on its own, bilinearly; what comes in from outside is the nearest border pixel.

    Args:
        images: What to change.
        settings: How much.
        generator: On the CPU.

    Raises:
        DatasetError: The images are not square.
    """
    count, _, height, width = images.shape
    if height != width:
        raise DatasetError(f"Expected square images to turn, got {height} x {width} pixels; pad them.")
    drawn = 2 * torch.rand(4, count, generator=generator) - 1
    angle, scale = math.radians(settings.turn_deg) * drawn[0], 1 + settings.scale * drawn[1]
    cos, sin = angle.cos() / scale, angle.sin() / scale
    shift_x, shift_y = 2 * settings.shift_px * drawn[2:] / width
    maps = torch.stack([torch.stack([cos, -sin, shift_x], 1), torch.stack([sin, cos, shift_y], 1)], 1)
    grid = affine_grid(maps.to(images), list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
