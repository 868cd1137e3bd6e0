"""Polygons as shapely's, for offsets with round corners and distances, which klayout does not have."""

from collections.abc import Sequence

import numpy as np
import shapely

from litho_dl.layout.polygon import Polygon

Shapes = np.ndarray  # of shapely polygons


def to_shapes(polygons: Sequence[Polygon]) -> Shapes:
    """Each polygon as shapely's, (n,), valid or not."""
    return np.array([shapely.Polygon(polygon.hull, polygon.holes) for polygon in polygons], dtype=object)


def to_polygons(shapes: Shapes) -> tuple[Polygon, ...]:
    """Shapely's polygons, hulls counter-clockwise and holes clockwise."""
    return tuple(_polygon(shape) for shape in shapely.orient_polygons(shapes))


def parts(shapes: Shapes) -> Shapes:
    """The polygons of shapes of any number of polygons; lines and points between them are left out."""
    found = shapely.get_parts(np.atleast_1d(shapes))
    return found[(shapely.get_type_id(found) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(found)]


def _polygon(shape: shapely.Polygon) -> Polygon:
    hull, *holes = (shapely.get_coordinates(ring)[:-1] for ring in shapely.get_rings(shape))
    return Polygon(hull, tuple(holes))
