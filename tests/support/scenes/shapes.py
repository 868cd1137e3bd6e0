"""Polygons of which tests draw layouts."""

import numpy as np

from litho_dl.layout.polygon import Polygon


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    """A rectangle with corners in nm."""
    return Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))


def disc(diameter: float, x: float = 0, y: float = 0, edges: int = 128) -> Polygon:
    """A polygon of many equal edges."""
    angle = 2 * np.pi * np.arange(edges) / edges
    return Polygon(np.stack([x + diameter / 2 * np.cos(angle), y + diameter / 2 * np.sin(angle)], axis=1))
