"""Edges cut into fragments, and their sites."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scenes.edges import RULES, SHAPES, SIDE, cut, drawn, edges, polygons, shapes
from scenes.slanted import circle, rotated, turned
from torch import Tensor

from litho_dl.ilt.assists import Assists
from litho_dl.ilt.fragmentation import KEPT_NM, LARGEST_MOVE_NM, Fragmentation
from litho_dl.ilt.fragments import Fragments, fragment, free_moves, moves_to_border
from litho_dl.ilt.parameterization import Start
from litho_dl.ilt.parameterization.manhattan import Manhattan
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules, check_rules

BAR, ASSISTS = [(40, 60, 100, 340)], [(180, 60, 250, 340), (320, 60, 390, 340)]


class TestFragments:
    """How edges are cut."""

    @shapes
    def test_they_cover_every_edge_once(self, shape):
        """Their lengths sum to the perimeter; normals point out; borders lie on whole nm."""
        clip, image = cut(shape), shape[0].numpy()
        loops = [loop for polygon in polygons(shape) for loop in polygon.loops]
        perimeter = sum(np.abs(np.roll(loop, -1, axis=0) - loop).sum() for loop in loops)
        assert 2 * clip.halves.sum() == perimeter
        inside, outside = (np.floor(clip.middles + step * clip.normals).astype(int) for step in (-0.5, 0.5))
        assert (image[inside[:, 1], inside[:, 0]] == 1).all()
        assert (image[outside[:, 1], outside[:, 0]] == 0).all()
        assert (np.abs(clip.normals).sum(1) == 1).all()
        assert (clip.vertices == np.rint(clip.vertices)).all()
        assert set(clip.owners.ravel()) == {-1, *range(len(clip.sites))}

    @shapes
    def test_sites_lie_on_their_fragments(self, shape):
        clip = cut(shape)
        apart = clip.sites - clip.middles
        assert (np.abs((apart * clip.normals).sum(1)) == 0).all()
        assert (np.abs(apart).max(1) <= clip.halves + 0.5).all()

    @pytest.mark.parametrize(
        ("length", "lengths"),
        [
            (81, [40, 41]),  # two, cut in the middle
            (90, [90]),  # the end of a line
            (130, [40, 50, 40]),
            (240, [40, 80, 80, 40]),
            (241, [40, 54, 53, 54, 40]),
            (281, [40, 67, 67, 67, 40]),
        ],
    )
    def test_lengths_by_hand(self, length, lengths):
        """Of the lower edge of a box; 81 nm as a bar's upper part, between a convex and a concave corner."""
        if length == 81:
            shape = drawn((50, 50, 300, 100), (50, 100, 219, 200))
            clip = cut(shape)
            own = (clip.middles[:, 1] == 100) & (clip.normals[:, 1] == 1)
        else:
            clip = cut(drawn((50, 50, 50 + length, 250)))
            own = (clip.middles[:, 1] == 50) & (clip.normals[:, 1] == -1)
        order = np.argsort(clip.middles[own, 0])
        assert sorted(2 * clip.halves[own]) == sorted(lengths)
        assert (2 * clip.halves[own][order]).tolist() in (lengths, lengths[::-1])

    def test_sites_beside_corners_are_at_the_inner_border(self):
        """No mask prints the corner itself."""
        clip = cut(drawn((50, 50, 290, 250)))
        low = clip.normals[:, 1] == -1
        assert sorted(clip.sites[low, 0]) == [90, 130, 210, 250]

    def test_assist_rectangles_have_one_fragment_a_side(self):
        bar, other = polygons(SHAPES["bar"]), polygons(SHAPES["two"])
        clip, alone = fragment(bar, other, RULES), fragment(bar, [], RULES)
        assert clip.drawn == alone.drawn == len(alone.sites)
        assert sorted(2 * clip.halves[clip.drawn :]) == [90, 90, 100, 100, 280, 280, 280, 280]
        assert len(clip.vertices) == len(alone.vertices) + 8
        assert (clip.owners[len(alone.vertices) :] >= clip.drawn).all()

    def test_each_vertex_is_followed_by_the_next_of_its_outline(self):
        clip = cut(SHAPES["frame"])
        loops = np.split(clip.vertices, np.cumsum(clip.outlines[0])[:-1])
        expected = np.concatenate([np.roll(loop, -1, axis=0) for loop in loops])
        np.testing.assert_array_equal(clip.vertices[clip.following], expected)


