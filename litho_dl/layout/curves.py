"""Binary images -> smooth polygons."""

import numpy as np
from scipy.ndimage import gaussian_filter

from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.layout import Polygon
from litho_dl.layout.simplify import simplify

GRID_NM = 0.1  # of files
BLUR_PX = 1.0  # rounds the steps of a staircase, and keeps edges and widths


def curved_polygons(binary: np.ndarray, pixel_nm: float, tolerance_nm: float) -> tuple[Polygon, ...]:
    """The outline of a binary image as smooth curves with few vertices.

    The image is blurred by a Gaussian of `BLUR_PX` pixels, contoured at one half between pixels, and simplified.
    Vertices lie on `GRID_NM`, so that a file holds what is scored. Straight edges stay where they are; corners are
    rounded over about a pixel, and specks of one or two pixels vanish.

    Args:
        binary: bool (H, W); row 0 is the lowest y.
        pixel_nm: Its pixel.
        tolerance_nm: How far simplification may move the outline.

    Raises:
        LayoutError: The image is not two-dimensional, or the tolerance is negative.
    """
    blurred = gaussian_filter(np.asarray(binary, dtype=np.float64), BLUR_PX, mode="nearest")
    curves = simplify(contour_polygons(blurred, pixel_nm), tolerance_nm)
    return tuple(curve.mapped(lambda points: np.round(points / GRID_NM) * GRID_NM) for curve in curves)
