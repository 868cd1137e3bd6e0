"""Hulls to and from klayout: the same as point by point."""

import klayout.db as db
import numpy as np
import pytest

from litho_dl.layout.hull_stream import MOST_POINTS, hulls_of_region, region_of_hulls
from litho_dl.layout.region import self_overlaps


def stairs(count: int) -> np.ndarray:
    """Of that many steps, with a corner of 2 count + 2 points."""
    steps = np.repeat(np.arange(count + 1), 2)
    return np.concatenate((np.stack((steps[1:], steps[:-1]), 1), [(0, count)]))


def by_points(hull: np.ndarray) -> db.Polygon:
    return db.Polygon([db.Point(x, y) for x, y in hull.tolist()])


HULLS = {
    "box": np.array([(0, 0), (5, 0), (5, 3), (0, 3)]),
    "triangle": np.array([(-7, -9), (4, 5), (0, 11)]),
    "clockwise": np.array([(0, 0), (0, 3), (5, 3), (5, 0)]),
    "collinear point": np.array([(0, 0), (2, 0), (5, 0), (5, 3)]),
    "crossing itself": np.array([(0, 0), (10, 10), (10, 0), (0, 10)]),
    "spike": np.array([(0, 0), (10, 0), (10, 5), (20, 5), (10, 5), (10, 10), (0, 10)]),
    "far": np.array([(0, 0), (1, 0), (1, 1)]) * 900_000_000 + 100_000_000,
    "long": stairs(3 * MOST_POINTS),
    "as long as a record": stairs(MOST_POINTS // 2 - 1),
}


@pytest.mark.parametrize("name", HULLS)
def test_the_same_polygons_as_point_by_point(name):
    """Raw: what crosses itself is not repaired. Points on straight edges stay until polygons are merged."""
    hulls = [HULLS[name], HULLS["box"] - (100, 100)]
    found, expected = region_of_hulls(hulls), db.Region([by_points(hull) for hull in hulls])
    assert (found.count(), found.area()) == (expected.count(), expected.area())
    assert (found ^ expected).is_empty()
    assert self_overlaps(found).area() == self_overlaps(expected).area()
    assert found.merged().to_s() == expected.merged().to_s()


def test_and_back():
    shapes = [by_points(HULLS[name]) for name in ("triangle", "long", "box", "far")]
    region = db.Region(shapes)
    region.merged_semantics = False
    points = [[[point.x, point.y] for point in shape.each_point_hull()] for shape in shapes]
    assert [hull.tolist() for hull in hulls_of_region(region)] == points


def test_nothing():
    assert region_of_hulls([]).is_empty()
    assert hulls_of_region(db.Region()) == []
