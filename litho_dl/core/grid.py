"""The periodic simulation field and its pixel grid."""

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Protocol

from litho_dl.core.errors import GridMismatchError

MOST_PIXELS = 2**30
FIELD_TOLERANCE = 1e-9  # relative; fields and pixels are decimal numbers of nm


def same_length(a_nm: float, b_nm: float) -> bool:
    """True if two lengths agree to rounding.

    Args:
        a_nm: One length.
        b_nm: The other.

    Returns:
        Whether they differ by at most `FIELD_TOLERANCE` of the larger one.
    """
    return abs(a_nm - b_nm) <= FIELD_TOLERANCE * max(abs(a_nm), abs(b_nm))


def whole_ratio(length_nm: float, unit_nm: float) -> int | None:
    """How many times a unit fits into a length, if that is a whole number.

    Args:
        length_nm: The length, such as a coarse pixel or the side of a field.
        unit_nm: The unit, such as a fine pixel; > 0.

    Returns:
        A whole number of at least 1, or None.
    """
    ratio = length_nm / unit_nm
    if not 0.5 <= ratio < math.inf:
        return None
    count = round(ratio)
    return count if count >= 1 and same_length(count * unit_nm, length_nm) else None


def common_multiple_nm(*lengths_nm: float) -> float:
    """The smallest length that is a whole multiple of all given ones.

    Args:
        lengths_nm: One or more lengths, such as pixels; > 0.

    Returns:
        The length in nm.
    """
    parts = [Fraction(f"{length_nm:.9g}") for length_nm in lengths_nm]
    return math.lcm(*(part.numerator for part in parts)) / math.gcd(*(part.denominator for part in parts))


def require_steps(field_nm: tuple[float, float], step_nm: float, user: str) -> None:
    """Checks that a field is a whole number of steps, before kernels are built for it.

    Args:
        field_nm: (height, width) in nm.
        step_nm: The step, such as a pixel; > 0.
        user: What needs it, for the message, such as `method fast`.

    Raises:
        GridMismatchError: It is not; the message names the nearest fields that are.
    """
    if all(whole_ratio(side, step_nm) is not None for side in field_nm):
        return
    steps = max(1, math.floor(max(field_nm) / step_nm))
    raise GridMismatchError(
        f"Expected a field of whole multiples of {step_nm:g} nm for {user}, got {field_nm[1]:g} x {field_nm[0]:g} nm; "
        f"choose a field of {steps * step_nm:.12g} or {(steps + 1) * step_nm:.12g} nm (--field)."
    )


def finest_period(half: tuple[int, int], field_nm: tuple[float, float]) -> float:
    """The finest period in nm along either axis, to the step 1 / field of frequencies.

    Args:
        half: (h_y, h_x), the highest frequencies of a field.
        field_nm: (height, width) of the field.
    """
    return min(side / max(1, h) for side, h in zip(field_nm, half, strict=True))


class HasField(Protocol):
    """Anything with a field, such as a simulator, a process model or a clip."""

    @property
    def field_nm(self) -> tuple[float, float]:
        """(height, width) in nm."""


def scale_of(optics: HasField) -> float:
    """What lengths chosen for some 50 nm of resolution are multiplied by; 1 for a bare field, see `Recipe`."""
    return float(getattr(optics, "scale", 1.0))


@dataclass(frozen=True)
class Grid:
    """Square pixels that tile a periodic field of (H p, W p) nm.

    The row index grows with layout y, the column index with x. Pixel (i, j) covers the half-open square
    [j p, (j+1) p) x [i p, (i+1) p); its centre is ((j + 1/2) p, (i + 1/2) p).

    Attributes:
        shape: (H, W), each at least 1.
        pixel_nm: Side p of a pixel; > 0.
    """

    shape: tuple[int, int]
    pixel_nm: float

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or not self.pixel_nm > 0:
            raise GridMismatchError(
                f"Expected at least one pixel of positive size, got {self.shape} pixels of {self.pixel_nm} nm."
            )

    @property
    def field_nm(self) -> tuple[float, float]:
        """(height, width) of the field in nm."""
        return self.shape[0] * self.pixel_nm, self.shape[1] * self.pixel_nm

    @classmethod
    def of_field(cls, field_nm: tuple[float, float], pixel_nm: float) -> "Grid":
        """The grid that tiles a field with pixels of a given size.

        Args:
            field_nm: (height, width) in nm; > 0.
            pixel_nm: Side of a pixel; > 0.

        Returns:
            The grid.

        Raises:
            GridMismatchError: The pixel does not divide the field, or there are too many pixels.
        """
        lengths = (pixel_nm, *field_nm)
        if not all(isinstance(length, Real) and 0 < length < math.inf for length in lengths):
            raise GridMismatchError(f"Expected a positive pixel and field, got {pixel_nm} nm and {field_nm} nm.")
        shape = (round(field_nm[0] / pixel_nm), round(field_nm[1] / pixel_nm))
        if shape[0] * shape[1] > MOST_PIXELS:
            raise GridMismatchError(
                f"Expected at most 32768 x 32768 pixels, got {shape[0]} x {shape[1]} of {pixel_nm:g} nm; choose a "
                f"larger pixel or a smaller field."
            )
        if min(shape) < 1 or not all(same_length(n * pixel_nm, side) for n, side in zip(shape, field_nm, strict=True)):
            raise GridMismatchError(
                f"Expected a pixel that divides the field of {field_nm[0]:g} x {field_nm[1]:g} nm, got "
                f"{pixel_nm:g} nm; choose one of field / integer."
            )
        return cls(shape, pixel_nm)

    @classmethod
    def of_shape(cls, shape: tuple[int, int], field_nm: tuple[float, float]) -> "Grid":
        """The grid that tiles a field with a given number of pixels.

        Args:
            shape: (H, W) pixels.
            field_nm: (height, width) in nm; > 0.

        Returns:
            The grid.

        Raises:
            GridMismatchError: The pixels are not square.
        """
        pixel_nm = field_nm[0] / max(shape[0], 1)
        if not same_length(pixel_nm * shape[1], field_nm[1]):
            raise GridMismatchError(
                f"Expected square pixels over the field of {field_nm[0]:g} x {field_nm[1]:g} nm, got an image of "
                f"{shape[0]} x {shape[1]} pixels; resample it or use kernels made for its field."
            )
        return cls(shape, pixel_nm)
