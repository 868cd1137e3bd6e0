"""Round shapes, and distances between outlines."""

import numpy as np
from scipy.spatial import cKDTree

from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.polygon import Polygon

PIXEL = 4.0


STEP = 0.05


def image(*distances: np.ndarray) -> tuple[Polygon, ...]:
    """The contours of an area-coverage-like image, from signed distances (inside positive) in nm."""
    return contour_polygons(np.clip(0.5 + np.maximum.reduce(distances) / PIXEL, 0, 1), PIXEL)


Y, X = (np.mgrid[:80, :80] + 0.5) * PIXEL


RADIUS = np.hypot(X - 161, Y - 158)


TURNED = np.hypot((X - 161) * 0.8 + (Y - 158) * 0.6, 2.5 * (-(X - 161) * 0.6 + (Y - 158) * 0.8))


SHAPES = {
    "circle": image(100 - RADIUS),
    "ellipse": image((140 - TURNED) / 2),
    "annulus": image(np.minimum(120 - RADIUS, RADIUS - 60)),
}


def outline(polygons) -> np.ndarray:
    """Points on all edges, `STEP` apart."""
    points = []
    for polygon in polygons:
        for loop in polygon.loops:
            for a, b in zip(loop, np.roll(loop, -1, axis=0), strict=True):
                part = np.linspace(0, 1, max(2, int(np.hypot(*(b - a)) / STEP)))
                points.append(a + part[:, None] * (b - a))
    return np.concatenate(points)


def hausdorff(first, second) -> float:
    a, b = outline(first), outline(second)
    return max(cKDTree(a).query(b)[0].max(), cKDTree(b).query(a)[0].max())