class TestReach:
    """Half of what exceeds the kept distance is each side's."""

    def limits(self, shape: Tensor, normal: tuple[int, int], at: float) -> tuple[float, float]:
        """Limits of the fragments on the line x or y = `at` with a normal; all the same."""
        clip = cut(shape)
        axis = int(normal[1] != 0)
        own = (clip.normals == normal).all(1) & (clip.middles[:, axis] == at)
        found = np.unique(limits_of(clip, polygons(shape))[own], axis=0)
        assert len(found) == 1
        return float(found[0, 0]), float(found[0, 1])

    def test_by_hand(self):
        """Bars 90 and 100 nm wide, 80 nm apart; nothing beyond."""
        two = SHAPES["two"]
        assert self.limits(two, (1, 0), 150) == (-(90 - 24) / 2, (80 - 24) / 2)
        assert self.limits(two, (-1, 0), 230) == (-(100 - 24) / 2, (80 - 24) / 2)
        assert self.limits(two, (-1, 0), 60) == (-(90 - 24) / 2, 40)
        assert self.limits(two, (0, 1), 340) == (-(40 - 24), 40)  # fragments of 40 nm beside the corners
        assert self.limits(SHAPES["bar"], (0, 1), 201) == (-28, 40)  # half of 57, in whole nm
        assert self.limits(SHAPES["frame"], (0, 1), 140) == (-28, 60 - 24)  # beside fragments of 60 nm of a hole
        assert self.limits(drawn((60, 60, 340, 80)), (0, 1), 80) == (0, 40)

    def test_of_what_is_ahead_and_aside_the_farther_way_is_limited(self):
        """Two bars corner to corner, 60 nm apart in x and less or more in y."""
        for gap, aside, ahead in ((10, 18, 40), (59, 18, 40), (61, 40, 18)):
            top = 150 + gap
            shape = drawn((60, 60, 150, 150), (210, top, 300, top + 140))
            assert self.limits(shape, (1, 0), 150)[1] == aside
            assert self.limits(shape, (0, 1), 150)[1] == ahead

    def test_what_is_nearer_than_is_kept_to_the_side_is_ahead(self):
        """20 nm ahead and 22 nm to the side: both are limited."""
        shape = drawn((60, 60, 150, 150), (170, 172, 300, 300))
        assert self.limits(shape, (1, 0), 150)[1] == self.limits(shape, (0, 1), 150)[1] == 0

    def test_assist_rectangles_keep_their_area(self):
        """30 x 90 nm: the least width of 24 nm needs 2400 / 24 nm of length; a square all of its sides."""
        for box, area_nm2, expected in (((60, 60, 90, 150), 1200, (-3, -20)), ((60, 60, 90, 150), 2400, (-3, 0))):
            rectangle = polygons(drawn(box))
            clip = fragment([], rectangle, RULES)
            limits = limits_of(clip, rectangle, smallest_nm2=area_nm2)[:, 0]
            upright = clip.normals[:, 0] != 0
            assert (limits[upright].tolist(), limits[~upright].tolist()) == ([expected[0]] * 2, [expected[1]] * 2)
        square = polygons(drawn((60, 60, 108, 108)))
        assert (limits_of(fragment([], square, RULES), square, smallest_nm2=1200.0)[:, 0] == 0).all()

    def test_the_steps_of_a_staircase_stay_steps(self):
        """Of 50 and 100 nm: each side gets half of what a step has beyond 24 nm, so that none passes the next; or all
        that the fragment across the inner corner has, where it is a part of the step.
        """
        stairs = drawn((60, 60, 200, 150), (200, 60, 250, 200), (250, 60, 340, 300))
        assert self.limits(stairs, (0, 1), 200) == (-(50 - 24) / 2, 100 / 2 - 24)
        assert self.limits(stairs, (-1, 0), 200) == (-(50 - 24) / 2, 40 - 24)

    def test_assist_rectangles_keep_their_limits(self):
        """70 nm wide, one 80 nm from a drawn bar and 70 nm from the other; by default, 24 nm remain everywhere."""
        bar, features = (polygons(drawn(*boxes)) for boxes in (BAR, ASSISTS))
        clip = fragment(bar, features, RULES)
        for assists, width, clear, apart, moved in (
            ({}, -23, 28, 23, 28),
            ({"narrowest_nm": 48.0, "space_nm": 60.0, "clearance_nm": 60.0}, -11, 10, 5, 10),
            ({"narrowest_nm": 48.0, "space_nm": 60.0, "clearance_nm": 75.0}, -11, 5, 5, 10),
            ({"narrowest_nm": 80.0, "space_nm": 80.0, "clearance_nm": 60.0}, 0, 0, 0, 0),
        ):
            limits = limits_of(clip, bar + features, **assists)
            left, right = ((clip.normals == (sign, 0)).all(1) for sign in (-1, 1))
            of_assist = np.arange(len(clip.sites)) >= clip.drawn
            assert limits[of_assist & (left | right), 0].tolist() == [width] * 4
            assert limits[of_assist & left, 1].tolist() == [clear, apart]
            assert limits[of_assist & right, 1].tolist() == [apart, 40]
            assert (limits[~of_assist & right, 1] == moved).all()

    def test_the_border_has_half_of_the_space(self):
        """16 nm from it, of which 12 nm remain; 30 nm for a rectangle that keeps 60 nm."""
        near = polygons(drawn((16, 100, 60, 300), (340, 160, 384, 240)))
        for drawn_ones, assists, moves in ((near, [], [4, 4]), (near[:1], near[1:], [4, 0])):
            clip = fragment(drawn_ones, assists, RULES)
            limits = moves_to_border(clip, (SIDE, SIDE), (12.0, 30.0))
            outer = np.isin(clip.middles[:, 0], (16, 384))
            assert sorted(set(limits[outer])) == sorted(set(moves))
            assert limits[~outer].min() >= 70
            assert (moves_to_border(clip, (2 * SIDE, 2 * SIDE), (12.0, 30.0))[clip.middles[:, 0] == 384] > 300).all()

    def test_the_tip_of_a_slanted_shape_does_not_reach_it(self):
        """20 nm from the border, and moved by both of its sides."""
        diamond = Polygon(np.array([(20, 200), (120, 100), (220, 200), (120, 300)], dtype=float))
        clip = fragment([diamond], [], RULES)
        after = moved(clip, np.minimum(moves_to_border(clip, (SIDE, SIDE), (12.0, 12.0)), 40))
        assert 12 <= after[:, 0].min() < 14

    @shapes
    def test_widths_and_spaces_are_kept(self, shape):
        """With every edge as far as it may go, out or in, no strip of the field along x or y is thinner."""
        for sign in (-1.0, 1.0):
            form, parameters = edges(shape, 1.0)
            moved = form.project(parameters + 1000 * sign, 0)
            image = form.output_mask(moved, 1.0)[0][0].numpy()
            for lines in (image, image.T):
                for line in lines:
                    runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([2], line.astype(int), [2])))))
                    runs = runs[1:-1]  # not those to the border
                    assert not len(runs) or runs.min() >= KEPT_NM
            assert moved.abs().max() <= LARGEST_MOVE_NM


