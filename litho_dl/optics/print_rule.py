"""What prints: on which side of the threshold the image lies where something was drawn."""

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

MaskField = Literal["dark", "clear"]
Image = TypeVar("Image", "Tensor", np.ndarray)


class PrintRule(NamedTuple):
    """The print is what is to be where something was drawn, whether the resist stays there or goes.

    The shapes of a dark field are openings: there it prints where the intensity I reaches the threshold. Those of a
    clear field are absorber: it prints where I falls short of it.

    Attributes:
        threshold: Intensity at which the resist changes; > 0.
        field: The mask's field, `dark` or `clear`.
    """

    threshold: float
    field: MaskField = "dark"

    @property
    def sign(self) -> int:
        """+1 if more light prints larger shapes, as in a dark field, and -1 if it prints smaller ones."""
        return 1 if self.field == "dark" else -1

    def printed(self, intensity: Image, dose: float = 1.0) -> Image:
        """Where it prints: dose I >= threshold in a dark field, dose I < threshold in a clear one.

        Args:
            intensity: I at dose 1, any shape.
            dose: Factor on the intensity; > 0.

        Returns:
            bool, of the same shape.
        """
        level = self.threshold / dose
        return intensity >= level if self.field == "dark" else intensity < level

    def excess(self, intensity: Image) -> Image:
        """The distance of I from the threshold, positive where it prints: I - threshold, or its negative.

        Args:
            intensity: I, any shape.

        Returns:
            Values of the same shape.
        """
        return intensity - self.threshold if self.field == "dark" else self.threshold - intensity

    def prints_more(self, dose: float, other: float) -> bool:
        """True if a dose prints larger shapes than another at the same focus."""
        return self.sign * dose > self.sign * other
