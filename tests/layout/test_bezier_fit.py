"""Bezier fits of dense outlines: number of segments, distance, smoothness, and what must not cross."""

import numpy as np
import pytest
import shapely
from scenes.curves import SHAPES, hausdorff
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from litho_dl.core.errors import LayoutError
from litho_dl.layout.bezier import curve_points, segment_count, straight
from litho_dl.layout.bezier_fit import fit_outlines
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.curvature import least_radius_nm
from litho_dl.layout.curves import evened
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.shapes import to_polygons

RADIUS = 100.0


def ellipse(a: float, b: float, count: int = 2000, centre=(0.0, 0.0)) -> np.ndarray:
    turn = 2 * np.pi * np.arange(count) / count
    return np.stack([a * np.cos(turn), b * np.sin(turn)], axis=1) + np.array(centre)


def blobs(seed: int, level: float = 0.8) -> tuple[Polygon, ...]:
    """Contours of smoothed noise: shapes of all sizes, with holes and necks."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(320, 320)), 16)
    window = np.sin(np.pi * np.arange(320) / 319)  # so that no shape reaches the border
    return contour_polygons(noise / noise.std() * np.outer(window, window) ** 0.5, 2.0, level)


def curve(outlines, per_segment: int = 400) -> np.ndarray:
    at = np.linspace(0, 1, per_segment)
    loops = (loop for outline in outlines for loop in outline.loops)
    return np.concatenate([curve_points(loop.segments, at).reshape(-1, 2) for loop in loops])


@pytest.mark.parametrize(("share", "most"), [(2.8e-4, 4), (1.1e-4, 5), (2e-2, 2), (1.1e-5, 7)])
def test_segments_of_a_circle(share, most):
    """Four segments reach 2.7e-4 of the radius with given ends and tangents; the error falls with the sixth power."""
    (outline,) = fit_outlines([Polygon(ellipse(RADIUS, RADIUS, 20000))], share * RADIUS)
    assert outline.segment_count <= most
    off = np.abs(np.hypot(*curve([outline]).T) - RADIUS)
    assert off.max() <= share * RADIUS
    assert outline.area_nm2 == pytest.approx(np.pi * RADIUS**2, rel=2 * share)
    assert outline.hull.smooth.all()
    if share < 1e-3:
        assert least_radius_nm(outline.loops) == pytest.approx(RADIUS, rel=0.02)


def test_radii_of_an_ellipse():
    (outline,) = fit_outlines([Polygon(ellipse(120, 60))], 0.01)
    assert outline.area_nm2 == pytest.approx(np.pi * 120 * 60, rel=1e-4)
    assert least_radius_nm(outline.loops) == pytest.approx(60**2 / 120, rel=0.03)
    assert outline.segment_count <= 8


@pytest.mark.parametrize("tolerance_nm", [0.5, 2.0])
@pytest.mark.parametrize("name", SHAPES)
def test_contours_of_images(name, tolerance_nm):
    before = SHAPES[name]
    after = fit_outlines(before, tolerance_nm)
    vertices = np.concatenate([loop for polygon in before for loop in polygon.loops])
    assert cKDTree(curve(after, 4000)).query(vertices)[0].max() <= tolerance_nm + 1e-3
    assert hausdorff(before, [outline.flattened(0.1) for outline in after]) <= tolerance_nm + 0.1
    assert [len(outline.holes) for outline in after] == [len(polygon.holes) for polygon in before]
    assert segment_count(after) <= 12 * sum(len(polygon.loops) for polygon in before)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tolerance_nm", [0.25, 1.0, 3.0])
def test_blobs_neither_cross_nor_move(seed, tolerance_nm):
    before = blobs(seed)
    after = fit_outlines(before, tolerance_nm)
    flat = [outline.flattened(0.1) for outline in after]
    assert hausdorff(before, flat) <= tolerance_nm + 0.1 + 0.05
    merged = Layout("merged", tuple(flat)).merged()
    assert len(merged.polygons) == len(before)
    assert merged.area_nm2 == pytest.approx(sum(outline.area_nm2 for outline in after), rel=2e-3)
    assert all(loop.smooth.all() for outline in after for loop in outline.loops)


def test_fewer_segments_within_more():
    counts = [segment_count(fit_outlines(blobs(7), tolerance_nm)) for tolerance_nm in (0.25, 0.5, 1.0, 2.0, 4.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 1.5 * counts[-1]


def test_straight_runs_are_single_segments():
    turn = np.linspace(-np.pi / 2, np.pi / 2, 60)
    cap = np.stack([200 + 40 * np.cos(turn), 40 * np.sin(turn)], axis=1)
    (outline,) = fit_outlines([Polygon(np.concatenate([cap, -cap]))], 0.05)
    assert straight(outline.hull.segments).sum() == 2
    assert len(outline.hull) <= 8
    assert outline.hull.smooth.all()
    assert least_radius_nm(outline.loops) == pytest.approx(40, rel=0.08)


def test_corners_stay():
    box = np.array([(0, 0), (100, 0), (100, 50), (0, 50.0)])
    (outline,) = fit_outlines([Polygon(box)], 1.0)
    assert outline.flattened(0.1).hull.tolist() == box.tolist()
    assert not outline.hull.smooth.any()


def test_a_thin_ring_and_a_neck_keep_their_shape():
    ring = Polygon(ellipse(RADIUS, RADIUS, 240), (ellipse(99.3, 99.3, 240)[::-1],))
    (outline,) = fit_outlines([ring], 5.0)
    merged = Layout("ring", (outline.flattened(0.1),)).merged()
    assert [len(polygon.holes) for polygon in merged.polygons] == [1]
    turn = 2 * np.pi * np.arange(800) / 800
    width = 1 + 39 * np.abs(np.cos(turn))  # 2 nm wide in the middle
    neck = np.stack([150 * np.cos(turn), width * np.sin(turn)], axis=1)
    (outline,) = fit_outlines([Polygon(neck)], 3.0)
    assert len(Layout("neck", (outline.flattened(0.1),)).merged().polygons) == 1


@pytest.mark.parametrize("radius_nm", [5.0, 10.0, 30.0])
@pytest.mark.parametrize("tolerance_nm", [0.5, 2.0])
def test_a_least_radius_is_kept(radius_nm, tolerance_nm):
    """A cross whose corners are arcs of five fourths of it: only free fits bend more, where arcs begin."""
    r = 1.25 * radius_nm
    cross = shapely.union(shapely.box(0, 12 * r, 36 * r, 24 * r), shapely.box(12 * r, 0, 24 * r, 36 * r))
    round_ = cross.buffer(-r).buffer(r, quad_segs=6).buffer(r, quad_segs=6).buffer(-r, quad_segs=6)
    drawn = evened(to_polygons(np.array([round_])), 0.1 * radius_nm)
    free, limited = fit_outlines(drawn, tolerance_nm), fit_outlines(drawn, tolerance_nm, radius_nm)
    least = [least_radius_nm([loop for outline in fit for loop in outline.loops]) for fit in (free, limited)]
    assert least[0] < radius_nm <= least[1] * 1.01
    off = shapely.distance(shapely.points(curve(limited)), shapely.LinearRing(drawn[0].hull))
    assert off.max() <= tolerance_nm
    assert segment_count(limited) <= 2 * segment_count(free)


def test_nothing_and_bad_tolerances():
    assert fit_outlines([], 1.0) == ()
    for tolerance_nm in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(LayoutError, match="tolerance"):
            fit_outlines([], tolerance_nm)