class TestMaskRules:
    """Whatever the moves within their limits."""

    def broken(self, shape: Tensor, limit_nm: float, seed: int) -> int:
        """Violations after random moves, most of them as far as they may."""
        rules = MaskRules(limit_nm, limit_nm, 1600.0)
        form = Manhattan(Fragmentation().keeping(rules))
        start = form.start(Start(torch.nn.functional.avg_pool2d(shape, 4), 4.0, shape, 1.0))
        moves = torch.empty_like(start).uniform_(-60, 60, generator=torch.Generator().manual_seed(seed))
        mask, pixel_nm = form.output_mask(form.project(moves, 0), 4.0)
        return check_rules(list(pixel_polygons(mask[0].numpy(), pixel_nm)), rules).total

    @pytest.mark.parametrize("limit_nm", [20.0, 40.0, 60.0])
    @pytest.mark.parametrize(
        "boxes",
        [
            [(40, 90, 360, 310)],
            [(40, 40, 360, 180), (40, 180, 200, 360)],
            [(40, 60, 360, 160), (150, 160, 250, 360)],
            [(40, 100, 200, 220), (200, 130, 360, 250)],
        ],
        ids=["rectangle", "ell", "tee", "jog"],
    )
    def test_shapes_that_keep_rules_have_masks_that_keep_them(self, boxes, limit_nm):
        """No narrow bump remains at a corner, nor a neck to it, nor a gap at an inner one."""
        shape = drawn(*boxes)
        assert check_rules(polygons(shape), MaskRules(limit_nm, limit_nm, 1600.0)).total == 0
        assert [seed for seed in range(8) if self.broken(shape, limit_nm, seed)] == []

    def test_and_holes(self):
        shape = drawn((20, 20, 380, 380), holes=((130, 130, 270, 250),))
        assert [seed for seed in range(8) if self.broken(shape, 40.0, seed)] == []


