"""Curvilinear masks: the mask's edge is a level line of a cubic spline on a coarse control grid."""

import torch
from torch import Tensor

from litho_dl.ilt.parameterization.base import Parameterization, Start, control_values

CONTROL = 4  # mask pixels per control point


class Curvilinear(Parameterization):
    """mask = sigmoid(sharpness B theta) with B the cubic B-spline from control points to mask pixels.

    The mask's edge is a level line of a function with two continuous derivatives: a smooth curve by construction, with
    no detail below the control spacing, on any pixel.

    Source: M. Unser, IEEE Signal Processing Magazine 16(6), 22 (1999).
    """

    block = CONTROL

    def __init__(self) -> None:
        self._weights: dict[tuple[int, int], Tensor] = {}

    def start(self, start: Start) -> Tensor:
        """The mask's mean around each control point, minus 0.5; see `control_values`."""
        return control_values(start.mask, CONTROL, "curvilinear")

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """sigmoid(sharpness B theta)."""
        return torch.sigmoid(sharpness * self._drawn(parameters, CONTROL))

    def open_pixels(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """B theta >= 0."""
        return self._drawn(parameters, CONTROL * finer) >= 0

    def function(self, parameters: Tensor) -> Tensor:
        """B theta."""
        return self._drawn(parameters, CONTROL)

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """The same function on control points `ratio` times denser, as closely as the spline can represent it."""
        return parameters if ratio == 1 else self._drawn(parameters, ratio)

    def _drawn(self, parameters: Tensor, ratio: int) -> Tensor:
        """The function's values, `ratio` samples to a control spacing."""
        rows, columns = (self._spline(n, ratio, parameters) for n in parameters.shape[-2:])
        return rows @ parameters @ columns.T

    def _spline(self, control_points: int, ratio: int, like: Tensor) -> Tensor:
        """The `spline_matrix` on the parameters' device, cached, as it is computed on the CPU."""
        key = (control_points, ratio)
        found = self._weights.get(key)
        if found is None or (found.dtype, found.device) != (like.dtype, like.device):
            with torch.inference_mode(False):  # inference tensors cannot be used in a later backward pass
                found = self._weights[key] = spline_matrix(control_points, ratio).to(like.device, like.dtype)
        return found


def spline_matrix(control_points: int, ratio: int) -> Tensor:
    """Cubic B-spline weights of samples on a periodic line.

    Sample i is at (i + 1/2) / ratio - 1/2 control spacings.

    Args:
        control_points: Number of control points.
        ratio: Samples to a control spacing.

    Returns:
        float64 (control_points * ratio, control_points).
    """
    samples = (torch.arange(control_points * ratio, dtype=torch.float64) + 0.5) / ratio - 0.5
    distance = (samples[:, None] - torch.arange(control_points)).remainder(control_points)
    distance = torch.minimum(distance, control_points - distance)
    near = 2 / 3 - distance.square() + distance**3 / 2
    far = (2 - distance).clamp(min=0) ** 3 / 6
    return torch.where(distance < 1, near, far)
