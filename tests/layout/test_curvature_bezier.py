"""The radius of curvature of Bezier curves against circles, ellipses and corners, and rules of outlines."""

import numpy as np
import pytest

from litho_dl.layout.bezier import BezierLoop, BezierOutline, straight_loop
from litho_dl.layout.bezier_fit import fit_outlines
from litho_dl.layout.curvature import least_radius_nm, tight_curves
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules, check_curves, check_rules


def ellipse(a: float, b: float, centre=(0.0, 0.0), count: int = 4000) -> Polygon:
    turn = 2 * np.pi * np.arange(count) / count
    return Polygon(np.stack([a * np.cos(turn), b * np.sin(turn)], axis=1) + np.array(centre))


def fitted(*polygons: Polygon, tolerance_nm: float = 1e-3) -> tuple[BezierOutline, ...]:
    return fit_outlines(polygons, tolerance_nm)


@pytest.mark.parametrize("radius", [12.0, 60.0, 500.0])
def test_a_circle_passes_at_its_radius_and_fails_below(radius):
    (circle,) = fitted(ellipse(radius, radius), tolerance_nm=1e-6 * radius)
    assert least_radius_nm(circle.loops) == pytest.approx(radius, rel=1e-3)
    assert not len(tight_curves(circle.loops, radius).values)
    (value,) = tight_curves(circle.loops, 1.05 * radius).values
    assert value == pytest.approx(radius, rel=2e-3)


def test_a_hole_is_concave():
    circle = ellipse(60, 60)
    (ring,) = fitted(Polygon(circle.hull * 2, (circle.hull[::-1],)))
    (value,) = tight_curves(ring.loops, 80.0).values
    assert value == pytest.approx(-60, rel=2e-2)


def test_both_ends_of_an_ellipse_are_found_where_they_are():
    """Radii a^2 / b at the flat sides and b^2 / a at the ends; below a limit between them only the ends are found."""
    (shape,) = fitted(ellipse(120, 60, (500, 300)), tolerance_nm=1e-4)
    places = tight_curves(shape.loops, 40.0)
    np.testing.assert_allclose(places.values, 30, rtol=5e-3)
    assert len(places.values) == 2
    x = np.sort((places.boxes_nm[:, 0] + places.boxes_nm[:, 2]) / 2)
    assert 380 < x[0] < 390
    assert 610 < x[1] < 620
    # on the ellipse at parameter t: R = (a^2 sin^2 + b^2 cos^2)^1.5 / (a b) = 40 where y = b sin t
    sine = np.sqrt(((40 * 0.99 * 120 * 60) ** (2 / 3) - 60**2) / (120**2 - 60**2))
    heights = (places.boxes_nm[:, 3] - places.boxes_nm[:, 1]) / 2
    np.testing.assert_allclose(heights, 60 * sine, atol=3)


def test_corners_have_no_radius_and_straight_edges_an_infinite_one():
    box = straight_loop(np.array([(0, 0), (300, 0), (300, 100), (0, 100.0)]))
    places = tight_curves([box], 10.0)
    assert places.values.tolist() == [0, 0, 0, 0]
    assert least_radius_nm([box]) == 0
    assert least_radius_nm([]) == np.inf


def test_the_peak_between_samples_is_found():
    """The parabola y = x^2 / 2 R, which a cubic draws exactly, has its least radius R at x = 0."""
    radius, a, b = 50.0, -337.0, 501.0
    left, right = np.array([a, a**2 / (2 * radius)]), np.array([b, b**2 / (2 * radius)])
    apex = np.array([(a + b) / 2, a * b / (2 * radius)])  # where the tangents at both ends meet
    arch = [left, (left + 2 * apex) / 3, (right + 2 * apex) / 3, right]
    loop = BezierLoop(np.array([arch, [right, (2 * right + left) / 3, (right + 2 * left) / 3, left]]))
    places = tight_curves([loop], 1.1 * radius)
    np.testing.assert_allclose(np.sort(places.values), [0, 0, radius], rtol=1e-4)
    (box,) = places.boxes_nm[places.values > 1]
    assert -radius / 2 < box[0] <= box[2] < radius / 2


class TestRulesOfCurves:
    RULES = MaskRules(50.0, 40.0, 3000.0, 20.0)

    def test_a_clean_circle(self):
        assert check_curves(fitted(ellipse(60, 60)), self.RULES).total == 0

    def test_each_rule_finds_its_own(self):
        narrow = check_curves(fitted(ellipse(24, 24)), self.RULES)
        assert narrow.counts == {"width": 1, "space": 0, "area": 1, "radius": 0}
        pair = fitted(ellipse(60, 60), ellipse(60, 60, (150, 0)))
        assert check_curves(pair, self.RULES).counts == {"width": 0, "space": 1, "area": 0, "radius": 0}
        assert check_curves(pair, self.RULES).places["space"].values == pytest.approx([30], abs=0.3)
        pointed = check_curves(fitted(ellipse(150, 40)), self.RULES)
        assert pointed.counts["radius"] == 2
        assert pointed.places["radius"].values == pytest.approx([40**2 / 150] * 2, rel=0.02)

    def test_only_what_a_window_holds_is_checked(self):
        pointed = fitted(ellipse(150, 40))
        found = check_curves(pointed, self.RULES, window_nm=(0.0, -100.0, 200.0, 100.0))
        assert found.counts["radius"] == 1
        assert found.radius[0, 0] > 100

    def test_widths_are_those_of_polygons(self):
        polygons = (ellipse(60, 24), ellipse(60, 60, (120, 100)))
        rules = MaskRules(50.0, 40.0, 3000.0)
        curves, drawn = check_curves(fitted(*polygons), rules), check_rules(polygons, rules)
        assert curves.counts == drawn.counts
        for rule in ("width", "space"):
            np.testing.assert_allclose(curves.places[rule].values, drawn.places[rule].values, rtol=0.01)
