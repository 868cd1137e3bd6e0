"""Multilevel masks: parameters on a control grid coarser than the mask's pixels, for smooth edges."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from litho_dl.ilt.parameterization.base import Parameterization, Start, control_values

CONTROL = 2  # mask pixels per control point


class MultiLevel(Parameterization):
    """mask = sigmoid(sharpness U theta) with U the bilinear interpolation from control points to mask pixels.

    The mask's edge is a level line of a continuous function, so that it moves smoothly between pixels and is not ragged
    below the control spacing; and there are a quarter as many unknowns as pixels. The binary mask has its edge on the
    same level line, so that what is optimised is what is printed.
    """

    block = CONTROL

    def start(self, start: Start) -> Tensor:
        """The mask's mean around each control point, minus 0.5; see `control_values`."""
        return control_values(start.mask, CONTROL, "multilevel")

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """sigmoid(sharpness U theta)."""
        return torch.sigmoid(interpolated(sharpness * parameters, CONTROL))

    def open_pixels(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """U theta >= 0, computed one phase of rows at a time to save memory, as written masks may be large."""
        across = _spread(_phases(parameters, CONTROL * finer, 2), 2)
        return _spread((rows >= 0 for rows in _phases(across, CONTROL * finer, 1)), 1)

    def function(self, parameters: Tensor) -> Tensor:
        """U theta."""
        return interpolated(parameters, CONTROL)

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """Nearly the same function on control points `ratio` times denser."""
        return interpolated(parameters, ratio)


def interpolated(values: Tensor, ratio: int) -> Tensor:
    """Bilinear interpolation between pixel centres, on a periodic field.

    Args:
        values: (B, h, w).
        ratio: How many times finer the new pixels are.

    Returns:
        (B, ratio h, ratio w).
    """
    for axis in (2, 1):
        values = _spread(_phases(values, ratio, axis), axis)
    return values


def _phases(values: Tensor, ratio: int, axis: int) -> Iterator[Tensor]:
    """The interpolated values along an axis, as `ratio` phases: the first of every `ratio` values, the second, ..."""
    for phase in range(ratio):
        share = (phase + 0.5) / ratio - 0.5
        yield torch.lerp(values, values.roll(1 if share < 0 else -1, axis), abs(share))


def _spread(phases: Iterable[Tensor], axis: int) -> Tensor:
    """The phases, interleaved along an axis."""
    return torch.stack(list(phases), axis + 1).flatten(axis, axis + 1)
