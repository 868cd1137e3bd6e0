"""Parameters on a control grid coarser than the mask's pixels: smooth edges, fewer of them."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.core.errors import GridMismatchError
from litho_dl.ilt.parameterization.base import Parameterization, Start

CONTROL = 2  # mask pixels per control point


class MultiLevel(Parameterization):
    """mask = sigmoid(sharpness U theta) with U the bilinear interpolation from control points to mask pixels.

    The mask's edge is a level line of a continuous function, so it moves smoothly between pixels and cannot be ragged
    below the control spacing; and the optimiser works on a quarter of the unknowns. The binary mask goes through the
    same U, so what is optimised is what is printed.
    """

    def start(self, start: Start) -> Tensor:
        """Distance of the mask's mean around each control point from one half.

        Raises:
            GridMismatchError: The mask's sides are no multiples of `CONTROL` pixels.
        """
        mask = start.mask
        if mask.shape[-2] % CONTROL or mask.shape[-1] % CONTROL:
            raise GridMismatchError(
                f"Expected a mask of whole blocks of {CONTROL} pixels for the multilevel parameterization, got "
                f"{mask.shape[-2]} x {mask.shape[-1]} pixels; choose another field or pixel_nm."
            )
        return avg_pool2d(mask[:, None], CONTROL)[:, 0] - 0.5

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """sigmoid(sharpness U theta)."""
        return torch.sigmoid(sharpness * interpolated(parameters, CONTROL))

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """Nearly the same function, on control points `ratio` times denser."""
        return interpolated(parameters, ratio)


def interpolated(values: Tensor, ratio: int) -> Tensor:
    """Bilinear between pixel centres, on a periodic field: (B, h, w) -> (B, ratio h, ratio w)."""
    for axis in (2, 1):
        before, after = values.roll(1, axis), values.roll(-1, axis)
        shares = [(phase + 0.5) / ratio - 0.5 for phase in range(ratio)]
        phases = [torch.lerp(values, before if share < 0 else after, abs(share)) for share in shares]
        values = torch.stack(phases, axis + 1).flatten(axis, axis + 1)
    return values
