"""Flattening in fine units: paths, turned and magnified cells, windows, and places far from zero."""

import itertools

import klayout.db as db
import numpy as np
import pytest

from litho_dl.core.errors import LayoutError
from litho_dl.layout.gds import read_gds

FAR = 2**31 - 1


def stream(tmp_path, dbu_nm: float = 1.0, suffix: str = ".gds"):
    """A klayout layout with a top cell and a layer, and a function that saves it."""
    source = db.Layout()
    source.dbu = dbu_nm / 1000
    path = tmp_path / f"a{suffix}"

    def save():
        source.write(str(path))
        return path

    return source, source.create_cell("TOP"), source.layer(11, 0), save


def placed(points, steps) -> np.ndarray:
    """Points after each step (mirrored, magnification, degrees, shift), from the innermost cell outwards."""
    found = np.array(points, dtype=float)
    for mirrored, magnification, degrees, shift in steps:
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        found = found * ((1, -1) if mirrored else (1, 1)) * magnification @ np.array([(cos, sin), (-sin, cos)]) + shift
    return found


def assert_vertices(layout, expected: np.ndarray, tolerance_nm: float = 0.01) -> None:
    hulls = np.concatenate([polygon.hull for polygon in layout.polygons])
    assert len(hulls) == len(expected)
    apart = np.hypot(*(hulls[:, None] - expected).transpose(2, 0, 1))
    assert apart.min(axis=0).max() < tolerance_nm
    assert apart.min(axis=1).max() < tolerance_nm


@pytest.mark.parametrize(("dbu_nm", "units"), [(1.0, 45), (0.25, 141), (5.0, 11), (0.1, 455), (1.0, 1)])
@pytest.mark.parametrize("start", [0, -2_000_000_001, FAR - 3000])
def test_paths_are_as_wide_as_drawn(tmp_path, dbu_nm, units, start):
    _, top, layer, save = stream(tmp_path, dbu_nm)
    top.shapes(layer).insert(db.Path([db.Point(start, 5), db.Point(start, 1005)], units))
    layout = read_gds(save())
    centre, half = start * dbu_nm, units * dbu_nm / 2
    expected = [(centre + side * half, y * dbu_nm) for side in (-1, 1) for y in (5, 1005)]
    assert_vertices(layout, np.array(expected), 1e-3 + 1e-6)
    assert layout.area_nm2 == pytest.approx(units * dbu_nm * 1000 * dbu_nm, rel=1e-9)


@pytest.mark.parametrize(
    ("begin", "end", "rounded", "area"),
    [
        (0, 0, False, 45 * 1000),
        (22, 22, False, 45 * 1044),
        (10, -30, False, 45 * 980),
        (22, 22, True, 45 * 999 + np.pi * 22.5**2),
    ],
)
def test_ends_of_paths(tmp_path, begin, end, rounded, area):
    _, top, layer, save = stream(tmp_path)
    top.shapes(layer).insert(db.Path([db.Point(0, 0), db.Point(1000, 0)], 45, begin, end, rounded))
    layout = read_gds(save())
    assert layout.area_nm2 == pytest.approx(area, rel=2e-3 if rounded else 1e-9)
    assert layout.bbox_nm[3] == 22.5


@pytest.mark.parametrize(
    ("points", "width", "ends", "area"),
    [
        ([(0, 0), (600, 0), (600, 600), (0, 600), (0, 0)], 60, 30, 144_000),  # a ring
        ([(0, 300), (600, 300), (600, 0), (300, 0), (300, 600)], 60, 0, 104_400),  # crosses itself
        ([(0, 0), (500, 0), (500, 40), (0, 40)], 100, 0, 77_000),  # a U-turn narrower than the path
        ([(0, 0), (500, 0), (500, 30), (1000, 30)], 100, 0, 103_000),  # a jog shorter than the path is wide
        ([(0, 0), (800, 0), (400, 0)], 60, 0, 830 * 60),  # klayout draws half a width beyond the turn
    ],
)
@pytest.mark.parametrize("suffix", [".gds", ".oas"])
def test_paths_that_touch_themselves_are_unions(tmp_path, points, width, ends, area, suffix):
    _, top, layer, save = stream(tmp_path, suffix=suffix)
    top.shapes(layer).insert(db.Path([db.Point(*point) for point in points], width, ends, ends))
    assert read_gds(save()).area_nm2 == area
    top.shapes(layer).insert(db.Box(-1000, -1000, 2000, 2000))  # nothing is counted against it
    assert read_gds(save()).area_nm2 == 9_000_000


