"""Pixel masks: one parameter per mask pixel, through a sigmoid."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from litho_dl.ilt.parameterization.base import Parameterization, Start


class PixelSigmoid(Parameterization):
    """mask = sigmoid(sharpness theta): binary in the limit of large sharpness.

    Coarse pixels are simulated exactly (see `core.dft`), so that refining to finer pixels by repetition does not change
    the print.
    """

    def start(self, start: Start) -> Tensor:
        """The mask minus 0.5, so that edges start at 0 and flat areas at +-1/2."""
        return start.mask - 0.5

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """sigmoid(sharpness theta)."""
        return torch.sigmoid(sharpness * parameters)

    def open_pixels(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """theta >= 0."""
        return (parameters >= 0).repeat_interleave(finer, 1).repeat_interleave(finer, 2)

    def function(self, parameters: Tensor) -> Tensor:
        """theta."""
        return parameters

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """The parameters, each repeated for `ratio` x `ratio` pixels."""
        return interpolate(parameters[:, None], scale_factor=ratio, mode="nearest")[:, 0]
