"""Repaired shapes: legal ones move by the rounding of corners only, others keep the rules afterwards."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from scenes.shapes import box
from scipy.ndimage import gaussian_filter

from litho_dl.layout.bezier_fit import fit_outlines
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.curvature import tight_bends
from litho_dl.layout.curves import evened
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.repair import RADIUS_SLACK, SLACK_NM, repaired
from litho_dl.layout.rules import MaskRules, check_curves, check_rules

RULES = MaskRules(min_width_nm=20, min_space_nm=20, min_area_nm2=1600)
RADIUS_NM = 10 + SLACK_NM  # of the discs
FIELD_NM = 512.0

PADS = (box(40, 40, 88, 88), box(160, 40, 208, 88), box(40, 160, 88, 208))


def area(*polygons: Polygon) -> float:
    return sum(shapely.Polygon(polygon.hull, polygon.holes).area for polygon in polygons)


def shape(*polygons: Polygon) -> shapely.Geometry:
    return shapely.union_all([shapely.Polygon(polygon.hull, polygon.holes) for polygon in polygons])


def apart_nm2(found: tuple[Polygon, ...], expected: tuple[Polygon, ...]) -> float:
    """The area where two masks differ."""
    return shape(*found).symmetric_difference(shape(*expected)).area


def polygons_of(shapes: shapely.Geometry) -> tuple[Polygon, ...]:
    """The polygons of shapely's."""
    return tuple(
        Polygon(np.array(part.exterior.coords)[:-1], tuple(np.array(hole.coords)[:-1] for hole in part.interiors))
        for part in shapely.get_parts(shapely.orient_polygons(shapes))
    )


def violations(polygons: tuple[Polygon, ...], rules: MaskRules = RULES) -> int:
    return check_rules(polygons, rules).total


def turned(polygons: tuple[Polygon, ...], angle: float) -> tuple[Polygon, ...]:
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    return tuple(polygon.mapped(lambda points: (points - 150) @ turn + 150) for polygon in polygons)


def blobs(seed: int, blur_nm: float, share: float) -> tuple[Polygon, ...]:
    """Smooth random shapes on 4 nm pixels that cover about a share of the field, and keep clear of its border."""
    noise = np.random.default_rng(seed).normal(size=(128, 128))
    smooth = gaussian_filter(noise, blur_nm / 4, mode="wrap")
    function = smooth - np.quantile(smooth, 1 - share)
    function[:6] = function[-6:] = function[:, :6] = function[:, -6:] = -np.abs(function).max()
    return contour_polygons(function, 4.0, 0.0)


class TestLegalShapes:
    @pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4])
    def test_only_corners_are_rounded(self, angle):
        """Each right angle loses (1 - pi / 4) r^2 to an arc, and nothing else moves by more than the arc's chords."""
        pads = turned(PADS, angle)
        found = repaired(pads, RULES)
        assert len(found) == 3
        assert area(*pads) - area(*found) == pytest.approx(12 * (1 - np.pi / 4) * RADIUS_NM**2, rel=0.1)
        assert shape(*found).difference(shape(*pads).buffer(0.1)).is_empty
        opened = shape(*pads).buffer(-RADIUS_NM).buffer(RADIUS_NM, quad_segs=64)
        assert shapely.hausdorff_distance(shape(*found), opened) < 0.2
        assert violations(found) == 0

    def test_what_is_round_stays(self):
        """A disc, a ring and a wide line with round ends move by less than a chord's height."""
        disc, ring = shapely.Point(100, 100).buffer(25, 32), shapely.Point(250, 100).buffer(60, 32)
        ring = ring.difference(shapely.Point(250, 100).buffer(30, 32))
        line = shapely.LineString([(60, 250), (300, 290)]).buffer(12, 32)
        drawn = polygons_of(shapely.union_all([disc, ring, line]))
        found = repaired(drawn, RULES)
        assert len(found) == 3
        assert shapely.hausdorff_distance(shape(*found), shape(*drawn)) < 0.2

    @pytest.mark.parametrize("limit_nm", [5.0, 20.0, 40.0, 80.0])
    def test_lines_and_spaces_at_the_limit_stay(self, limit_nm):
        """Whatever the limit, lines a little wider than it at spaces a little wider than it."""
        pitch, rules = 2 * limit_nm + 3, MaskRules(limit_nm, limit_nm, limit_nm**2)
        lines = tuple(box(50 + n * pitch, 50, 50 + n * pitch + limit_nm + 1.5, 50 + 8 * limit_nm) for n in range(4))
        found = repaired(lines, rules)
        assert len(found) == 4
        radius = limit_nm / 2 + SLACK_NM
        assert apart_nm2(found, lines) == pytest.approx(16 * (1 - np.pi / 4) * radius**2, rel=0.15)
        assert violations(found, rules) == 0

    def test_nothing_to_do(self):
        assert repaired((), RULES) == ()
        off = MaskRules(0, 0, 0)
        assert apart_nm2(repaired(PADS, off), PADS) < 1e-6
        assert repaired((box(0, 0, 10, 10),), RULES) == ()


