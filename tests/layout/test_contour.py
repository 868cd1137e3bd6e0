"""Pixels -> polygons."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from litho_dl.core.errors import LayoutError
from litho_dl.core.grid import Grid
from litho_dl.layout.contour import contour_polygons, pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize


def distance_image(shape, x, y, radius, pixel_nm):
    """Signed distance to a circle, positive inside, at pixel centres."""
    i, j = np.mgrid[: shape[0], : shape[1]] + 0.5
    return radius - np.hypot(j * pixel_nm - x, i * pixel_nm - y)


@settings(max_examples=150, deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_pixel_polygons_give_the_same_pixels_back(mask):
    polygons = pixel_polygons(mask, 4.0)
    raster = rasterize(Layout("m", polygons), Grid(mask.shape, 4.0))
    assert (raster == mask).all()
    assert len(polygons) == ndimage.label(mask)[1]
    steps = [np.roll(loop, -1, axis=0) - loop for polygon in polygons for loop in polygon.loops]
    assert all(((step != 0).sum(axis=1) == 1).all() for step in steps)


@pytest.mark.parametrize("seed", range(3))
def test_large_curvy_mask_with_holes(seed):
    noise = np.random.default_rng(seed).standard_normal((512, 400))
    mask = ndimage.gaussian_filter(noise, 6) > 0
    polygons = pixel_polygons(mask, 1.0)
    assert any(polygon.holes for polygon in polygons)
    assert (rasterize(Layout("m", polygons), Grid(mask.shape, 1.0)) == mask).all()


def test_diagonal_pixels_are_two_polygons_and_a_ring_has_a_hole():
    assert len(pixel_polygons(np.array([[1, 0], [0, 1]], dtype=bool), 1.0)) == 2
    assert len(pixel_polygons(np.array([[0, 1], [1, 0]], dtype=bool), 1.0)) == 2
    ring = np.ones((3, 3), dtype=bool)
    ring[1, 1] = False
    (polygon,) = pixel_polygons(ring, 2.0)
    assert polygon.hull.tolist() == [[0, 0], [6, 0], [6, 6], [0, 6]]
    assert sorted(polygon.holes[0].tolist()) == [[2, 2], [2, 4], [4, 2], [4, 4]]
    assert pixel_polygons(np.zeros((4, 4), dtype=bool), 1.0) == ()


@pytest.mark.parametrize("pixel_nm", [1.0, 4.0])
def test_disc_area_is_sub_pixel(pixel_nm):
    radius, x, y = 25.3 * pixel_nm, 40.37 * pixel_nm, 31.81 * pixel_nm
    image = distance_image((64, 80), x, y, radius, pixel_nm)
    (disc,) = contour_polygons(image, pixel_nm, level=0.0)
    assert Layout("d", (disc,)).area_nm2 == pytest.approx(np.pi * radius**2, rel=1e-3)
    assert (disc.hull.min(axis=0) + disc.hull.max(axis=0)) / 2 == pytest.approx([x, y], abs=0.05 * pixel_nm)


def test_rings_nest():
    radius = np.hypot(*(np.mgrid[:101, :101] - 50))
    polygons = contour_polygons(np.cos(2 * np.pi * radius / 20), 1.0, level=0.0)
    inside = [polygon for polygon in polygons if (np.abs(polygon.hull - 50.5).max() < 50)]
    assert sorted(len(polygon.holes) for polygon in inside) == [0, 1, 1]
    middle = min((polygon for polygon in inside if polygon.holes), key=lambda polygon: np.ptp(polygon.hull))
    assert Layout("r", (middle,)).area_nm2 == pytest.approx(np.pi * (25**2 - 15**2), rel=5e-3)


def test_contours_close_at_the_border():
    image = np.zeros((20, 30))
    image[:, 10:20] = 1
    (stripe,) = contour_polygons(image, 2.0)
    assert sorted(stripe.hull.tolist()) == [[20, 0], [20, 40], [40, 0], [40, 40]]
    (everything,) = contour_polygons(np.ones((20, 30)), 2.0)
    assert sorted(everything.hull.tolist()) == [[0, 0], [0, 40], [60, 0], [60, 40]]
    assert contour_polygons(np.zeros((20, 30)), 2.0) == ()


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(float, (8, 9), elements=st.sampled_from([0.0, 0.5, 0.5 - 1e-16, 1.0, 0.25])))
def test_samples_on_the_level_lose_nothing(image):
    # Each 4-connected region is one polygon, holes and all; a lone sample exactly on the level has no area.
    polygons = contour_polygons(image, 1.0)
    regions, count = ndimage.label(image > 0.5 - 1e-9)
    above = len(set(regions[image > 0.5].tolist()))
    assert above <= len(polygons) <= count
    assert 0 <= sum(Layout("p", (polygon,)).area_nm2 for polygon in polygons) <= image.size


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pixel_polygons(np.zeros((4, 4)), 1.0), "bool image, got float64"),
        (lambda: pixel_polygons(np.zeros(4, dtype=bool), 1.0), "two-dimensional"),
        (lambda: contour_polygons(np.full((4, 4), np.nan), 1.0), "finite image"),
    ],
)
def test_errors(call, message):
    with pytest.raises(LayoutError, match=message):
        call()