class TestSlanted:
    """Edges at any angle, and curves."""

    @shapes
    @pytest.mark.parametrize("angle_deg", [17, 45, 120])
    def test_a_turned_shape_has_the_turned_fragments(self, shape, angle_deg):
        straight, found = cut(shape), fragment(turned(polygons(shape), angle_deg, 1e-5), [], RULES)
        assert len(found.sites) == len(straight.sites)
        for name in ("sites", "normals", "middles", "vertices"):
            expected = rotated(getattr(straight, name), angle_deg, 1e-12)
            np.testing.assert_allclose(getattr(found, name), expected, atol=1e-4, err_msg=name)
        np.testing.assert_allclose(found.halves, straight.halves, atol=1e-4)
        assert (found.owners == straight.owners).all()
        moves = np.random.default_rng(3).uniform(-5, 5, len(straight.sites))
        expected = rotated(moved(straight, moves), angle_deg, 1e-12)
        np.testing.assert_allclose(moved(found, moves), expected, atol=1e-3)

    @shapes
    @pytest.mark.parametrize("angle_deg", [30, 45])
    def test_and_the_same_limits(self, shape, angle_deg):
        slanted = turned(polygons(shape), angle_deg, 1e-5)
        expected = limits_of(cut(shape), polygons(shape))
        found = limits_of(fragment(slanted, [], RULES), slanted)
        assert np.abs(found - expected).max() <= 1  # half of a distance, in whole nm
        assert np.abs(found - expected).mean() < 0.2

    def test_a_triangle_moved_outwards_is_the_similar_one_around_the_same_centre(self):
        """Of inradius r, moved by m: sides longer by (r + m) / r; so whatever the corners' angles."""
        triangle = np.array([(0, 0), (400, 0), (150, 310)], dtype=float)
        clip = fragment([Polygon(triangle)], [], RULES)
        sides = np.hypot(*(triangle - np.roll(triangle, 1, axis=0)).T)
        area = 400 * 310 / 2
        inradius = 2 * area / sides.sum()
        for move in (-10.0, 12.0):
            (found,) = clip.polygons(moved(clip, np.full(len(clip.sites), move)))
            grown = Layout("grown", (found,)).area_nm2
            assert grown == pytest.approx(area * ((inradius + move) / inradius) ** 2, rel=1e-6)

    def test_a_circle_moved_outwards_is_a_larger_circle(self):
        ring = Polygon(circle((300, 300), 200, 240, 1e-4), (circle((300, 300), 100, 160, 1e-4)[::-1],))
        clip = fragment([ring], [], RULES)
        assert len(clip.sites) == round(2 * np.pi * 200 / 40) + round(2 * np.pi * 100 / 40)
        (found,) = clip.polygons(moved(clip, np.full(len(clip.sites), 8.0)))
        radii = [np.hypot(*(loop - 300).T) for loop in found.loops]
        np.testing.assert_allclose(radii[0], 208, atol=0.05)
        np.testing.assert_allclose(radii[1], 92, atol=0.05)
        limits = limits_of(clip, [ring])
        assert -38 <= limits[:, 0].min() <= limits[:, 0].max() <= -34  # half of what a width of 100 has beyond 24 nm
        assert limits[:, 1].min() >= 38  # the hole is 200 wide

    def test_a_wire_at_45_degrees_is_in_the_way_too(self):
        """A bar, and one at 45 degrees whose corner is 60 nm beside it: half of what 60 nm has beyond 24 nm."""
        bar = Polygon(np.array([(400, 0), (490, 0), (490, 600), (400, 600)], dtype=float))
        corners = np.array([(0, 0), (500, 0), (500, 90), (0, 90)], dtype=float)
        other = Polygon(rotated(corners, 45, 1e-3) + np.array([613.64, 100]))
        assert other.hull[:, 0].min() == pytest.approx(550)
        clip = fragment([bar, other], [], RULES)
        limits = limits_of(clip, [bar, other])
        assert (limits[:, 1] < 40).any()
        grown = [Layout("one", (polygon,)).biased(11.9) for polygon in clip.polygons(moved(clip, limits[:, 1]))]
        both = Layout("both", (*grown[0].polygons, *grown[1].polygons))
        assert both.area_nm2 == pytest.approx(grown[0].area_nm2 + grown[1].area_nm2)  # 23.8 nm apart

    def test_a_spike_and_a_shallow_corner_stay_near(self):
        """Moved edges of nearly the same or opposite directions would meet far away."""
        sharp = np.array([(0, 0), (600, 60), (0, 120)], dtype=float)
        shallow = np.array([(0, 0), (300, -70), (600, 100), (600, 300), (0, 300)], dtype=float)
        for loop in (sharp, shallow):
            clip = fragment([Polygon(loop)], [], RULES)
            signs = np.where(np.arange(len(clip.sites)) % 2, -10.0, 10.0)
            for moves in (signs, np.full(len(clip.sites), 10.0)):
                assert np.hypot(*(moved(clip, moves) - clip.vertices).T).max() < 30


def moved(clip: Fragments, moves: np.ndarray) -> np.ndarray:
    """Vertices (v, 2) after moves (n,)."""
    own = np.append(moves, 0.0)[clip.owners]
    return clip.vertices + (own[..., None] * clip.vectors).sum(1)


def limits_of(clip: Fragments, shapes: Sequence[Polygon], **assists: float) -> np.ndarray:
    """The default limits, with others of assist rectangles."""
    return free_moves(clip, shapes, KEPT_NM, LARGEST_MOVE_NM, Assists(**assists))
