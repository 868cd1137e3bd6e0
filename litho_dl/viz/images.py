"""The images of one clip that figures draw: checked to share a grid, cropped to what matters."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from litho_dl.core.errors import GridMismatchError
from litho_dl.viz.figure import Extent


@dataclass(frozen=True)
class ClipImages:
    """Images (H, W) of one clip on one grid, row 0 at the lowest y; absent ones are None.

    Attributes:
        pixel_nm: Pixel side in nm.
        mask: Transmission, [0, 1] or with a phase-shifting background below 0.
        nominal: Print at the nominal corner, boolean or [0, 1].
        outer: Print at the corner that prints largest.
        inner: Print at the corner that prints smallest.
        target: What should print, [0, 1].
        aerial: Intensity; the open mask is 1.
        origin_nm: (x, y) of the lower-left corner of the first pixel in nm.
    """

    pixel_nm: float
    mask: ArrayLike
    nominal: ArrayLike
    outer: ArrayLike | None = None
    inner: ArrayLike | None = None
    target: ArrayLike | None = None
    aerial: ArrayLike | None = None
    origin_nm: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        shapes = {name: np.shape(image) for name, image in self._present()}
        if len(set(shapes.values())) > 1 or len(shapes["mask"]) != 2:
            raise GridMismatchError(f"Expected images (H, W) of one shape, got {shapes}; resample them to one grid.")

    def _present(self) -> Iterator[tuple[str, ArrayLike]]:
        for field in fields(self):
            image = getattr(self, field.name)
            if field.name not in ("pixel_nm", "origin_nm") and image is not None:
                yield field.name, image

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        height, width = np.shape(self.mask)
        return height, width

    @property
    def extent(self) -> Extent:
        """x0, x1, y0, y1 of the outer edges in nm."""
        x, y = self.origin_nm
        return x, x + self.shape[1] * self.pixel_nm, y, y + self.shape[0] * self.pixel_nm

    def centres(self) -> tuple[NDArray, NDArray]:
        """x (W,) and y (H,) of the pixel centres in nm."""
        x, y = self.origin_nm
        height, width = self.shape
        return x + (np.arange(width) + 0.5) * self.pixel_nm, y + (np.arange(height) + 0.5) * self.pixel_nm

    def bounds(self) -> Extent:
        """The bounding box in nm of the target (else the mask) and all that prints; the field's if there is nothing."""
        drawn = np.asarray(self.mask if self.target is None else self.target) > 0.5
        for printed in (self.nominal, self.outer):
            if printed is not None:
                drawn = drawn | (np.asarray(printed) > 0.5)
        if not drawn.any():
            return self.extent
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        x, y = self.origin_nm
        p = self.pixel_nm
        return x + p * columns[0], x + p * (columns[-1] + 1), y + p * rows[0], y + p * (rows[-1] + 1)

    def crop(self, window: Extent) -> Self:
        """The part inside `window` (x0, x1, y0, y1 in nm), widened to whole pixels and kept inside the field."""
        x, y = self.origin_nm
        columns = _pixels(window[0] - x, window[1] - x, self.pixel_nm, self.shape[1])
        rows = _pixels(window[2] - y, window[3] - y, self.pixel_nm, self.shape[0])
        cut: dict[str, Any] = {name: np.asarray(image)[rows, columns] for name, image in self._present()}
        return replace(self, origin_nm=(x + columns.start * self.pixel_nm, y + rows.start * self.pixel_nm), **cut)

    def thinned(self, longest: int) -> Self:
        """One pixel of every n x n, with the least n that leaves at most `longest` a side; for small pictures."""
        step = -(-max(self.shape) // longest)
        height, width = (n // step for n in self.shape)
        kept: dict[str, Any] = {
            name: np.asarray(image)[step // 2 :: step, step // 2 :: step][:height, :width]
            for name, image in self._present()
        }
        return replace(self, pixel_nm=self.pixel_nm * step, **kept)


def _pixels(low_nm: float, high_nm: float, pixel_nm: float, count: int) -> slice:
    first = min(max(int(np.floor(low_nm / pixel_nm + 1e-9)), 0), count - 1)
    return slice(first, min(max(int(np.ceil(high_nm / pixel_nm - 1e-9)), first + 1), count))


def grown(bounds: Extent, margin_nm: float) -> Extent:
    """Bounds (x0, x1, y0, y1) moved outwards by a margin."""
    x0, x1, y0, y1 = bounds
    return x0 - margin_nm, x1 + margin_nm, y0 - margin_nm, y1 + margin_nm


def square_around(bounds: Extent, side_nm: float) -> Extent:
    """The square window of `side_nm` about the centre of bounds (x0, x1, y0, y1)."""
    x, y, half = (bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2, side_nm / 2
    return x - half, x + half, y - half, y + half
