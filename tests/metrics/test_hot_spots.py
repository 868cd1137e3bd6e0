"""Hot spots of drawn prints: each kind, at any angle and scale, across the field's border, at one corner only."""

import numpy as np
import pytest
import shapely
from scenes.shapes import box, disc
from scenes.slanted import turned

from litho_dl.core.errors import LithoError
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.shapes import to_polygons, to_shapes
from litho_dl.metrics.hot_spots import HotSpot, PrintLimits, find_hot_spots

FIELD, LIMITS = (1000.0, 1000.0), PrintLimits(30.0, 30.0)
LEFT, RIGHT = box(100, 100, 200, 500), box(260, 100, 360, 500)
RING = (*(box(400, 400, 440, 800), box(560, 400, 600, 800)), box(400, 400, 600, 440), box(400, 760, 600, 800))


def merged(*shapes: Polygon) -> tuple[Polygon, ...]:
    return Layout("merged", shapes).merged().polygons


def without(shapes: tuple[Polygon, ...], *cuts: Polygon) -> tuple[Polygon, ...]:
    left = shapely.difference(shapely.union_all(to_shapes(shapes)), shapely.union_all(to_shapes(cuts)))
    return to_polygons(shapely.get_parts(left))


def only(prints, drawn, limits: PrintLimits = LIMITS, field_nm=FIELD) -> HotSpot:
    (spot,) = find_hot_spots({"nominal": prints}, drawn, limits, field_nm)
    return spot


def holds(spot: HotSpot, x: float, y: float, reach: float = 1.0) -> bool:
    x0, y0, x1, y1 = spot.box_nm
    return x0 - reach <= x <= x1 + reach and y0 - reach <= y <= y1 + reach


class TestNarrow:
    @pytest.mark.parametrize("angle", [0.0, 17.0, 45.0])
    @pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
    def test_a_neck_has_its_width(self, angle, scale):
        line = merged(box(-100, -50, 0, 50), box(0, -12.5, 20, 12.5), box(20, -50, 100, 50))
        placed = [shape.mapped(lambda p: (p + 500) * scale) for shape in turned(line, angle, 1e-4)]
        drawn = [shape.mapped(lambda p: (p + 500) * scale) for shape in turned([box(-100, -50, 100, 50)], angle, 1e-4)]
        limits, field_nm = PrintLimits(30 * scale, 30 * scale), (1000 * scale, 1000 * scale)
        spot = only(placed, drawn, limits, field_nm)
        assert (spot.kind, spot.lost) == ("pinch", False)
        assert spot.width_nm == pytest.approx(25 * scale, rel=2e-3)

    @pytest.mark.parametrize("angle", [0.0, 17.0])
    def test_a_space_has_its_width(self, angle):
        drawn = turned([box(-100, -100, -40, 100), box(40, -100, 100, 100)], angle, 1e-4)
        prints = turned([box(-100, -100, -11, 100), box(11, -100, 100, 100)], angle, 1e-4)
        spot = only(*([shape.mapped(lambda p: p + 500) for shape in shapes] for shapes in (prints, drawn)))
        assert (spot.kind, spot.lost) == ("bridge", False)
        assert spot.width_nm == pytest.approx(22, rel=2e-3)

    def test_widths_at_their_limits_pass(self):
        assert not find_hot_spots({"nominal": [box(0, 0, 31, 300)]}, [box(0, 0, 31, 300)], LIMITS, FIELD)
        assert only([box(10, 10, 39, 300)], [box(10, 10, 41, 300)]).width_nm == pytest.approx(29)

    def test_pulled_back_and_tapering_ends_are_none(self):
        angles = np.linspace(0, np.pi, 200)
        end = np.column_stack((150 + 16 * np.cos(angles), 200 + 60 * np.sin(angles)))
        tip = Polygon(np.vstack([[(134, 100), (166, 100)], end]))
        assert not find_hot_spots({"nominal": [tip]}, [box(130, 100, 170, 300)], LIMITS, FIELD)

    def test_a_small_print_of_a_large_shape(self):
        spot = only([disc(20, 150, 300)], [LEFT])
        assert (spot.kind, holds(spot, 150, 300)) == ("pinch", True)
        assert spot.width_nm == pytest.approx(20, rel=0.01)


