"""How free parameters become a mask."""

from typing import Protocol

from torch import Tensor

from litho_dl.ilt.parameterization.multilevel import MultiLevel
from litho_dl.ilt.parameterization.pixel import PixelSigmoid


class Parameterization(Protocol):
    """What the loop needs to know; parameters and masks are (B, h, w) tensors."""

    def start(self, mask: Tensor) -> Tensor:
        """Parameters whose mask resembles a given one, values in [0, 1]."""

    def mask(self, parameters: Tensor, sharpness: float) -> Tensor:
        """The mask in (0, 1), differentiable; nearer to binary the larger the sharpness."""

    def refine(self, parameters: Tensor, ratio: int) -> Tensor:
        """The same mask's parameters where mask pixels are `ratio` times smaller."""


PARAMETERIZATIONS: dict[str, Parameterization] = {"pixel": PixelSigmoid(), "multilevel": MultiLevel()}