class TestFaults:
    """Pads of 48 nm, at spaces of 72 nm, and one fault."""

    @pytest.mark.parametrize("angle", [0.0, 0.4])
    @pytest.mark.parametrize(
        ("added", "removed"),
        [
            pytest.param((box(80, 60, 168, 68),), (), id="a thin bridge"),
            pytest.param((box(56, 80, 64, 150),), (), id="a thin neck and a narrow gap behind it"),
            pytest.param((box(96, 40, 144, 80),), (), id="a narrow gap"),
            pytest.param((box(176, 176, 184, 184),), (), id="a speck"),
            pytest.param((box(160, 160, 184, 184), box(200, 224, 212, 248)), (), id="two dots"),
            pytest.param((), (box(58, 58, 66, 66),), id="a pinhole"),
            pytest.param((), (box(30, 60, 72, 68),), id="a notch"),
            pytest.param((box(88, 88, 160, 160),), (), id="a corner that meets others"),
        ],
    )
    def test_they_are_repaired(self, added, removed, angle):
        drawn = turned(polygons_of(shape(*PADS, *added).difference(shape(*removed))), angle)
        assert violations(drawn) > violations(turned(PADS, angle)) == 0
        found = repaired(drawn, RULES)
        assert violations(found) == 0
        assert apart_nm2(found, drawn) < 2600

    def test_specks_and_dots_go_and_pinholes_are_filled(self):
        pads = repaired(PADS, RULES)
        speck = (*PADS, box(176, 176, 184, 184))
        assert apart_nm2(repaired(speck, RULES), pads) < 3  # chords of corners
        dot = (*PADS, box(160, 160, 196, 200))  # 1440 nm^2
        assert apart_nm2(repaired(dot, RULES), pads) < 3
        pinhole = polygons_of(shape(*PADS).difference(shape(box(58, 58, 66, 66))))
        filled = repaired(pinhole, RULES)  # after its rim of 18 nm was widened
        assert not any(polygon.holes for polygon in filled)
        assert apart_nm2(filled, pads) < 120

    def test_a_thin_bridge_goes_and_a_nearly_wide_one_is_widened(self):
        """Below and above three quarters of the least width, by what it has more than that."""
        thin, nearly = (repaired((*PADS, box(80, 64 - w / 2, 168, 64 + w / 2)), RULES) for w in (13.0, 17.0))
        between = shape(box(104, 0, 144, 120))
        assert not shape(*thin).intersects(between)
        width = shape(*nearly).intersection(between).area / 40
        assert width == pytest.approx(2 * RADIUS_NM + 17 - 0.75 * 2 * RADIUS_NM, abs=0.1)
        assert violations(thin) == violations(nearly) == 0

    def test_a_narrow_gap_is_closed_or_opened(self):
        """A bar 12 nm from a pad, on as long an edge as its own, becomes one shape with it."""
        found = repaired((*PADS, box(100, 40, 130, 88)), RULES)
        assert len(found) == 3
        assert shape(*found).contains(shape(box(92, 55, 96, 75)))

    def test_sides_of_a_bridge_too_narrow_are_moved_apart(self):
        """Two corners 10 nm apart would be joined by a neck; they part instead, by the least space."""
        found = repaired((box(40, 40, 100, 100), box(107, 107, 167, 167)), RULES)
        assert len(found) == 2
        assert shape(found[0]).distance(shape(found[1])) >= 20
        assert violations(found) == 0

    def test_a_tapered_line_is_widened_where_it_is_not_thin(self):
        """From 30 nm to a point over 300 nm: to where it has three quarters of the discs' width, and an arc beyond."""
        taper = Polygon(np.array([(40.0, 40.0), (340.0, 55.0), (40.0, 70.0)]))
        (found,) = repaired((taper,), RULES)
        end = found.hull[:, 0].max()
        widened = 40 + 300 * (1 - 1.5 * RADIUS_NM / 30) + RADIUS_NM
        assert widened - 0.7 * RADIUS_NM < end < widened  # the end is cut where discs overlap by little
        assert violations((found,)) == 0


