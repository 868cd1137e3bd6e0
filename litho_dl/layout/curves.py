"""Smooth outlines: contours of binary images, and polygons with fewer vertices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from litho_dl.core.errors import LayoutError
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.curvature import even_points
from litho_dl.layout.polygon import Polygon

FINER = 2  # a tight bend of the contours then has several vertices
BLUR_PX = 2.0  # takes off the steps of a staircase
SMOOTHING_STEPS = 2.0  # standard deviation along evened outlines; takes the chords of an arc for the arc
HALVINGS = 5  # of the tolerance, as long as loops cross


@dataclass(frozen=True, eq=False)
class Outlines:
    """The polygons that masks are the pixels of, for curves that are drawn through them.

    Attributes:
        polygons: Those of each mask, on the field.
        curves_nm: Tolerance of the curves that the masks are to be written as; None: they are written as pixels.
        least_radius_nm: Least radius of the outlines, which curves are to keep; 0: none.
    """

    polygons: tuple[tuple[Polygon, ...], ...]
    curves_nm: float | None = None
    least_radius_nm: float = 0.0

    def of(self, index: int) -> "Outlines":
        """Those of one mask; negative indices count from the end."""
        return replace(self, polygons=(self.polygons[index],))


def smooth_contours(binary: np.ndarray, pixel_nm: float) -> tuple[Polygon, ...]:
    """The outline of a binary image as dense smooth contours.

    The image is drawn on pixels `FINER` times finer, blurred by 1 - (1 - G)^2, where G is a Gaussian of `BLUR_PX` of
    its own pixels, and contoured at 0.5. So the steps of a staircase go, while straight edges stay within a tenth of a
    pixel (of lines of five pixels or more), and bends lose little; corners are rounded over about
    a pixel, and specks of two pixels vanish.

    Args:
        binary: bool (H, W); row 0 is the lowest y.
        pixel_nm: Its pixel.

    Returns:
        The contours as polygons.

    Raises:
        LayoutError: The image is not two-dimensional.
    """
    image = np.asarray(binary, dtype=np.float32)
    for axis in range(image.ndim):
        image = image.repeat(FINER, axis)
    once = gaussian_filter(image, FINER * BLUR_PX, mode="nearest")
    twice = gaussian_filter(once, FINER * BLUR_PX, mode="nearest")
    return contour_polygons(2 * once - twice, pixel_nm / FINER)


def evened(polygons: Sequence[Polygon], step_nm: float) -> tuple[Polygon, ...]:
    """Outlines with vertices at even steps, smoothed along them by a Gaussian of `SMOOTHING_STEPS`.

    So arcs that were drawn by chords have a steady curvature. Straight edges stay; an arc of radius r moves inwards by
    about (2 steps)^2 / 2 r.

    Args:
        polygons: The outlines, of shapes much larger than the step.
        step_nm: Distance of the vertices, or a little less; > 0.

    Returns:
        The polygons in the same order.
    """

    def smoothed(loop: np.ndarray) -> np.ndarray:
        points, step = even_points(loop, step_nm)
        return gaussian_filter1d(points, SMOOTHING_STEPS * step_nm / step, axis=0, mode="wrap")

    return tuple(polygon.mapped(smoothed) for polygon in polygons)


def simplify(polygons: Sequence[Polygon], tolerance_nm: float) -> tuple[Polygon, ...]:
    """Removes vertices as long as the outline moves by no more than a tolerance (Douglas and Peucker).

    The remaining vertices do not move. Each new edge and the vertices it replaces lie within the tolerance of each
    other, so the Hausdorff distance of the outlines is at most the tolerance, and the area changes by less than the
    tolerance times the length of the outline. Polygons whose loops would cross, or meet others, are simplified with
    half the tolerance, and so on; after `HALVINGS` they stay as they are. The number of polygons and holes is kept.

    Args:
        polygons: Polygons that do not overlap, such as those of `contour_polygons`.
        tolerance_nm: The tolerance; >= 0.

    Returns:
        The polygons in the same order.

    Raises:
        LayoutError: The tolerance is negative or not finite.
    """
    if not (np.isfinite(tolerance_nm) and tolerance_nm >= 0):
        raise LayoutError(f"Expected a tolerance of zero or more, got {tolerance_nm} nm.")
    result = list(polygons)
    pending = list(range(len(result)))
    for halving in range(HALVINGS):
        for n in pending:
            result[n] = polygons[n].mapped(partial(_thinned, tolerance_nm=tolerance_nm / 2**halving))
        pending = crossing(result)
        if not pending:
            return tuple(result)
    while pending:  # an original polygon may meet a simplified one
        for n in pending:
            result[n] = polygons[n]
        pending = [n for n in crossing(result) if result[n] is not polygons[n]]
    return tuple(result)


def _thinned(loop: np.ndarray, tolerance_nm: float) -> np.ndarray:
    """The closed loop (n, 2) without vertices that lie within the tolerance of the edges that remain."""
    first = int(np.lexsort((loop[:, 1], loop[:, 0]))[0])
    closed = np.roll(loop, -first, axis=0)
    closed = np.concatenate([closed, closed[:1]])
    far = int(np.hypot(*(closed - closed[0]).T).argmax())
    kept = np.zeros(len(closed), dtype=bool)
    kept[[0, far, -1]] = True
    stack = [(0, far), (far, len(closed) - 1)]
    while stack:
        start, stop = stack.pop()
        if stop - start < 2:
            continue
        distance = _from_segment(closed[start + 1 : stop], closed[start], closed[stop])
        worst = int(distance.argmax())
        if distance[worst] > tolerance_nm:
            middle = start + 1 + worst
            kept[middle] = True
            stack += [(start, middle), (middle, stop)]
    thinned = closed[:-1][kept[:-1]]
    return thinned if len(thinned) >= 3 else loop


def _from_segment(points: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distances of points (n, 2) from the segment a to b."""
    along = b - a
    t = np.clip((points - a) @ along / max(float(along @ along), 1e-300), 0, 1)
    return np.hypot(*(a + t[:, None] * along - points).T)


def crossing(polygons: Sequence[Polygon]) -> list[int]:
    """Indices of polygons whose loops cross or touch each other, or that overlap another polygon."""
    from litho_dl.layout import region

    units = region.units_per_nm(polygons)
    overlap = region.to_region(polygons, units).merged(False, 2)
    found = []
    for n, polygon in enumerate(polygons):
        alone = region.to_region((polygon,), units)
        shapes = list(alone.merged(True, 0).each())
        whole = len(shapes) == 1 and shapes[0].holes() == len(polygon.holes)
        if not whole or not region.self_overlaps(alone).is_empty() or not (alone & overlap).is_empty():
            found.append(n)
    return found
