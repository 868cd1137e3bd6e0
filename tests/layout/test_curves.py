"""Binary images as smooth contours: where edges lie, how smooth they are, what vanishes."""

import numpy as np
import pytest
from scenes.curves import SHAPES, STEP, hausdorff, outline

from litho_dl.core.errors import LayoutError
from litho_dl.layout.curves import SMOOTHING_STEPS, evened, simplify, smooth_contours
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

pytestmark = pytest.mark.filterwarnings("error")
PIXEL_NM = 4.0


def disc(radius_nm: float) -> np.ndarray:
    centres = (np.arange(64) + 0.5) * PIXEL_NM - 128
    return np.hypot(centres[:, None], centres) <= radius_nm


def area(loop: np.ndarray) -> float:
    x, y = loop.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y)) / 2


def test_a_staircase_becomes_a_circle():
    (circle,) = smooth_contours(disc(80), PIXEL_NM)
    radii = np.hypot(*(circle.hull - 128).T)
    assert np.abs(radii - 80).max() < 0.4 * PIXEL_NM
    assert area(circle.hull) == pytest.approx(np.pi * 80**2, rel=0.02)
    turns = np.diff(np.unwrap(np.arctan2(*np.diff(circle.hull, axis=0).T)))
    assert np.abs(turns).max() < np.deg2rad(36)


def test_straight_edges_stay_and_corners_are_rounded():
    image = np.zeros((64, 64), dtype=bool)
    image[20:25, 8:56] = True  # 20 nm wide
    (line,) = smooth_contours(image, PIXEL_NM)
    lengths = np.hypot(*(np.roll(line.hull, -1, axis=0) - line.hull).T)
    longest = np.argsort(lengths)[-2:]
    np.testing.assert_allclose(np.sort(line.hull[longest, 1]), [80, 100], atol=0.1 * PIXEL_NM)
    assert line.hull.min(0) == pytest.approx([32, 80], abs=1)
    image[20:28] = image[20]
    (wide,) = smooth_contours(image, PIXEL_NM)
    np.testing.assert_allclose([wide.hull[:, 1].min(), wide.hull[:, 1].max()], [80, 112], atol=0.1 * PIXEL_NM)
    corners = np.hypot(*(line.hull - (32, 80)).T)
    assert 0.5 < corners.min() < 1.5 * PIXEL_NM


def test_specks_vanish_and_holes_stay():
    image = disc(100) & ~disc(40)
    image[1, 1] = True
    (ring,) = smooth_contours(image, PIXEL_NM)
    assert len(ring.holes) == 1
    assert -area(ring.holes[0]) == pytest.approx(np.pi * 40**2, rel=0.04)


def test_bad_input():
    with pytest.raises(LayoutError, match="shape"):
        smooth_contours(np.zeros(4, dtype=bool), PIXEL_NM)
    with pytest.raises(LayoutError, match="tolerance"):
        simplify((), -1.0)


def vertices(polygons) -> int:
    return sum(len(loop) for polygon in polygons for loop in polygon.loops)


@pytest.mark.parametrize("tolerance_nm", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("name", SHAPES)
def test_simplified_contours(name, tolerance_nm):
    before = SHAPES[name]
    after = simplify(before, tolerance_nm)
    assert hausdorff(before, after) <= tolerance_nm + STEP
    if tolerance_nm >= 0.5:
        assert vertices(before) > 3 * vertices(after)
    assert hausdorff(before, after) > tolerance_nm / 3  # it does use what it may
    assert [len(polygon.holes) for polygon in after] == [len(polygon.holes) for polygon in before]
    original = {tuple(point) for polygon in before for loop in polygon.loops for point in loop.tolist()}
    assert {tuple(point) for polygon in after for loop in polygon.loops for point in loop.tolist()} <= original
    length = len(outline(before)) * STEP
    assert abs(Layout("a", after).area_nm2 - Layout("b", before).area_nm2) < tolerance_nm * length


def test_a_tolerance_of_zero_keeps_the_outline():
    (circle,) = SHAPES["circle"]
    (same,) = simplify((circle,), 0.0)
    assert len(same.hull) == len(circle.hull)


def thin_ring(gap: float) -> Polygon:
    """A ring so thin that edges of a large tolerance would cross."""
    turn = 2 * np.pi * np.arange(240) / 240
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return Polygon(100 * circle, ((100 - gap) * circle[::-1],))


def test_loops_never_cross():
    ring = thin_ring(0.7)
    (after,) = simplify((ring,), 5.0)
    merged = Layout("ring", (after,)).merged()
    assert [len(polygon.holes) for polygon in merged.polygons] == [1]
    assert 8 < vertices((after,)) < vertices((ring,)) / 2
    assert hausdorff((ring,), (after,)) <= 5.0


def test_polygons_never_meet():
    ring = thin_ring(20)
    turn = 2 * np.pi * (np.arange(200) + 0.4) / 200
    plug = Polygon(79.7 * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    far = Polygon(ring.hull + np.array([300, 0]))
    after = simplify((ring, plug, far), 4.0)
    assert len(Layout("both", after).merged().polygons) == 3
    assert Layout("both", after).area_nm2 == pytest.approx(sum(Layout("", (part,)).area_nm2 for part in after))
    assert len(after[2].hull) < 20  # others keep the full tolerance


def test_simplified_contours_through_oasis(tmp_path):
    after = simplify(SHAPES["annulus"], 0.5)
    write_layout(tmp_path / "mask.oas", Layout("mask", after))
    again = read_layout(tmp_path / "mask.oas").polygons
    assert [len(polygon.holes) for polygon in again] == [1]
    assert hausdorff(again, after) < 0.1 + STEP  # the file's unit


@pytest.mark.parametrize("step_nm", [0.5, 2.0])
def test_evened_chords_are_an_arc(step_nm):
    """Vertices at even steps; a circle of 24 chords gets its own curvature, and shrinks by the smoothing alone."""
    turn = 2 * np.pi * np.arange(24) / 24
    chords = Polygon(200 + 40 * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    (circle,) = evened([chords], step_nm)
    edges = np.hypot(*np.diff(circle.hull, axis=0, append=circle.hull[:1]).T)
    assert np.abs(edges - step_nm).max() < 0.02 * step_nm
    shrunk = (SMOOTHING_STEPS * step_nm) ** 2 / 80
    assert area(circle.hull) == pytest.approx(area(chords.hull) - 2 * np.pi * 40 * shrunk, rel=1e-3)