class TestRadius:
    RULES = MaskRules(20, 20, 1600, min_radius_nm=20)

    @pytest.mark.parametrize("radius_nm", [10.0, 20.0])
    @pytest.mark.parametrize("seed", range(3))
    def test_bends_are_no_tighter(self, seed, radius_nm):
        """Also in the cusps where arcs of the closing meet, to a tenth; and curves through them to all of it."""
        drawn, rules = blobs(seed, 16.0, 0.3), replace(self.RULES, min_radius_nm=radius_nm)
        found = repaired(drawn, rules)
        loops = [[loop for polygon in polygons for loop in polygon.loops] for polygons in (drawn, found)]
        assert len(tight_bends(loops[0], radius_nm).values) > 10
        assert not len(tight_bends(loops[1], 0.9 * radius_nm).values)
        curves = fit_outlines(evened(found, 1.0), 0.5, radius_nm)
        assert check_curves(curves, rules).counts == {"width": 0, "space": 0, "area": 0, "radius": 0}
        assert check_curves(fit_outlines(evened(found, 1.0), 0.5), rules).counts["radius"] > 10

    def test_corners_have_it(self):
        found = repaired(PADS, self.RULES)
        lost = area(*PADS) - area(*found)
        assert lost == pytest.approx(12 * (1 - np.pi / 4) * (RADIUS_SLACK * 20 + SLACK_NM) ** 2, rel=0.1)

    def test_alone(self):
        """A radius without a least width or space holds for both sides."""
        cross = polygons_of(shape(box(40, 100, 340, 220), box(140, 0, 240, 320)))
        found = repaired(cross, MaskRules(0, 0, 0, min_radius_nm=20))
        corners = (1 - np.pi / 4) * (RADIUS_SLACK * 20 + SLACK_NM) ** 2
        assert shape(*cross).difference(shape(*found)).area == pytest.approx(8 * corners, rel=0.1)
        assert shape(*found).difference(shape(*cross)).area == pytest.approx(4 * corners, rel=0.1)


@pytest.mark.parametrize("seed", range(8))
def test_random_shapes_keep_the_rules(seed):
    drawn = blobs(seed, 20.0, 0.2)
    assert violations(drawn) > 0
    found = repaired(drawn, RULES)
    assert check_rules(found, RULES).counts == {"width": 0, "space": 0, "area": 0, "radius": 0}
    assert apart_nm2(repaired(found, RULES), found) < 0.01 * area(*found), "what is repaired stays"


@pytest.mark.parametrize("share", [0.2, 0.5])
@pytest.mark.parametrize("blur_nm", [8.0, 12.0])
@pytest.mark.parametrize("seed", range(3))
def test_shapes_that_break_rules_nearly_everywhere_keep_them_nearly_everywhere(seed, blur_nm, share):
    """Features of about the least width. What is left are waists between overlapping discs: four fifths of it."""
    drawn = blobs(seed, blur_nm, share)
    found = repaired(drawn, RULES)
    assert violations(found) <= 0.05 * violations(drawn)
    assert violations(found, replace(RULES, min_width_nm=16.0, min_space_nm=16.0)) == 0


def test_overlapping_polygons_are_merged():
    parts = (box(40, 40, 120, 80), box(80, 40, 160, 80), box(60, 60, 100, 140))
    assert apart_nm2(repaired(parts, RULES), repaired(polygons_of(shape(*parts)), RULES)) < 1e-6
    assert len(repaired((*parts, *parts), RULES)) == 1


def test_hulls_and_holes_keep_their_orientation():
    frame = polygons_of(shape(box(40, 40, 240, 240)).difference(shape(box(100, 100, 180, 180))))
    (found,) = repaired(frame, RULES)
    (hole,) = found.holes
    assert shapely.is_ccw(shapely.LinearRing(found.hull))
    assert not shapely.is_ccw(shapely.LinearRing(hole))
    assert area(found) == pytest.approx(200**2 - 80**2, rel=0.01)
