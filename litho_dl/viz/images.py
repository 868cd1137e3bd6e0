"""The images of one clip on one grid, cropped and reduced for figures."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from litho_dl.core.errors import GridMismatchError

Extent = tuple[float, float, float, float]  # x0, x1, y0, y1; nm

MARGIN_NM = 120.0  # shown around a clip
SHOWN_PIXELS = 820  # of the longer side of a clip, about as many as its picture has; more would not be visible


@dataclass(frozen=True)
class ClipImages:
    """Images (H, W) of one clip on one grid, row 0 at the lowest y; absent ones are None.

    Attributes:
        pixel_nm: Pixel side in nm.
        mask: Drawn shapes, in [0, 1], or down to -1 for alternating masks.
        nominal: Print at the nominal corner, boolean or in [0, 1].
        outer: Print at the corner of the largest print.
        inner: Print at the corner of the smallest print.
        target: The target's area coverage, in [0, 1].
        aerial: Intensity; a clear mask images to 1.
        origin_nm: (x, y) of the lower-left corner of the first pixel in nm.
        reach_nm: Distance from the target up to which features of the mask belong to the clip, as assist features do.
        mask_field: Whether the mask's shapes are openings (`dark`) or absorber (`clear`).
    """

    pixel_nm: float
    mask: ArrayLike | None = None
    nominal: ArrayLike | None = None
    outer: ArrayLike | None = None
    inner: ArrayLike | None = None
    target: ArrayLike | None = None
    aerial: ArrayLike | None = None
    origin_nm: tuple[float, float] = (0.0, 0.0)
    reach_nm: float = 0.0
    mask_field: Literal["dark", "clear"] = "dark"

    def __post_init__(self) -> None:
        shapes = {name: np.shape(image) for name, image in self._present()}
        if len(set(shapes.values())) != 1 or len(self._shape()) != 2:
            raise GridMismatchError(f"Expected images (H, W) of one shape, got {shapes}; resample them to one grid.")

    def _present(self) -> Iterator[tuple[str, ArrayLike]]:
        for field in fields(self):
            image = getattr(self, field.name)
            if field.name not in ("pixel_nm", "origin_nm", "reach_nm", "mask_field") and image is not None:
                yield field.name, image

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        height, width = self._shape()
        return height, width

    def _shape(self) -> tuple[int, ...]:
        return np.shape(next((image for _, image in self._present()), ()))

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
        """Bounding box in nm of the prints and the target, or the mask if none; the whole field if all are empty.

        Features of the mask that lie within the reach of the box belong to it.
        """
        drawn = np.zeros(self.shape, dtype=bool)
        for image in (self.mask if self.target is None else self.target, self.nominal, self.outer):
            if image is not None:
                drawn |= np.asarray(image) > 0.5
        if not drawn.any():
            return self.extent
        own = self._box(drawn)
        if self.mask is None or self.target is None or self.reach_nm <= 0:
            return own
        near = self.crop(grown(own, self.reach_nm))
        opened = np.asarray(near.mask) > 0.5
        return near._box(opened | near._within(own)) if opened.any() else own

    def _box(self, shapes: NDArray) -> Extent:
        """Bounding box in nm of the pixels (H, W) that are True."""
        rows, columns = np.flatnonzero(shapes.any(axis=1)), np.flatnonzero(shapes.any(axis=0))
        (x, y), p = self.origin_nm, self.pixel_nm
        return x + p * columns[0], x + p * (columns[-1] + 1), y + p * rows[0], y + p * (rows[-1] + 1)

    def _within(self, box: Extent) -> NDArray:
        """bool (H, W), True for the pixels whose centres a box holds."""
        x, y = self.centres()
        return ((y > box[2]) & (y < box[3]))[:, None] & ((x > box[0]) & (x < box[1]))

    def crop(self, window: Extent) -> Self:
        """The part inside `window` (x0, x1, y0, y1 in nm), extended to whole pixels and limited to the field."""
        x, y = self.origin_nm
        columns = _pixels(window[0] - x, window[1] - x, self.pixel_nm, self.shape[1])
        rows = _pixels(window[2] - y, window[3] - y, self.pixel_nm, self.shape[0])
        cut: dict[str, Any] = {name: np.asarray(image)[rows, columns] for name, image in self._present()}
        return replace(self, origin_nm=(x + columns.start * self.pixel_nm, y + rows.start * self.pixel_nm), **cut)

    def shown(self, margin_nm: float = MARGIN_NM) -> Self:
        """What the picture of the clip shows: the part within a margin of `bounds`, reduced to the picture's pixels."""
        return self.crop(grown(self.bounds(), margin_nm)).reduced(SHOWN_PIXELS)

    def reduced(self, longest: int) -> Self:
        """The images as means over larger pixels, at most `longest` a side; a part of a pixel at the end is left out.

        A feature narrower than such a pixel stays, fainter.
        """
        if (side := max(self.shape)) <= longest:
            return self
        shape = self.shape[0] * longest // side, self.shape[1] * longest // side
        means: dict[str, Any] = {name: _means(image, side / longest, shape) for name, image in self._present()}
        return replace(self, pixel_nm=self.pixel_nm * side / longest, **means)


def _means(image: ArrayLike, step: float, shape: tuple[int, int]) -> NDArray:
    """Means over squares of `step` pixels, of which those at the border count in part.

    Args:
        image: (H, W).
        step: Side of a square in pixels.
        shape: Rows and columns of squares, the first at the first pixel.

    Returns:
        `shape`, float32.
    """
    means = np.asarray(image)
    for count in shape:  # over rows; each turn makes columns rows, and two turns leave the image as it was
        edges = np.arange(count + 1) * step
        whole = np.minimum(edges.astype(int), len(means) - 1)
        parts = (edges - whole).astype(np.float32)[:, None] * means[whole]
        sums, rows = np.diff(parts, axis=0), np.diff(whole)
        for row in range(rows.max()):
            sums[rows > row] += means[whole[:-1][rows > row] + row]
        means = np.ascontiguousarray(sums.T) / np.float32(step)
    return means


def _pixels(low_nm: float, high_nm: float, pixel_nm: float, count: int) -> slice:
    first = min(max(int(np.floor(low_nm / pixel_nm + 1e-9)), 0), count - 1)
    return slice(first, min(max(int(np.ceil(high_nm / pixel_nm - 1e-9)), first + 1), count))


def grown(bounds: Extent, margin_nm: float) -> Extent:
    """Bounds with a margin added on every side.

    Args:
        bounds: x0, x1, y0, y1 in nm.
        margin_nm: The margin.

    Returns:
        x0, x1, y0, y1 in nm.
    """
    x0, x1, y0, y1 = bounds
    return x0 - margin_nm, x1 + margin_nm, y0 - margin_nm, y1 + margin_nm


def square_around(bounds: Extent, side_nm: float) -> Extent:
    """The square with the same centre as given bounds.

    Args:
        bounds: x0, x1, y0, y1 in nm.
        side_nm: Side of the square.

    Returns:
        x0, x1, y0, y1 in nm.
    """
    x, y, half = (bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2, side_nm / 2
    return x - half, x + half, y - half, y + half


def sampled(image: NDArray, shape: tuple[int, int]) -> NDArray:
    """An image resampled to another number of pixels over the same field (nearest neighbour).

    Args:
        image: (h, w).
        shape: (H, W) of the result.

    Returns:
        (H, W).
    """
    rows, columns = (((2 * np.arange(n) + 1) * old // (2 * n)) for n, old in zip(shape, image.shape, strict=True))
    return image[np.ix_(rows, columns)]
