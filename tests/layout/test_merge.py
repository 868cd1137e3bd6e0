"""Shapes whose union would take for ever, and polygons that cross themselves, are refused in seconds."""

import time

import klayout.db as db
import numpy as np
import pytest

from litho_dl.core.errors import LayoutError
from litho_dl.layout.gds import read_gds
from litho_dl.layout.glp import read_glp


@pytest.fixture
def layout(tmp_path):
    """A klayout layout with a top cell and a cell, and a function that saves it."""
    source = db.Layout()
    source.dbu = 0.001
    top, cell = source.create_cell("TOP"), source.create_cell("CELL")

    def save():
        source.write(str(tmp_path / "a.gds"))
        return tmp_path / "a.gds"

    return top, cell, source.layer(1, 0), save


def refused(read, match: str) -> None:
    started = time.monotonic()
    with pytest.raises(LayoutError, match=match):
        read()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "shape",
    [
        db.Polygon([db.Point(0, 0), db.Point(40_000, 1000), db.Point(40_000, 0)]),
        db.Polygon(db.Box(0, 0, 40_000, 1000)),
        db.Polygon(db.Box(0, 0, 5000, 5000)),
    ],
)
def test_arrays_of_shapes_that_overlap(layout, shape):
    top, cell, layer, save = layout
    cell.shapes(layer).insert(shape)
    array = db.CellInstArray(cell.cell_index(), db.Trans(), db.Vector(0, 7), db.Vector(7, 0), 700, 700)
    top.insert(array)
    path = save()
    refused(lambda: read_gds(path), "overlap with few others, got 490,000, of which many overlap with")
    assert read_gds(path, window_nm=(0, 0, 20, 20)).area_nm2 > 0


def test_an_overlapping_spot_beside_many_others(layout):
    top, cell, layer, save = layout
    cell.shapes(layer).insert(db.Box(0, 0, 9000, 9000))
    other = db.Box(0, 0, 50, 50)
    for column in range(150):
        for row in range(150):
            top.shapes(layer).insert(other.moved(-100 * column - 100, 100 * row))
    top.insert(db.CellInstArray(cell.cell_index(), db.Trans(), db.Vector(0, 7), db.Vector(7, 0), 80, 80))
    path = save()
    refused(lambda: read_gds(path), "overlap with few others, got 28,900, of which")


def test_many_shapes_that_hardly_overlap_are_read(layout):
    top, cell, layer, save = layout
    cell.shapes(layer).insert(db.Box(0, 0, 110, 60))  # the next begins at 100: one wire a row
    top.insert(db.CellInstArray(cell.cell_index(), db.Trans(), db.Vector(100, 0), db.Vector(0, 100), 90, 90))
    slanted = db.Path([db.Point(-30_000, 0), db.Point(-10_000, 20_000)], 90)
    for row in range(3000):  # each in the box of hundreds of others, and beside them all
        top.shapes(layer).insert(slanted.moved(0, 200 * row))
    layout = read_gds(save())
    assert len(layout.polygons) == 90 + 3000
    assert layout.area_nm2 == pytest.approx(90 * 60 * (99 * 90 + 90 + 20 - 9) + 3000 * 90 * 20_000 * 2**0.5, rel=2e-2)


@pytest.mark.parametrize("vertices", [1100, 8000])
def test_a_large_polygon_that_crosses_itself_everywhere(layout, vertices):
    top, _, layer, save = layout
    points = np.random.default_rng(2).integers(0, 10**6, (vertices, 2)).tolist()
    top.shapes(layer).insert(db.Polygon([db.Point(*point) for point in points], True))
    path = save()
    refused(lambda: read_gds(path), "do not cross themselves, got one that does near")


def test_a_large_simple_polygon_is_read(layout):
    top, _, layer, save = layout
    angles = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    points = np.rint(100_000 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(int).tolist()
    top.shapes(layer).insert(db.Polygon([db.Point(*point) for point in points]))
    assert read_gds(save()).area_nm2 == pytest.approx(np.pi * 1e10, rel=1e-5)


def test_glp_files_that_overlap_everywhere(tmp_path):
    lines = [f"RECT N M1 {7 * i} {11 * i % 997} 40000 40000" for i in range(6000)]
    (tmp_path / "a.glp").write_text("\n".join(["BEGIN", "EQUIV 1 1000 MICRON", "CELL A PRIME", *lines, "ENDMSG"]))
    refused(lambda: read_glp(tmp_path / "a.glp"), "overlap with few others, got 6,000, of which many overlap")
