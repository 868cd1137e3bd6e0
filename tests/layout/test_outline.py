"""Sampled outlines against loops whose points are known."""

import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.layout.outline import SAMPLES_PER_LOOP, neighbours, sampled_outline


def test_neighbours_close_every_loop():
    before, after = neighbours([3, 1, 2])
    assert before.tolist() == [2, 0, 1, 3, 5, 4]
    assert after.tolist() == [1, 2, 0, 3, 5, 4]


def test_loops_are_sampled_in_equal_steps():
    large, small = box(0, 0, 100, 50).hull, box(200, 0, 208, 8).hull
    outline = sampled_outline([large, small], 5.0)
    first, second = (outline.points[outline.loop == n] for n in (0, 1))
    assert len(first) == 60
    assert len(second) == SAMPLES_PER_LOOP
    for corner in (*large, *small):
        assert (outline.points == corner).all(1).any()
    steps = np.hypot(*(outline.points[outline.after] - outline.points).T)
    np.testing.assert_allclose(steps, np.where(outline.loop == 0, 5.0, 32 / SAMPLES_PER_LOOP))
    np.testing.assert_array_equal(outline.before[outline.after], np.arange(len(outline.points)))
    assert outline.loop_nm.tolist() == [300.0] * 60 + [32.0] * SAMPLES_PER_LOOP
    assert outline.apart_nm(np.array([0, 1, 0]), np.array([59, 31, 60])).tolist() == [5.0, 150.0, np.inf]


@pytest.mark.parametrize("order", [1, -1])
def test_corners_that_touch_are_drawn_into_their_own_polygons(order):
    """Two squares that meet in a corner: only the points there move, each towards the middle of its square."""
    squares = [box(0, 0, 50, 50).hull, box(50, 50, 100, 100).hull][::order]
    outline = sampled_outline(squares, 5.0)
    exact = np.rint(outline.points / 5) * 5
    moved = np.flatnonzero(np.abs(outline.points - exact).max(1) > 0)
    assert len(moved) == 2
    assert exact[moved].tolist() == [[50.0, 50.0]] * 2
    for index in moved:
        middle = squares[outline.loop[index]].mean(0)
        assert ((outline.points[index] - 50) * (middle - 50) > 0).all()
        assert np.abs(outline.points[index] - 50).max() < 1e-3
