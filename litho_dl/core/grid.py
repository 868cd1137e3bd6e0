"""The periodic simulation field and its pixel grid."""

import math
from dataclasses import dataclass
from typing import Protocol

from litho_dl.core.errors import GridMismatchError

MOST_PIXELS = 2**30
FIELD_TOLERANCE = 1e-9  # relative; fields and pixels are decimal numbers of nm


def same_length(a_nm: float, b_nm: float) -> bool:
    """True if two lengths, in nm, agree to rounding: a relative difference of at most `FIELD_TOLERANCE`."""
    return abs(a_nm - b_nm) <= FIELD_TOLERANCE * max(abs(a_nm), abs(b_nm))


def whole_ratio(length_nm: float, unit_nm: float) -> int | None:
    """How many units a length is, if that is a whole number of at least 1; otherwise None.

    Args:
        length_nm: The length, such as a coarse pixel or the side of a field.
        unit_nm: What it is measured in, such as a fine pixel; > 0.
    """
    ratio = length_nm / unit_nm
    if not 0.5 <= ratio < math.inf:
        return None
    count = round(ratio)
    return count if count >= 1 and same_length(count * unit_nm, length_nm) else None


class HasField(Protocol):
    """Whatever lies on a field, such as a simulator, a process model or a clip."""

    @property
    def field_nm(self) -> tuple[float, float]:
        """(height, width) in nm."""


@dataclass(frozen=True)
class Grid:
    """`shape` = (H, W) pixels of `pixel_nm`, tiling a periodic field of (H p, W p) nm.

    Row index grows with layout y, column with x. Pixel (i, j) covers the half-open square
    [j p, (j+1) p) x [i p, (i+1) p); its centre is ((j + 1/2) p, (i + 1/2) p).
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
        """The grid of `pixel_nm` pixels that tiles a field of (height, width) nm.

        Raises:
            GridMismatchError: The pixel does not divide the field.
        """
        if not pixel_nm > 0 or not all(0 < side < math.inf for side in field_nm):
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
        """The grid of `shape` pixels over a field of (height, width) nm; pixels must come out square.

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
