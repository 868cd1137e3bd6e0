"""Mask complexity: the number of rectangles to write."""

import numpy as np

from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.fracture import fracture


def shot_count(binary: np.ndarray, pixel_nm: float) -> int:
    """Number of rectangles that the mask fractures into at its own pixel.

    The tool is klayout's trapezoid decomposition in the best of its modes for each polygon (see
    `litho_dl.layout.fracture`). Counts of different tools or pixels are not comparable: state both with the number.

    Args:
        binary: (H, W) mask; pixels > 0.5 (or True) are open.
        pixel_nm: Pixel size in nm.
    """
    return len(fracture(pixel_polygons(np.asarray(binary) > 0.5, pixel_nm)))
