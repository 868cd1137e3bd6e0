"""Parameters on a control grid coarser than the mask's pixels: smooth edges, fewer of them."""

import torch
from torch import Tensor

from litho_dl.ilt.parameterization.base import Parameterization, Start, control_values

CONTROL = 2  # mask pixels per control point


class MultiLevel(Parameterization):
    """mask = sigmoid(sharpness U theta) with U the bilinear interpolation from control points to mask pixels.

    The mask's edge is a level line of a continuous function, so it moves smoothly between pixels and cannot be ragged
    below the control spacing; and the optimiser works on a quarter of the unknowns. The binary mask goes through the
    same U, so what is optimised is what is printed.
    """

    def start(self, start: Start) -> Tensor:
        """Distance of the mask's mean around each control point from one half; see `control_values`."""
        return control_values(start.mask, CONTROL, "multilevel")

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """sigmoid(sharpness U theta)."""
        return torch.sigmoid(interpolated(sharpness * parameters, CONTROL))

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