STEPS = [
    [(False, 0.5, 0, (200, 0))],
    [(False, 1.0, 17.3, (3, -7))],
    [(True, 1.37, 30, (-900, 411))],
    [(False, 0.5, 30, (3, 1)), (True, 0.75, 45, (5, 2))],
    [(True, 3.0, 213.7, (1, 1)), (False, 0.1, 90, (0, 3)), (False, 2.5, 11, (1001, -3))],
]


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize(("suffix", "dbu_nm"), [(".gds", 1.0), (".oas", 1.0), (".gds", 0.25), (".oas", 5.0)])
@pytest.mark.parametrize("corner", [(0, 0), (-2_000_000_000, 1_900_000_001)])
def test_turned_and_magnified_cells(tmp_path, steps, suffix, dbu_nm, corner):
    source, cell, layer, save = stream(tmp_path, dbu_nm, suffix)
    drawn = [(0, 0), (45, 0), (45, 301), (7, 251)]
    cell.shapes(layer).insert(db.Polygon([db.Point(*point) for point in drawn]))
    moved = [*steps[:-1], (*steps[-1][:3], tuple(np.add(steps[-1][3], corner)))]
    for number, (mirrored, magnification, degrees, (x, y)) in enumerate(moved):
        upper = source.create_cell(f"UP{number}")
        turn = db.ICplxTrans(magnification, degrees, mirrored, int(x), int(y))
        upper.insert(db.CellInstArray(cell.cell_index(), turn))
        cell = upper
    expected = placed(drawn, moved) * dbu_nm
    layout = read_gds(save())
    assert_vertices(layout, expected)
    x0, y0, x1, y1 = layout.bbox_nm
    part = (x0 - 0.3, (y0 + y1) / 2 + 0.13, (x0 + x1) / 2 + 0.17, y1 + 500)
    cut = read_gds(save(), window_nm=part)
    assert cut.area_nm2 == pytest.approx(layout.clipped(part).area_nm2, abs=0.02 * (y1 - y0 + x1 - x0))
    assert cut.bbox_nm[1] == pytest.approx(part[1], abs=0.01)


def test_a_path_in_a_turned_array(tmp_path):
    source, cell, layer, save = stream(tmp_path)
    cell.shapes(layer).insert(db.Path([db.Point(0, 0), db.Point(0, 101)], 33))
    top = source.create_cell("UP")
    array = db.CellInstArray(
        cell.cell_index(), db.ICplxTrans(0.5, 45, False, 7, 0), db.Vector(101, 0), db.Vector(0, 103), 2, 3
    )
    top.insert(array)
    outline = [(-16.5, 0), (16.5, 0), (16.5, 101), (-16.5, 101)]
    shifts = [(7 + 101 * i, 103 * j) for i, j in itertools.product(range(2), range(3))]
    expected = np.concatenate([placed(outline, [(False, 0.5, 45, shift)]) for shift in shifts])
    assert_vertices(read_gds(save()), expected)


def test_windows_off_the_grid(tmp_path):
    _, top, layer, save = stream(tmp_path, dbu_nm=5)
    for column in range(10):
        top.shapes(layer).insert(db.Box(column * 40, 0, column * 40 + 20, 400))  # 100 nm lines every 200 nm
    assert read_gds(save(), window_nm=(52, 0, 1048, 1000)).area_nm2 == 496_000
    assert read_gds(save(), window_nm=(0.13, 3.7, 99.91, 20)).bbox_nm == (0.13, 3.7, 99.91, 20)


def test_a_slanted_edge_is_cut_where_it_crosses_the_window(tmp_path):
    _, top, layer, save = stream(tmp_path)
    top.shapes(layer).insert(db.Polygon([db.Point(0, 0), db.Point(3000, 1000), db.Point(0, 1000)]))
    found = read_gds(save(), window_nm=(100, 0, 200.5, 1000))
    expected = np.array([(100, 100 / 3), (200.5, 200.5 / 3), (200.5, 1000), (100, 1000)])
    assert_vertices(found, expected, 1e-4)


def test_a_window_in_a_cell_far_larger_than_drawn(tmp_path):
    source, cell, layer, save = stream(tmp_path)
    cell.shapes(layer).insert(db.Box(0, 0, 1, 1))
    top = source.create_cell("UP")
    top.insert(db.CellInstArray(cell.cell_index(), db.ICplxTrans(1000, 45, False, 0, 0)))
    tip = 1000 * np.sqrt(2)
    for low in (0.1, 1.0, 700, 1400):
        assert read_gds(save(), window_nm=(-2000, tip - low, 2000, 2000)).area_nm2 == pytest.approx(
            low**2 if low <= tip / 2 else 1e6 - (tip - low) ** 2, abs=0.05 + 2e-5 * low
        )


def test_a_window_at_the_tip_of_a_cell_that_is_turned_and_then_magnified(tmp_path):
    """klayout rounds the extent of the turned cell, here to 1 of 1.41 units, before it magnifies it."""
    source, cell, layer, save = stream(tmp_path)
    cell.shapes(layer).insert(db.Box(0, 0, 1, 1))
    for magnification, degrees in ((1, 45), (20, 0)):
        upper = source.create_cell(f"UP{degrees}")
        upper.insert(db.CellInstArray(cell.cell_index(), db.ICplxTrans(magnification, degrees, False, 0, 0)))
        cell = upper
    window = (-100, 20 * np.sqrt(2) - 3, 100, 100)
    assert read_gds(save(), window_nm=window).area_nm2 == pytest.approx(9, abs=0.1)


def test_shapes_over_many_centimetres_keep_the_files_grid_or_are_refused(tmp_path):
    _, top, layer, save = stream(tmp_path)
    top.shapes(layer).insert(db.Box(0, 0, 45, 45))
    top.shapes(layer).insert(db.Box(500_000_000, 0, 500_000_045, 45))
    assert [tuple(read_gds(save()).bbox_nm)] == [(0, 0, 500_000_045, 45)]
    top.shapes(layer).insert(db.Path([db.Point(100, 0), db.Point(100, 100)], 45))
    with pytest.raises(LayoutError, match=r"placed to 0.01 nm, got some over 5.* read a window"):
        read_gds(save())
    assert read_gds(save(), window_nm=(0, 0, 1000, 1000)).area_nm2 == 45 * 45 + 45 * 100
