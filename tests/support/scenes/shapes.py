"""Polygons of which tests draw layouts."""

import numpy as np

from litho_dl.layout.polygon import Polygon


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    """A rectangle with corners in nm."""
    return Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))
