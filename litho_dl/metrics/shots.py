"""Mask complexity: the number of shots of a mask writer."""

from collections.abc import Sequence

import numpy as np

from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.fracture import fracture
from litho_dl.layout.polygon import Polygon


def shot_count(binary: np.ndarray, pixel_nm: float, outline: Sequence[Polygon] | None = None) -> int:
    """Number of rectangles into which the mask is fractured at its own pixel.

    Fracturing is klayout's trapezoid decomposition in the best of its modes for each polygon (see
    `litho_dl.layout.fracture`). Counts of different fracturing tools or pixels cannot be compared: state both with the
    number.

    Args:
        binary: (H, W) mask; pixels > 0.5 (or True) are in its shapes.
        pixel_nm: Pixel size of the mask.
        outline: The mask's outline, as `pixel_polygons` returns it, where it is at hand.

    Returns:
        The number of rectangles.
    """
    polygons = pixel_polygons(np.asarray(binary) > 0.5, pixel_nm) if outline is None else outline
    return len(fracture(polygons))
