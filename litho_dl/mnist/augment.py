"""Random shifts, rotations and scalings of images."""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from litho_dl.core.errors import DatasetError
from litho_dl.core.settings import ProperFraction, Settings


class Augmentation(Settings):
    """Largest changes of an image; each is drawn uniformly from [-largest, largest].

    Attributes:
        shift_px: Shift along each axis, in pixels.
        turn_deg: Rotation about the centre, in degrees.
        scale: Relative change of size.
    """

    shift_px: Annotated[float, Field(ge=0)] = 0.0
    turn_deg: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: ProperFraction = 0.0


def augmented(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Transforms each image by its own random map, with bilinear interpolation and replicated borders.

    Args:
        images: (B, C, N, N).
        settings: The largest changes.
        generator: Random generator on the CPU.

    Returns:
        The transformed images, (B, C, N, N).

    Raises:
        DatasetError: The images are not square.
    """
    count, _, height, width = images.shape
    if height != width:
        raise DatasetError(f"Expected square images to rotate, got {height} x {width} pixels; pad them.")
    drawn = 2 * torch.rand(4, count, generator=generator) - 1
    angle, scale = math.radians(settings.turn_deg) * drawn[0], 1 + settings.scale * drawn[1]
    cos, sin = angle.cos() / scale, angle.sin() / scale
    shift_x, shift_y = 2 * settings.shift_px * drawn[2:] / width
    maps = torch.stack([torch.stack([cos, -sin, shift_x], 1), torch.stack([sin, cos, shift_y], 1)], 1)
    grid = affine_grid(maps.to(images), list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
