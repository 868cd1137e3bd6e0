"""Mask types: from area coverage to transmitted amplitude."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from litho_dl.core.settings import Settings


class MaskType(Settings):
    """The meaning of a mask value m.

    - binary: m in [0, 1] is the clear share of the area; the amplitude is m.
    - attenuated: the background transmits the share T = `transmission` of the intensity at a phase of 180 degrees; the
      amplitude is m - sqrt(T) (1 - m).
    - alternating: m in [-1, 1]; clear areas have a phase of 0 (+1) or 180 degrees (-1); the amplitude is m.
    """

    type: Literal["binary", "attenuated", "alternating"] = "binary"
    transmission: Annotated[float, Field(gt=0, lt=1)] = 0.06

    @property
    def lowest(self) -> float:
        """The smallest mask value allowed."""
        return -1.0 if self.type == "alternating" else 0.0

    def amplitude(self, mask: Tensor) -> Tensor:
        """Transmitted amplitude of mask values, real, same shape."""
        if self.type != "attenuated":
            return mask
        background = self.transmission**0.5
        return mask * (1 + background) - background