class TestLost:
    def test_nothing_where_prints_are_as_drawn(self):
        assert find_hot_spots({"nominal": [LEFT, RIGHT]}, [LEFT, RIGHT], LIMITS, FIELD) == ()

    def test_missing(self):
        spot = only([LEFT], [LEFT, RIGHT])
        assert (spot.kind, spot.width_nm, spot.box_nm) == ("missing", 0, (260, 100, 360, 500))

    def test_nothing_prints_at_all(self):
        assert only([], [LEFT]).kind == "missing"

    def test_stray(self):
        spot = only([LEFT, disc(20, 600, 600)], [LEFT])
        assert (spot.kind, spot.lost) == ("stray", True)
        assert spot.width_nm == pytest.approx(20, rel=1e-2)

    def test_broken(self):
        spot = only([box(100, 100, 200, 250), box(100, 290, 200, 500)], [LEFT])
        assert (spot.kind, spot.width_nm) == ("pinch", 0)
        assert spot.box_nm == pytest.approx((100, 250, 200, 290), abs=3.5)

    def test_broken_twice(self):
        pieces = [box(100, 100, 200, 200), box(100, 280, 200, 330), box(100, 400, 200, 500)]
        spots = find_hot_spots({"nominal": pieces}, [LEFT], LIMITS, FIELD)
        assert [spot.kind for spot in spots] == ["pinch", "pinch"]
        assert sorted(round(spot.centre_nm[1]) for spot in spots) == [240, 365]

    def test_joined_at_one_corner_only(self):
        bridged = merged(LEFT, RIGHT, box(190, 300, 270, 340))
        spots = find_hot_spots({"nominal": [LEFT, RIGHT], "outer": bridged}, [LEFT, RIGHT], LIMITS, FIELD)
        assert [(spot.kind, spot.corner, spot.width_nm) for spot in spots] == [("bridge", "outer", 0)]
        assert spots[0].box_nm == pytest.approx((200, 300, 260, 340), abs=3.5)

    def test_joined_in_a_slanted_space(self):
        shapes = [turned([shape.mapped(lambda p: p - 300)], 30, 1e-4)[0] for shape in (LEFT, RIGHT)]
        strip = turned([box(190 - 300, 300 - 300, 270 - 300, 340 - 300)], 30, 1e-4)[0]
        drawn = [shape.mapped(lambda p: p + 500) for shape in shapes]
        spot = only(merged(*drawn, strip.mapped(lambda p: p + 500)), drawn)
        middle = turned([box(229 - 300, 319 - 300, 231 - 300, 321 - 300)], 30, 1e-4)[0].hull.mean(0) + 500
        assert (spot.kind, spot.width_nm, holds(spot, *middle)) == ("bridge", 0, True)

    def test_a_print_that_brushes_against_a_lost_shape_is_not_its_own(self):
        spot = only([box(100, 100, 202, 500)], [LEFT, box(200.5, 250, 260, 290)])
        assert (spot.kind, spot.box_nm) == ("missing", (200.5, 250, 260, 290))

    def test_an_assist_feature_that_prints_between_lines_joins_nothing(self):
        drawn = [box(100, 100, 200, 500), box(400, 100, 500, 500)]
        spots = find_hot_spots({"nominal": [*drawn, box(280, 100, 320, 500)]}, drawn, LIMITS, FIELD)
        assert [spot.kind for spot in spots] == ["stray"]

    def test_a_notch_that_closes_but_not_one_that_fills_from_its_end(self):
        fork = merged(box(100, 100, 140, 500), box(200, 100, 240, 500), box(100, 100, 240, 140))
        spot = only(merged(*fork, box(130, 300, 210, 330)), fork)
        assert (spot.kind, holds(spot, 170, 315)) == ("bridge", True)
        assert not find_hot_spots({"nominal": merged(*fork, box(130, 130, 210, 190))}, fork, LIMITS, FIELD)

    def test_a_ring_that_opens_and_one_that_fills(self):
        ring = merged(*RING)
        opened = only(without(ring, box(390, 580, 450, 620)), ring)
        assert (opened.kind, opened.width_nm, holds(opened, 420, 600)) == ("pinch", 0, True)
        filled = only([box(400, 400, 600, 800)], ring)
        assert (filled.kind, filled.box_nm) == ("bridge", (440, 440, 560, 760))

    def test_a_hole_in_a_print(self):
        wide = box(100, 100, 400, 400)
        spot = only(without((wide,), box(230, 230, 270, 260)), [wide])
        assert (spot.kind, spot.width_nm, spot.box_nm) == ("pinch", 0, (230, 230, 270, 260))


class TestField:
    def test_places_across_the_border_count_once(self):
        line = [box(0, 100, 400, 200), box(600, 100, 1000, 200)]  # one line, across the border in x
        for half_nm in (20, 150):
            spot = only([box(half_nm, 100, 400, 200), box(600, 100, 1000 - half_nm, 200)], line)
            assert (spot.kind, spot.width_nm) == ("pinch", 0)
            assert spot.box_nm[2] - spot.box_nm[0] == pytest.approx(2 * half_nm, abs=7)

    def test_a_space_across_the_border(self):
        drawn = [box(20, 100, 100, 500), box(900, 100, 980, 500)]
        spot = only([box(12, 100, 100, 500), box(900, 100, 988, 500)], drawn)
        assert (spot.kind, round(spot.width_nm, 6)) == ("bridge", 24)

    def test_shapes_that_only_end_at_the_border_are_whole(self):
        column = [box(0, 300, 15, 600), box(985, 300, 1000, 600)]  # 30 nm wide, in two halves
        limits = PrintLimits(28.0, 28.0)
        assert not find_hot_spots({"nominal": column}, column, limits, FIELD)


class TestOrder:
    def test_what_is_lost_comes_first_then_the_narrowest(self):
        prints = [box(100, 100, 125, 500), box(300, 100, 310, 500)]
        drawn = [box(100, 100, 140, 500), box(300, 100, 340, 500), box(600, 100, 640, 200)]
        spots = find_hot_spots({"nominal": prints}, drawn, LIMITS, FIELD)
        assert [(spot.kind, round(spot.width_nm)) for spot in spots] == [("missing", 0), ("pinch", 10), ("pinch", 25)]
        assert [spot.place for spot in spots] == [1, 2, 3]

    def test_one_place_has_one_number_at_all_corners(self):
        drawn = [box(100, 100, 140, 500), box(300, 100, 340, 500)]
        prints = {"inner": [box(300, 100, 320, 500)], "nominal": [box(110, 100, 130, 500), box(300, 100, 330, 500)]}
        spots = find_hot_spots(prints, drawn, LIMITS, FIELD)
        found = {(spot.place, spot.kind, spot.corner) for spot in spots}
        assert found == {(1, "missing", "inner"), (1, "pinch", "nominal"), (2, "pinch", "inner")}

    @pytest.mark.parametrize("limits", [(0.0, 30.0), (30.0, -1.0), (float("nan"), 30.0)])
    def test_limits_are_positive(self, limits):
        with pytest.raises(LithoError, match="Expected limits"):
            PrintLimits(*limits)
