"""One parameter per mask pixel, through a sigmoid."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from litho_dl.ilt.parameterization.base import Parameterization, Start


class PixelSigmoid(Parameterization):
    """mask = sigmoid(sharpness theta): binary in the limit of large sharpness.

    A coarse pixel is simulated exactly (see `core.dft`), so refining to smaller pixels by repetition changes nothing
    of what is printed.
    """

    def start(self, start: Start) -> Tensor:
        """Distance from one half, so that edges start undecided and flat areas at +-1/2."""
        return start.mask - 0.5

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """sigmoid(sharpness theta)."""
        return torch.sigmoid(sharpness * parameters)

    def inside(self, parameters: Tensor, finer: int = 1) -> Tensor:
        """theta >= 0."""
        return (parameters >= 0).repeat_interleave(finer, 1).repeat_interleave(finer, 2)

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """Each parameter repeated."""
        return interpolate(parameters[:, None], scale_factor=ratio, mode="nearest")[:, 0]
