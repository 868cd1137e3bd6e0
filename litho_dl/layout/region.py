"""Conversion between polygons in nm and klayout's regions in integer units; import this module lazily."""

from collections.abc import Iterable, Sequence

import klayout.db as db
import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.polygon import LARGEST_COORDINATE_NM, Polygon

FINEST_UNITS_PER_NM = 100_000
LARGEST_UNIT = 1_000_000_000  # klayout's coordinates are int32; a factor of two remains for its own sums


def units_per_nm(polygons: Iterable[Polygon], margin_nm: float = 0.0) -> int:
    """The finest decimal unit (1e-5 nm to 1 nm) in which all coordinates fit into klayout's integers.

    Args:
        polygons: The polygons.
        margin_nm: Length by which coordinates may still grow.

    Returns:
        Units in one nm: 1, 10, ... 100 000.

    Raises:
        LayoutError: A coordinate lies beyond 1 m.
    """
    reach = max((float(np.abs(polygon.hull).max()) for polygon in polygons), default=0.0)
    if reach > LARGEST_COORDINATE_NM:
        raise LayoutError(f"Expected coordinates within 1e9 nm, got {reach:g} nm; check the database unit of the file.")
    units = FINEST_UNITS_PER_NM
    while units > 1 and (reach + margin_nm) * units > LARGEST_UNIT:
        units //= 10
    return units


def _points(loop_nm: np.ndarray, units: float) -> list[db.Point]:
    return [db.Point(x, y) for x, y in np.rint(loop_nm * units).astype(np.int64).tolist()]


def to_region(polygons: Sequence[Polygon], units: float) -> db.Region:
    """Polygons as a klayout region.

    Args:
        polygons: The polygons.
        units: Integer units in one nm; vertices are rounded to the nearest unit.

    Returns:
        The region, not merged.
    """
    region = db.Region()
    for polygon in polygons:
        shape = db.Polygon(_points(polygon.hull, units))
        for hole in polygon.holes:
            shape.insert_hole(_points(hole, units))
        region.insert(shape)
    return region


def _loop_nm(points: Iterable[db.Point], units: float) -> np.ndarray:
    """Vertices in nm, in reverse order: klayout's hulls are clockwise, ours counter-clockwise."""
    integers = np.array([(point.x, point.y) for point in points], dtype=np.float64)[::-1]
    # Dividing by 10 gives the float nearest to the decimal number; multiplying by 0.1 does not.
    return integers / units if units >= 1 else integers * round(1 / units, 9)


def from_region(region: db.Region, units: float) -> tuple[Polygon, ...]:
    """The polygons of a klayout region.

    Args:
        region: The region.
        units: Integer units in one nm.

    Returns:
        Polygons in nm, hulls counter-clockwise.
    """
    return tuple(
        Polygon(
            _loop_nm(shape.each_point_hull(), units),
            tuple(_loop_nm(shape.each_point_hole(hole), units) for hole in range(shape.holes())),
        )
        for shape in region.each()
    )


def self_overlaps(region: db.Region) -> db.Region:
    """The parts where a polygon of the region overlaps or crosses itself; touching does not count."""
    raw = region.dup()
    raw.merged_semantics = False
    return raw.strange_polygon_check()
