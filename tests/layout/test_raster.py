"""Polygons -> pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litho_dl.core.errors import LayoutError
from litho_dl.core.grid import Grid
from litho_dl.layout.glp import read_glp
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize

FIELD = (96.0, 120.0)


def star(centre: tuple[float, float], radii: list[float]) -> np.ndarray:
    """A simple polygon at any angle, around its centre."""
    angle = 2 * np.pi * np.arange(len(radii)) / len(radii) + 0.1
    return np.array(centre) + np.array(radii)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def shoelace(loop: np.ndarray) -> float:
    x, y = loop.T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y)) / 2


STARS = st.lists(st.floats(12, 40), min_size=3, max_size=12)


@settings(max_examples=60, deadline=None)
@given(STARS, st.sampled_from([1.0, 0.75, 3.0, 8.0]), st.booleans())
def test_area_is_the_polygons(radii, pixel_nm, with_hole):
    hull = star((60, 48), radii)
    hole = star((60, 48), [4.0, 5.0, 4.5])
    polygon = Polygon(hull, (hole,) if with_hole else ())
    raster = rasterize(Layout("p", (polygon,)), Grid.of_field(FIELD, pixel_nm))
    area = shoelace(hull) - (shoelace(hole) if with_hole else 0)
    assert raster.dtype == np.float32
    assert raster.min() >= 0
    assert raster.max() <= 1
    assert raster.sum(dtype=np.float64) * pixel_nm**2 == pytest.approx(area, rel=3e-6)


@settings(max_examples=30, deadline=None)
@given(STARS, STARS)
def test_each_pixel_matches_supersampling(radii_a, radii_b):
    layout = Layout("p", (Polygon(star((50, 45), radii_a)), Polygon(star((75, 50), radii_b)))).merged()
    fine = rasterize(layout, Grid.of_field(FIELD, 0.5))
    coarse = rasterize(layout, Grid.of_field(FIELD, 4.0))
    np.testing.assert_allclose(coarse, fine.reshape(24, 8, 30, 8).mean(axis=(1, 3)), atol=2e-6)


def test_coverage_of_a_triangle_by_hand():
    triangle = Polygon(np.array([(0, 0), (2, 0), (2, 1)]))
    np.testing.assert_allclose(rasterize(Layout("t", (triangle,)), Grid((2, 3), 1.0)), [[0.25, 0.75, 0], [0, 0, 0]])


def test_row_zero_is_the_lowest_y():
    raster = rasterize(Layout("b", (Polygon(np.array([(1, 0), (3, 0), (3, 1), (1, 1)])),)), Grid((3, 4), 1.0))
    assert raster.tolist() == [[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_overlap_counts_once_and_either_orientation_counts():
    box = np.array([(10, 10), (50, 10), (50, 50), (10, 50)], dtype=float)
    layout = Layout("o", (Polygon(box), Polygon(box[::-1] + 20)))
    assert rasterize(layout, Grid.of_field(FIELD, 1.0)).sum() == 2 * 1600 - 400


@settings(max_examples=30, deadline=None)
@given(STARS, st.integers(-8, 8), st.integers(-2, 2))
def test_shift_by_whole_pixels(radii, columns, rows):
    grid = Grid.of_field(FIELD, 3.0)
    layout = Layout("s", (Polygon(np.round(star((60, 48), radii), 3)),))
    moved = rasterize(layout.clipped((30, 10, 90, 86)).translated(3.0 * columns, 3.0 * rows), grid)
    still = rasterize(layout.clipped((30, 10, 90, 86)), grid)
    np.testing.assert_allclose(moved, np.roll(still, (rows, columns), axis=(0, 1)), atol=1e-6)


def test_full_field_and_empty_layout():
    grid = Grid((20, 30), 0.3)
    field = Polygon(np.array([(0, 0), (9, 0), (9, 6), (0, 6)]))
    np.testing.assert_allclose(rasterize(Layout("f", (field,)), grid), 1, atol=1e-6)
    assert not rasterize(Layout("e", ()), grid).any()


def test_no_noise_outside_the_polygon():
    grid = Grid.of_field((2.1, 2.1), 0.3)
    raster = rasterize(Layout("n", (Polygon(np.array([(0.4, 0.4), (1.3, 0.5), (0.7, 1.6)])),)), grid)
    assert (raster[:, 5:] == 0).all()
    assert (raster[6:] == 0).all()


def test_inclusive_adds_a_row_and_a_column():
    box = Layout("b", (Polygon(np.array([(1, 1), (3, 1), (3, 2), (1, 2)])),))
    raster = rasterize(box, Grid((4, 5), 1.0), convention="inclusive")
    assert raster.tolist() == [[0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]


def test_inclusive_does_not_wrap_around_the_field():
    box = Layout("b", (Polygon(np.array([(3, 2), (5, 2), (5, 4), (3, 4)])),))
    assert rasterize(box, Grid((4, 5), 1.0), convention="inclusive").sum() == 4


@pytest.mark.parametrize(
    ("points", "arguments", "message"),
    [
        ([(0, 0), (130, 0), (130, 10)], {}, "inside the field of 120 x 96 nm .* centre the layout"),
        ([(-1, 0), (10, 0), (10, 10)], {}, "inside the field"),
        ([(0, 0), (10, 0), (10, 10)], {"convention": "inclusive"}, "whole pixels"),
        ([(0, 0), (10, 0), (10, 10)], {"convention": "fuzzy"}, "'exact' or 'inclusive', got 'fuzzy'"),
    ],
)
def test_errors(points, arguments, message):
    with pytest.raises(LayoutError, match=message):
        rasterize(Layout("x", (Polygon(np.array(points)),)), Grid.of_field(FIELD, 1.0), **arguments)


@pytest.mark.data
@pytest.mark.parametrize(("clip", "exact", "inclusive"), [(1, 215_344, 218_902)])
def test_published_area_of_the_contest_clip(data_dir, clip, exact, inclusive):
    layout = read_glp(data_dir / "iccad13" / "layouts" / f"M1_test{clip}.glp").centred((2048, 2048))
    grid = Grid((2048, 2048), 1.0)
    assert rasterize(layout, grid).sum(dtype=np.float64) == exact == layout.area_nm2
    assert rasterize(layout, grid, convention="inclusive").sum(dtype=np.float64) == inclusive


@pytest.mark.data
def test_odd_clips_are_centred_like_the_published_masks(data_dir):
    # The box of clip 9 is 969 x 865 nm. Only rounding down reproduces the published scores of its mask.
    layout = read_glp(data_dir / "iccad13" / "layouts" / "M1_test9.glp").centred((2048, 2048))
    assert layout.bbox_nm == (539, 591, 1508, 1456)
