"""Bezier outlines: area, tangents, curvature and polygons of known curves."""

import numpy as np
import pytest
from scenes.curves import STEP, hausdorff, outline
from scipy.spatial import cKDTree

from litho_dl.core.errors import LayoutError
from litho_dl.layout.bezier import BezierLoop, BezierOutline, curvature, curve_points, straight, straight_loop
from litho_dl.layout.polygon import Polygon

KAPPA = 4 / 3 * (2**0.5 - 1)  # handles of the usual quarter of a circle


def quarter_circles(radius: float, centre=(0.0, 0.0), *, clockwise: bool = False) -> BezierLoop:
    quarter = np.array([(1, 0), (1, KAPPA), (KAPPA, 1), (0, 1)]) * radius
    turn = np.array([(0, 1), (-1, 0)])
    segments = np.stack([quarter @ np.linalg.matrix_power(turn, k) for k in range(4)])
    segments[:, 3] = np.roll(segments[:, 0], -1, axis=0)
    if clockwise:
        segments = segments[::-1, ::-1]
    return BezierLoop(segments + np.array(centre))


def test_area_of_a_polygon_and_of_quarter_circles():
    box = straight_loop(np.array([(1e6, 0), (1e6 + 30, 0), (1e6 + 30, 10), (1e6, 10.0)]))
    assert box.area_nm2 == pytest.approx(300, rel=1e-12)
    circle = quarter_circles(100.0)
    quarter = 0.5 + 0.6 * KAPPA - 0.15 * KAPPA**2  # by Green's theorem
    x, y = curve_points(circle.segments, np.linspace(0, 1, 20001)[:-1]).reshape(-1, 2).T
    dense = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
    assert circle.area_nm2 == pytest.approx(dense, rel=1e-8)
    assert circle.area_nm2 == pytest.approx(4 * quarter * 1e4, rel=1e-9)
    assert circle.area_nm2 == pytest.approx(np.pi * 1e4, rel=5e-4)
    ring = BezierOutline(circle, (quarter_circles(40.0, clockwise=True),))
    assert ring.area_nm2 == pytest.approx(circle.area_nm2 * (1 - 0.16), rel=1e-9)
    assert ring.segment_count == 8


def test_tangents_and_straight_segments():
    assert quarter_circles(50.0).smooth.all()
    box = straight_loop(np.array([(0, 0), (30, 0), (30, 10), (0, 10.0)]))
    assert not box.smooth.any()
    np.testing.assert_allclose(box.turns, np.pi / 2)
    assert straight(box.segments).all()
    assert not straight(quarter_circles(50.0).segments).any()
    bare = box.segments.copy()
    bare[:, 1], bare[:, 2] = bare[:, 0], bare[:, 3]  # handles of no length have the chord's tangent
    np.testing.assert_allclose(BezierLoop(bare).turns, np.pi / 2)


def test_curvature_of_a_parabola():
    # y = x^2 on [0, 1] is the cubic with these handles; its curvature is 2 / (1 + 4 x^2)^1.5
    segment = np.array([[(0, 0), (1 / 3, 0), (2 / 3, 1 / 3), (1, 1)]])
    x = np.linspace(0, 1, 11)
    np.testing.assert_allclose(curvature(segment, x)[0], 2 / (1 + 4 * x**2) ** 1.5, rtol=1e-12)


@pytest.mark.parametrize("tolerance_nm", [0.1, 0.3, 1.0])
def test_polygons_lie_within_the_tolerance(tolerance_nm):
    loop = quarter_circles(100.0, (33.33, 11.11))
    polygon = loop.flattened(tolerance_nm)
    np.testing.assert_allclose(polygon * 10, np.round(polygon * 10), atol=1e-6)
    curve = curve_points(loop.segments, np.linspace(0, 1, 4001)).reshape(-1, 2)
    edges = outline([Polygon(polygon)])
    there, back = cKDTree(curve).query(edges)[0].max(), cKDTree(edges).query(curve)[0].max()
    assert max(there, back) <= tolerance_nm + STEP / 2
    assert len(polygon) < 2.5 * np.pi * np.sqrt(100 / (8 * (tolerance_nm - 0.0707)))


def test_straight_segments_stay_single_edges():
    corners = np.array([(0, 0), (1000, 0), (1000, 500.3), (0, 500.3)])
    assert straight_loop(corners).flattened(0.1).tolist() == corners.tolist()
    moved = BezierOutline(straight_loop(corners)).translated(5, -5).flattened(0.1)
    assert hausdorff([moved], [Polygon(corners + np.array([5, -5]))]) < 1e-6


@pytest.mark.parametrize(
    ("segments", "match"),
    [
        (np.zeros((2, 3, 2)), "shape"),
        (np.zeros((0, 4, 2)), "shape"),
        ([["a"]], "control points"),
        (np.full((1, 4, 2), np.nan), "finite"),
        (np.full((1, 4, 2), 1e10), "1e9"),
        (np.array([[(0, 0), (1, 0), (2, 0), (3, 0)], [(3, 0), (3, 1), (1, 1), (0, 0.5)]]), "gap"),
    ],
)
def test_bad_loops(segments, match):
    with pytest.raises(LayoutError, match=match):
        BezierLoop(segments)


def test_too_many_vertices():
    wild = np.array([[(0, 0), (1e9, 0), (0, 1e9), (1, 1)]] * 1).repeat(99, axis=0)
    wild[1::2] = wild[1::2, ::-1]
    with pytest.raises(LayoutError, match="vertices"):
        BezierLoop(np.concatenate([wild, [[(1, 1), (1, 1), (0, 0), (0, 0)]]])).flattened(0.1)


@pytest.mark.parametrize("tolerance_nm", [0.05, -1, np.nan, np.inf])
def test_bad_tolerance(tolerance_nm):
    with pytest.raises(LayoutError, match="tolerance"):
        quarter_circles(10.0).flattened(tolerance_nm)
