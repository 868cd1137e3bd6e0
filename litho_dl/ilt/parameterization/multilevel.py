"""Parameters on a control grid coarser than the mask's pixels: smooth edges, fewer of them."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from litho_dl.ilt.parameterization.base import Parameterization, Start, control_values

CONTROL = 2  # mask pixels per control point


class MultiLevel(Parameterization):
    """mask = sigmoid(sharpness U theta) with U the bilinear interpolation from control points to mask pixels.

    The mask's edge is a level line of a continuous function, so it moves smoothly between pixels and cannot be ragged
    below the control spacing; and the optimiser works on a quarter of the unknowns. The binary mask is the same
    function's level line, so what is optimised is what is printed.
    """

    def start(self, start: Start) -> Tensor:
        """Distance of the mask's mean around each control point from one half; see `control_values`."""
        return control_values(start.mask, CONTROL, "multilevel")

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """sigmoid(sharpness U theta)."""
        return torch.sigmoid(interpolated(sharpness * parameters, CONTROL))

    def inside(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """U theta >= 0, one phase of the rows after the other: masks may be written on many pixels."""
        across = _spread(_phases(parameters, CONTROL * finer, 2), 2)
        return _spread((rows >= 0 for rows in _phases(across, CONTROL * finer, 1)), 1)

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """Nearly the same function, on control points `ratio` times denser."""
        return interpolated(parameters, ratio)


def interpolated(values: Tensor, ratio: int) -> Tensor:
    """Bilinear between pixel centres, on a periodic field: (B, h, w) -> (B, ratio h, ratio w)."""
    for axis in (2, 1):
        values = _spread(_phases(values, ratio, axis), axis)
    return values


def _phases(values: Tensor, ratio: int, axis: int) -> Iterator[Tensor]:
    """The first of every `ratio` values between pixel centres along an axis, the second, ..."""
    for phase in range(ratio):
        share = (phase + 0.5) / ratio - 0.5
        yield torch.lerp(values, values.roll(1 if share < 0 else -1, axis), abs(share))


def _spread(phases: Iterable[Tensor], axis: int) -> Tensor:
    """All phases, one beside the other along an axis."""
    return torch.stack(list(phases), axis + 1).flatten(axis, axis + 1)
