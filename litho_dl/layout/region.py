"""Conversion between polygons in nm and klayout's regions in integer units; import this module lazily."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import klayout.db as db
import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.hull_stream import hulls_of_region, region_of_hulls
from litho_dl.layout.polygon import LARGEST_COORDINATE_NM, Polygon

FINEST_UNITS_PER_NM = 100_000
DECIMAL_UNITS_PER_NM = (100_000, 10_000, 1000, 100, 10, 1)
NEAR_NM = 1e6  # up to here, units of 0.001 nm fit without an origin of their own
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
    return _finest(reach + margin_nm)


def to_region(polygons: Sequence[Polygon], units: float, origin: tuple[int, int] = (0, 0)) -> db.Region:
    """Polygons as a klayout region.

    Args:
        polygons: The polygons.
        units: Integer units in one nm; vertices are rounded to the nearest unit.
        origin: Where the region's coordinates begin, in units.

    Returns:
        The region, not merged.
    """
    region = region_of_hulls(_whole(polygon.hull, units, origin) for polygon in polygons if not polygon.holes)
    for polygon in polygons:
        if polygon.holes:
            hull, *holes = (_whole(loop, units, origin).tolist() for loop in polygon.loops)
            shape = db.Polygon(hull, False)  # without the second argument, four are a box
            for hole in holes:
                shape.insert_hole(hole, False)
            region.insert(shape)
    return region


def _whole(loop_nm: np.ndarray, units: float, origin: tuple[int, int]) -> np.ndarray:
    return (np.rint(loop_nm * units) - origin).astype(np.int64)


def from_region(region: db.Region, units: float, origin: tuple[int, int] = (0, 0)) -> tuple[Polygon, ...]:
    """The polygons of a klayout region.

    Args:
        region: The region.
        units: Integer units in one nm.
        origin: Where the region's coordinates begin, in units.

    Returns:
        Polygons in nm, hulls counter-clockwise.
    """
    shapes = list(region.each())
    hulls = iter(hulls_of_region(db.Region([shape for shape in shapes if not shape.holes()])))
    return tuple(
        Polygon(_loop_nm(next(hulls), units, origin)) if not shape.holes() else _with_holes(shape, units, origin)
        for shape in shapes
    )


def _with_holes(shape: db.Polygon, units: float, origin: tuple[int, int]) -> Polygon:
    loops = [shape.each_point_hull(), *(shape.each_point_hole(hole) for hole in range(shape.holes()))]
    hull, *holes = (_loop_nm(np.array([(point.x, point.y) for point in loop]), units, origin) for loop in loops)
    return Polygon(hull, tuple(holes))


def _loop_nm(points: np.ndarray, units: float, origin: tuple[int, int]) -> np.ndarray:
    """Vertices in nm, in reverse order: klayout's hulls are clockwise, ours counter-clockwise."""
    integers = points[::-1].astype(np.float64) + origin
    # Dividing by 10 gives the float nearest to the decimal number; multiplying by 0.1 does not.
    return integers / units if units >= 1 else integers * round(1 / units, 9)


@dataclass(frozen=True)
class Frame:
    """Integer units around an origin, so that coordinates far from zero keep fine units.

    Attributes:
        units: Units in one nm.
        x: The origin, in units.
        y: Likewise.
    """

    units: float
    x: int = 0
    y: int = 0

    @classmethod
    def of(cls, polygons: Sequence[Polygon], margin_nm: float = 0.0, finest: int = FINEST_UNITS_PER_NM) -> "Frame":
        """The frame of the finest decimal unit for polygons; its origin is 0 unless they lie 1 mm away from it.

        Args:
            polygons: The polygons.
            margin_nm: Length by which coordinates may still grow.
            finest: The finest unit to take, in units per nm.

        Raises:
            LayoutError: They reach over more than 2 m.
        """
        low = np.min([polygon.hull.min(axis=0) for polygon in polygons], axis=0) if polygons else np.zeros(2)
        high = np.max([polygon.hull.max(axis=0) for polygon in polygons], axis=0) if polygons else np.zeros(2)
        reach = float(np.abs((low, high)).max()) + margin_nm
        if reach <= NEAR_NM:
            return cls(min(finest, _finest(reach)))
        units = min(finest, _finest(float((high - low).max()) / 2 + 1 + margin_nm))
        x, y = (units * round(value) for value in ((low + high) / 2).tolist())
        return cls(units, x, y)

    def region(self, polygons: Sequence[Polygon]) -> db.Region:
        """Polygons as a klayout region, not merged; vertices are rounded to the nearest unit."""
        return to_region(polygons, self.units, (self.x, self.y))

    def polygons(self, region: db.Region) -> tuple[Polygon, ...]:
        """The polygons of a klayout region in nm, hulls counter-clockwise."""
        return from_region(region, self.units, (self.x, self.y))

    def point_nm(self, point: tuple[int, int]) -> tuple[float, float]:
        """A point of the frame in nm."""
        return (point[0] + self.x) / self.units, (point[1] + self.y) / self.units

    def box(self, box_nm: tuple[float, float, float, float]) -> db.Box:
        """x0, y0, x1, y1 in nm as a box, cut to klayout's integers."""
        corners = np.rint(np.array(box_nm) * self.units) - (self.x, self.y, self.x, self.y)
        return db.Box(*np.clip(corners, -LARGEST_UNIT, LARGEST_UNIT).astype(np.int64).tolist())


def _finest(reach_nm: float) -> int:
    """The finest decimal unit in which lengths up to `reach_nm` fit into klayout's integers."""
    for units in DECIMAL_UNITS_PER_NM:
        if reach_nm * units <= LARGEST_UNIT:
            return units
    raise LayoutError(f"Expected polygons within 2e9 nm, got some over {2 * reach_nm:g} nm; take a window of them.")


def self_overlaps(region: db.Region) -> db.Region:
    """The parts where a polygon of the region overlaps or crosses itself; touching does not count."""
    raw = region.dup()
    raw.merged_semantics = False
    return raw.strange_polygon_check()
