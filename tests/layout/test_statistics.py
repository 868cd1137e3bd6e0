"""Local widths and spaces, counted by hand."""

import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.core.errors import LayoutError
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.statistics import layout_statistics, pooled


def as_dict(distribution) -> dict[float, float]:
    return dict(zip(distribution.lengths_nm.tolist(), distribution.areas_nm2.tolist(), strict=True))


def test_an_l_and_a_bar():
    """Arms 100 and 60 wide; the bar is 40 from one arm and 140 above the other."""
    ell = Polygon(np.array([(0, 0), (300, 0), (300, 60), (100, 60), (100, 400), (0, 400)], float))
    numbers = layout_statistics(Layout("l", (ell, box(140, 200, 300, 400))))
    assert (numbers.polygons, numbers.vertices) == (2, 10)
    assert numbers.area_nm2 == 300 * 60 + 100 * 340 + 160 * 200
    # Covered: the upright arm, the lying one, their common corner (300 across, 400 up), the bar.
    assert as_dict(numbers.widths) == {100: 100 * 340, 60: 200 * 60, 300: 100 * 60, 160: 160 * 200}
    # Between: 40 across beside the bar; 140 up below it; left of it and below, no run ends on both sides.
    assert as_dict(numbers.spaces) == {40: 40 * 200, 140: 160 * 140}


def test_a_hole_is_a_space():
    ring = Polygon(box(0, 0, 300, 300).hull, (box(100, 50, 180, 250).hull,))
    numbers = layout_statistics(Layout("ring", (ring,)))
    assert numbers.vertices == 8
    assert as_dict(numbers.spaces) == {80: 80 * 200}
    assert as_dict(numbers.widths) == {100: 100 * 200, 120: 120 * 200, 50: 80 * 100, 300: 220 * 100}


def test_one_bar_has_no_space():
    numbers = layout_statistics(Layout("bar", (box(5, 5, 75, 505),)))
    assert as_dict(numbers.widths) == {70: 70 * 500}
    assert len(numbers.spaces.lengths_nm) == 0


def test_areas_add_up():
    one = layout_statistics(Layout("a", (box(0, 0, 70, 500),))).widths
    two = layout_statistics(Layout("b", (box(0, 0, 70, 100), box(200, 0, 290, 100)))).widths
    assert as_dict(pooled([one, two])) == {70: 42_000, 90: 9_000}
    assert len(pooled([]).lengths_nm) == 0


@pytest.mark.parametrize("degrees", [3, 17, 30, 45, 80])
def test_turned_lines_have_the_width_and_space_of_straight_ones(degrees):
    lines = tuple(box(180 * index, 0, 180 * index + 90, 1100) for index in range(5))
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([(cos, sin), (-sin, cos)])
    turned = layout_statistics(Layout("t", tuple(line.mapped(lambda xy: np.round(xy @ turn, 3)) for line in lines)))
    assert (turned.polygons, turned.vertices) == (5, 20)
    assert turned.area_nm2 == pytest.approx(5 * 90 * 1100, rel=1e-4)
    for found, area in ((turned.widths, 5 * 90 * 1010), (turned.spaces, 4 * 90 * 1100)):  # 45 nm at ends face the end
        assert found.lengths_nm == pytest.approx(90, abs=0.003)
        assert found.areas_nm2.sum() == pytest.approx(area, rel=0.02)


def test_shapes_without_sides_that_face_each_other_have_no_width():
    triangle = Polygon(np.array([(0, 0), (100, 0), (50, 100)], float))
    found = layout_statistics(Layout("s", (triangle,)))
    assert (found.area_nm2, len(found.widths.lengths_nm), len(found.spaces.lengths_nm)) == (5000, 0, 0)


def test_empty_layouts_are_refused():
    with pytest.raises(LayoutError, match="without any"):
        layout_statistics(Layout("none", ()))
