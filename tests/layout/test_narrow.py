"""Shapes away from drawn ones are made as narrow as a limit says, and keep the mask rules."""

import numpy as np
import pytest
import shapely
from scenes.shapes import box

from litho_dl.layout.narrow import narrowed
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.repair import repaired
from litho_dl.layout.rules import MaskRules, check_rules

RULES = MaskRules(20.0, 20.0, 1000.0)
DRAWN = (box(0, 0, 60, 400),)
MAIN = box(-20, -20, 80, 420)


def extent(shapes: tuple[Polygon, ...], along: tuple[tuple[float, float], tuple[float, float]]) -> float:
    """Length of a line in the shapes."""
    return sum(
        shapely.LineString(along).intersection(shapely.Polygon(shape.hull, shape.holes)).length for shape in shapes
    )


def test_a_wide_bar_is_shrunk_on_all_sides():
    found = narrowed((MAIN, box(200, 0, 280, 300)), DRAWN, 50.0, RULES)
    assert len(found) == 2
    assert extent(found, ((-100, 200), (150, 200))) == pytest.approx(100, abs=0.2)  # wider, but drawn
    assert extent(found, ((150, 150), (240, 150))) == pytest.approx(25, abs=0.4)
    assert extent(found, ((240, 150), (400, 150))) == pytest.approx(25, abs=0.4)
    assert extent(found, ((240, -50), (240, 400))) == pytest.approx(270, abs=0.8)


def test_shapes_within_the_limit_are_those_of_a_repair():
    shapes = (MAIN, box(200, 0, 240, 300), box(300, 0, 340, 40))
    for one, other in zip(narrowed(shapes, DRAWN, 45.0, RULES), repaired(shapes, RULES), strict=True):
        np.testing.assert_array_equal(one.hull, other.hull)


def test_narrow_arms_of_a_wide_shape_vanish():
    head = np.array([(200, 100), (300, 100), (300, 160), (400, 160), (400, 190), (300, 190), (300, 200), (200, 200)])
    (only,) = narrowed((Polygon(head.astype(float)),), DRAWN, 40.0, RULES)
    assert extent((only,), ((150, 150), (450, 150))) == pytest.approx(40, abs=0.8)
    assert extent((only,), ((250, 50), (250, 450))) == pytest.approx(40, abs=0.8)


def test_what_cannot_be_kept_is_left_out():
    """Shrunk to the limit, a disc has less than the least area."""
    disc = Polygon(np.asarray(shapely.Point(300, 200).buffer(50).exterior.coords)[:-1])
    assert narrowed((disc,), DRAWN, 40.0, MaskRules(20.0, 20.0, 1300.0)) == ()
    (kept,) = narrowed((disc,), DRAWN, 40.0, MaskRules(20.0, 20.0, 1000.0))
    assert extent((kept,), ((200, 200), (400, 200))) == pytest.approx(40, abs=0.8)


@pytest.mark.parametrize("seed", range(4))
def test_random_shapes(seed):
    random = np.random.default_rng(seed)
    shapes = []
    for low in random.integers(100, 700, (25, 2)).astype(float):
        shapes.append(box(*low, *(low + random.integers(15, 140, 2))))
    found = narrowed((MAIN, *shapes), DRAWN, 45.0, RULES)
    drawn = shapely.Polygon(DRAWN[0].hull)
    own = [shapely.Polygon(shape.hull, shape.holes) for shape in found]
    assert len(own) > 3
    for shape in own:
        if not shape.intersects(drawn):
            assert 2 * shapely.length(shapely.maximum_inscribed_circle(shape, 0.01)) < 45.8
    assert check_rules(found, RULES).total <= check_rules(repaired((MAIN, *shapes), RULES), RULES).total
