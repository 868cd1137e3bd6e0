"""Grids over a periodic field."""

import math

import pytest

from litho_dl.core.errors import GridMismatchError
from litho_dl.core.grid import Grid, common_multiple_nm, require_steps, whole_ratio


@pytest.mark.parametrize(
    ("field_nm", "pixel_nm", "shape"),
    [((2048.0, 2048.0), 4.0, (512, 512)), ((400.0, 600.0), 0.1, (4000, 6000)), ((1.5, 0.9), 0.3, (5, 3))],
)
def test_a_grid_tiles_its_field(field_nm, pixel_nm, shape):
    grid = Grid.of_field(field_nm, pixel_nm)
    assert grid.shape == shape
    assert grid.field_nm == pytest.approx(field_nm, rel=1e-12)
    assert Grid.of_shape(shape, field_nm).pixel_nm == pytest.approx(pixel_nm, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid.of_field((2048.0, 2048.0), 3.0), "divides the field of 2048 x 2048 nm, got 3 nm"),
        (lambda: Grid.of_field((2048.0, 2048.00001), 1.0), "divides the field"),
        (lambda: Grid.of_field((2048.0, 2048.0), 5000.0), "divides the field"),
        (lambda: Grid.of_field((2048.0, 2048.0), 0.0), "positive pixel"),
        (lambda: Grid.of_field((2048.0, 2048.0), float("nan")), "positive pixel"),
        (lambda: Grid.of_field((float("inf"), 2048.0), 1.0), "positive pixel and field"),
        (lambda: Grid.of_field((float("nan"), 2048.0), 1.0), "positive pixel and field"),
        (lambda: Grid.of_shape((100, 101), (200.0, 200.0)), "square pixels .* got an image of 100 x 101 pixels"),
        (lambda: Grid.of_shape((0, 4), (200.0, 200.0)), "square pixels"),
        (lambda: Grid((0, 4), 1.0), "at least one pixel"),
        (lambda: Grid((4, 4), -1.0), "at least one pixel"),
    ],
)
def test_impossible_grids_are_refused(make, message):
    with pytest.raises(GridMismatchError, match=message):
        make()


@pytest.mark.parametrize(
    ("length_nm", "unit_nm", "count"),
    [
        (4.0, 4.0, 1),
        (8.0, 4.0, 2),
        (0.3, 0.1, 3),
        (4.0 * (1 - 1e-12), 4.0, 1),
        (4.0 * (1 - 1e-6), 4.0, None),
        (6.0, 4.0, None),
        (3.0, 4.0, None),
        (2.0, 4.0, None),
        (0.0, 4.0, None),
        (-8.0, 4.0, None),
        (math.inf, 4.0, None),
        (math.nan, 4.0, None),
    ],
)
def test_a_whole_ratio_is_a_count_of_at_least_one(length_nm, unit_nm, count):
    assert whole_ratio(length_nm, unit_nm) == count


@pytest.mark.parametrize(
    ("lengths_nm", "multiple_nm"),
    [
        ((8.0,), 8.0),
        ((16.0, 4.0, 1.0), 16.0),
        ((6.0, 4.0), 12.0),
        ((0.5, 0.75), 1.5),
        ((2.5, 1.0), 5.0),
        ((0.8, 1.0), 4.0),
    ],
)
def test_common_multiples(lengths_nm, multiple_nm):
    assert common_multiple_nm(*lengths_nm) == multiple_nm


@pytest.mark.parametrize(
    ("side_nm", "step_nm", "message"),
    [
        (2048.0, 16.0, None),
        (1000.0, 0.8, None),
        (1500.0, 16.0, "choose a field of 1488 or 1504 nm"),
        (1500.5, 1.0, "choose a field of 1500 or 1501 nm"),
        (3.0, 16.0, "choose a field of 16 or 32 nm"),
    ],
)
def test_fields_that_do_not_fit_name_those_that_do(side_nm, step_nm, message):
    if message is None:
        require_steps((side_nm, side_nm), step_nm, "method fast")
        return
    with pytest.raises(GridMismatchError, match=f"for method fast, got {side_nm:g} x {side_nm:g} nm; {message}"):
        require_steps((side_nm, side_nm), step_nm, "method fast")
