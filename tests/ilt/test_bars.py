"""Bars by rules: where the rules put them, cut or left out where they are too close, and along edges at any angle."""

import numpy as np
import pytest
import shapely
from scenes.shapes import box
from scenes.slanted import rotated

from litho_dl.ilt.assists import Bars
from litho_dl.ilt.bars import assist_bars
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules

FIELD = (1000.0, 1200.0)
LINE = box(400, 300, 460, 700)
RULES = Bars(width_nm=30.0, distance_nm=70.0, shortest_nm=80.0, spacing_nm=40.0)


def placed(polygons: tuple[Polygon, ...], bars: Bars = RULES) -> set[tuple[float, ...]]:
    """Each bar's x0, y0, x1, y1."""
    found = assist_bars(polygons, bars, FIELD)
    for bar in found:
        assert bar.hull.shape == (4, 2)
        assert shapely.Polygon(bar.hull).exterior.is_ccw
    return {(*bar.hull.min(0).tolist(), *bar.hull.max(0).tolist()) for bar in found}


def test_a_line_has_bars_beside_its_sides_and_none_at_its_ends():
    assert placed((LINE,)) == {(530, 300, 560, 700), (300, 300, 330, 700)}


def test_ends_have_bars_if_these_may_be_short():
    short = RULES.model_copy(update={"shortest_nm": 60.0})
    assert placed((LINE,), short) - placed((LINE,)) == {(400, 200, 460, 230), (400, 770, 460, 800)}


def test_bars_are_pulled_back():
    pulled = RULES.model_copy(update={"pullback_nm": 50.0})
    assert placed((LINE,), pulled) == {(530, 350, 560, 650), (300, 350, 330, 650)}
    assert placed((LINE,), RULES.model_copy(update={"pullback_nm": 200.0})) == set()


def test_two_rows():
    two = RULES.model_copy(update={"rows": 2})
    assert placed((LINE,), two) - placed((LINE,)) == {(600, 300, 630, 700), (230, 300, 260, 700)}
    assert two.reach_nm == 630 - 460


def test_between_two_lines():
    """Two bars if both fit with their spacing, else one, else none."""
    for gap, count in ((240, 2), (239, 1), (170, 1), (169, 0)):
        other = box(460 + gap, 300, 520 + gap, 700)
        between = [bar for bar in placed((LINE, other)) if 460 < bar[0] < 460 + gap]
        assert len(between) == count, gap


def test_a_bar_is_cut_where_another_shape_is_near():
    """Around its corners as far as the distance goes, in any direction; what is left is on whole nm."""
    bars = placed((LINE, box(560, 480, 700, 520)))
    right = sorted(bar for bar in bars if bar[0] == 530)
    assert right == [(530, 300, 560, 410), (530, 590, 560, 700)]
    near = sorted(bar for bar in placed((LINE, box(602, 480, 700, 520))) if bar[0] == 530)
    assert near == [(530, 300, 560, 480 - 56), (530, 520 + 56, 560, 700)]  # 42^2 + 56^2 = 70^2


def test_edges_of_holes_have_bars_in_them():
    outer, hole = box(100, 100, 900, 900).hull, box(200, 200, 800, 800).hull
    bars = placed((Polygon(outer, (hole[::-1],)),))
    inside = sorted(bar for bar in bars if 200 < bar[0] < 800 and 200 < bar[1] < 800)
    assert inside == [(270, 270, 300, 730), (340, 270, 730, 300), (340, 700, 730, 730), (700, 340, 730, 660)]


def test_none_at_the_border():
    """Half a spacing is left free: bars across the border would be cut."""
    assert placed((box(60, 300, 160, 700),)) == {(230, 300, 260, 700), (60, 200, 160, 230), (60, 770, 160, 800)}
    assert (530, 20, 560, 500) in placed((box(400, 0, 460, 500),))


def test_touching_shapes_are_one():
    assert placed((box(400, 300, 460, 500), box(400, 500, 460, 700))) == placed((LINE,))


@pytest.mark.parametrize("angle_deg", [10.0, 33.0, 45.0, 120.0])
def test_bars_turn_with_their_edges(angle_deg):
    line = np.array([(-30.0, -200), (30, -200), (30, 200), (-30, 200)])
    (turned,) = [Polygon(rotated(line, angle_deg, 1e-9) + 500)]
    expected = [
        rotated(np.array([(x, -200.0), (x + 30, -200), (x + 30, 200), (x, 200)]), angle_deg, 1e-9) + 500
        for x in (100, -130)
    ]
    found = [shapely.Polygon(bar.hull) for bar in assist_bars((turned,), RULES, FIELD)]
    assert len(found) == 2
    union = shapely.union_all([shapely.Polygon(corners) for corners in expected])
    assert shapely.union_all(found).symmetric_difference(union).area < 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_distances_hold_among_random_shapes(seed):
    random = np.random.default_rng(seed)
    corners = random.integers(50, 900, (8, 2))
    shapes = tuple(box(*low, *(low + random.integers(40, 260, 2))) for low in corners)
    found = [shapely.Polygon(bar.hull) for bar in assist_bars(shapes, RULES.model_copy(update={"rows": 2}), FIELD)]
    drawn = shapely.union_all([shapely.Polygon(shape.hull) for shape in shapes])
    assert found
    for index, bar in enumerate(found):
        assert shapely.distance(bar, drawn) > 70 - 0.1
        assert bar.area >= 30 * 80 - 1e-6
        assert all(shapely.distance(bar, other) > 40 - 0.1 for other in found[:index])


def test_rules_raise_what_is_less():
    kept = Bars(width_nm=20.0, distance_nm=30.0, shortest_nm=20.0, spacing_nm=20.0).keeping(
        MaskRules(25.0, 35.0, 2500.0)
    )
    assert (kept.width_nm, kept.distance_nm, kept.shortest_nm, kept.spacing_nm) == (25.0, 35.0, 100.0, 35.0)
    assert RULES.keeping(MaskRules(20.0, 20.0, 1000.0)) == RULES
