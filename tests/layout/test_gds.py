"""GDSII and OASIS files, and the choice of format by suffix."""

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litho_dl.core.errors import LayoutError
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.gds import read_gds, write_gds
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

SUFFIXES = (".gds", ".gds.gz", ".oas", ".oas.gz", ".gds2", ".oasis")


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)


SAMPLE = Layout(
    "SAMPLE",
    (
        Polygon(box(0, 0, 100, 100), (box(20, 30, 60, 70), box(70, 70, 90, 90))),
        Polygon(box(-50, 80, 10, 120)),
        Polygon(np.array([(200.3, 0.7), (300.1, 10.2), (250.9, 90.4)])),
    ),
)


@pytest.fixture
def stream(tmp_path):
    """A klayout layout with dbu 1 nm, and a function that saves it."""
    db = pytest.importorskip("klayout.db")
    source = db.Layout()
    source.dbu = 0.001

    def save(suffix: str = ".gds"):
        path = tmp_path / f"stream{suffix}"
        source.write(str(path))
        return path

    return source, save


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dbu_nm", [0.1, 1.0])
def test_round_trip(tmp_path, suffix, dbu_nm):
    path = tmp_path / f"a{suffix}"
    write_gds(path, SAMPLE, dbu_nm=dbu_nm, layer=(7, 2))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    back = read_gds(path)
    grid = Layout("g", tuple(p.mapped(lambda xy: np.rint(xy / dbu_nm) * dbu_nm) for p in SAMPLE.polygons))
    assert back.name == "SAMPLE"
    assert back.area_nm2 == pytest.approx(grid.area_nm2, abs=dbu_nm**2 * 60)
    assert back.bbox_nm == pytest.approx(grid.bbox_nm, abs=1e-9)
    assert sorted(len(polygon.holes) for polygon in back.polygons) == [0, 2]
    assert path.read_bytes()[:2] == (
        b"\x1f\x8b" if suffix.endswith("gz") else b"%S" if "oas" in suffix else b"\x00\x06"
    )


def test_same_layout_same_bytes(tmp_path):
    for name in ("a.gds", "b.gds"):
        write_gds(tmp_path / name, SAMPLE)
    assert (tmp_path / "a.gds").read_bytes() == (tmp_path / "b.gds").read_bytes()


def test_many_vertices_and_rounding_to_a_coarse_unit(tmp_path):
    y, x = np.mgrid[:300, :300] + 0.5
    radius, angle = np.hypot(x - 150, y - 150), np.arctan2(y - 150, x - 150)
    curvy = Layout("c", contour_polygons(100 + 20 * np.sin(60 * angle) - radius, 1.0, level=0.0))
    dense = Layout("d", (Polygon(100 * np.array([(np.cos(t), np.sin(t)) for t in np.linspace(0, 6.28, 9000)])),))
    for layout, dbu_nm, tolerance in ((curvy, 1.0, 0.01), (dense, 0.001, 1e-6)):
        write_gds(tmp_path / "a.gds", layout, dbu_nm=dbu_nm)
        assert read_gds(tmp_path / "a.gds").area_nm2 == pytest.approx(layout.area_nm2, rel=tolerance)


@pytest.mark.parametrize("dbu_nm", [0.1, 0.25, 1.0, 5.0])
def test_database_unit_is_honoured(tmp_path, dbu_nm):
    write_gds(tmp_path / "a.gds", Layout("a", (Polygon(box(15, 25, 100, 205)),)), dbu_nm=dbu_nm)
    assert read_gds(tmp_path / "a.gds").bbox_nm == (15, 25, 100, 205)


def test_hierarchy_paths_and_window(stream):
    import klayout.db as db

    source, save = stream
    top, cell = source.create_cell("TOP"), source.create_cell("CELL")
    layer = source.layer(11, 0)
    cell.shapes(layer).insert(db.Box(0, 0, 100, 50))
    cell.shapes(layer).insert(db.Path([db.Point(50, 25), db.Point(50, 150)], 20))
    cell.shapes(layer).insert(db.Text("label", 5000, 5000))
    top.insert(db.CellInstArray(cell.cell_index(), db.Trans(0, 0), db.Vector(1000, 0), db.Vector(0, 1000), 3, 2))
    top.insert(db.CellInstArray(cell.cell_index(), db.Trans(1, False, 5000, 0)))
    one = 100 * 50 + 20 * 100
    for suffix in (".gds", ".oas"):
        path = save(suffix)
        assert read_gds(path).area_nm2 == 7 * one
        assert read_gds(path, cell="CELL").area_nm2 == one
        assert read_gds(path, window_nm=(900, 900, 1500, 1500)).area_nm2 == one
        half = read_gds(path, window_nm=(0, 0, 50, 2000))
        assert half.area_nm2 == one
        assert half.bbox_nm == (0, 0, 50, 1150)
        assert read_gds(path, window_nm=(4800, 0, 5000, 200)).bbox_nm == (4850, 0, 5000, 100)
        nothing = "on layer 11/0 inside the window 3500,3500,3600,3600 nm, got none; all shapes lie in 0,0,7000,6000 nm"
        with pytest.raises(LayoutError, match=nothing):
            read_gds(path, window_nm=(3500, 3500, 3600, 3600))
        with pytest.raises(LayoutError, match="x0 < x1"):
            read_gds(path, window_nm=(10, 0, 0, 10))


def test_layers_and_cells_are_listed(stream):
    import klayout.db as db

    source, save = stream
    for name, layer in (("A", (1, 0)), ("A", (2, 5)), ("B", (1, 0))):
        cell = source.cell(name) or source.create_cell(name)
        cell.shapes(source.layer(*layer)).insert(db.Box(0, 0, 10, 10))
    source.create_cell("EMPTY")
    path = save()
    assert read_gds(path, cell="A", layer=(2, 5)).area_nm2 == 100
    for arguments, message in (
        ({}, "one top cell, got 2; choose a cell among A, B.$"),
        ({"cell": "A"}, "one layer with shapes, got several; choose a layer among 1/0, 2/5"),
        ({"cell": "A", "layer": (9, 0)}, "a layer with shapes, got 9/0; choose a layer among 1/0, 2/5"),
        ({"cell": "B", "layer": (2, 5)}, "choose a layer among 1/0"),
        ({"cell": "C"}, "a cell of the file, got 'C'; choose one of A, B, EMPTY"),
        ({"cell": "EMPTY"}, "got a cell without any"),
    ):
        with pytest.raises(LayoutError, match=message):
            read_gds(path, **arguments)


def test_cell_names_in_other_encodings(stream):
    import klayout.db as db

    source, save = stream
    source.create_cell("BLOCK").shapes(source.layer(1, 0)).insert(db.Box(0, 0, 10, 10))
    path = save()
    path.write_bytes(path.read_bytes().replace(b"BLOCK", b"BL\xd6CK"))
    assert read_gds(path).name == "cell-0"


def test_crossing_polygons_are_refused_touching_and_overlapping_ones_are_not(stream):
    import klayout.db as db

    source, save = stream
    shapes = source.create_cell("TOP").shapes(source.layer(1, 0))
    shapes.insert(db.Box(0, 0, 10, 10))
    shapes.insert(db.Box(5, 5, 15, 15))
    assert read_gds(save()).area_nm2 == 175
    bow_tie = [db.Point(100, 0), db.Point(200, 100), db.Point(200, 0), db.Point(100, 100)]
    shapes.insert(db.Polygon(bow_tie, True))
    with pytest.raises(LayoutError, match=r"cross themselves, got one that does near \(100, 0\) nm"):
        read_gds(save())


def test_a_layer_that_would_not_fit_into_memory(stream):
    import klayout.db as db

    source, save = stream
    top, cell = source.create_cell("TOP"), source.create_cell("CELL")
    cell.shapes(source.layer(1, 0)).insert(db.Box(0, 0, 10, 10))
    top.insert(db.CellInstArray(cell.cell_index(), db.Trans(), db.Vector(20, 0), db.Vector(0, 20), 30000, 30000))
    path = save()
    with pytest.raises(LayoutError, match="at most 5,000,000 shapes, got more; read a window"):
        read_gds(path)
    assert read_gds(path, window_nm=(0, 0, 100, 100)).area_nm2 == 2500


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "got an empty file"),
        (b"BEGIN\nEQUIV 1 1000 MICRON", "a GDSII or OASIS file, got a file that starts with b'BEGIN"),
        (b"\x00\x06\x00\x02\x02\x58", "an undamaged GDSII or OASIS file"),
        (b"%SEMI-OASIS\r\n\x01", "an undamaged GDSII or OASIS file"),
        (gzip.compress(b"\x00\x06\x00\x02" * 99, mtime=0)[:-9], "a readable GDSII or OASIS file"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "a.gds"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LayoutError, match=message) as caught:
        read_gds(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("a.txt", {}, r"ending in .gds or .oas .*, got '.txt'"),
        ("a.gds", {"dbu_nm": 0.0}, "database unit from 0.0001 to 10000 nm, got 0 nm"),
        ("a.gds", {"dbu_nm": float("nan")}, "database unit"),
        ("a.gds", {"layer": (-1, 0)}, "from 0 to 65535, got -1/0"),
        (
            "a.gds",
            {"dbu_nm": 0.0001, "shift": 1e6},
            r"within 214748 nm at a unit of 0.0001 nm, .*choose a coarser unit",
        ),
    ],
)
def test_what_cannot_be_written(tmp_path, name, arguments, message):
    shift = arguments.pop("shift", 0.0) if "shift" in (arguments := dict(arguments)) else 0.0
    with pytest.raises(LayoutError, match=message):
        write_gds(tmp_path / name, SAMPLE.translated(shift, 0), **arguments)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([".gds", ".oas", ".oas.gz", ".glp"]))
def test_damaged_bytes_give_a_layout_or_one_line(tmp_path, data, suffix):
    path = tmp_path / f"a{suffix}"
    write_layout(path, Layout("A", SAMPLE.polygons[:2]) if suffix == ".glp" else SAMPLE)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        kind = data.draw(st.sampled_from(["change", "insert", "cut"]))
        fresh = data.draw(st.binary(min_size=1, max_size=4))
        content[place : {"change": place + len(fresh), "insert": place, "cut": len(content)}[kind]] = fresh
    path.write_bytes(content)
    try:
        layout = read_layout(path)
    except LayoutError as error:
        message = str(error)
    else:
        message = f"{path}: a layout" if layout.area_nm2 > 0 else "no area"
    assert message.startswith(str(path))
    assert "\n" not in message


def test_suffix_chooses_the_format(tmp_path):
    layout = Layout("A", SAMPLE.polygons[:2])
    for name, layer in (("a.glp", "M3"), ("a.gds", "5"), ("a.OAS", "5/1"), ("b.glp", None), ("b.gds", None)):
        write_layout(tmp_path / name, layout, layer=layer)
        assert read_layout(tmp_path / name, layer=layer).area_nm2 == layout.area_nm2
        assert read_layout(tmp_path / name, window_nm=(0, 0, 50, 50)).area_nm2 == 50 * 50 - 30 * 20
        extent = ",".join(f"{value:g}" for value in layout.bbox_nm)
        with pytest.raises(LayoutError, match=f"window 30,40,50,50 nm, got none; all shapes lie in {extent} nm"):
            read_layout(tmp_path / name, window_nm=(30, 40, 50, 50))
    assert read_gds(tmp_path / "a.OAS", layer=(5, 1)).area_nm2 == layout.area_nm2
    for call, message in (
        (lambda: read_layout(tmp_path / "a.gds", layer="M1"), "a layer with shapes, got M1; choose a layer among 5/0"),
        (lambda: read_layout(tmp_path / "a.gds", layer="5/0,"), "such as 11/0, 11 or an OASIS layer's name, got ''"),
        (lambda: read_layout(tmp_path / "a.gds", layer="1/2/3"), "such as 11/0"),
        (lambda: read_layout("a.png"), r"ending in \.glp, \.gds, .*\.oas.*, got '.png'"),
        (lambda: write_layout("a.png", layout), "ending in"),
    ):
        with pytest.raises(LayoutError, match=message):
            call()


@pytest.mark.data
def test_placed_and_routed_block(data_dir):
    layout = read_layout(data_dir / "gcd_45nm.gds", layer="11/0")
    x0, y0, x1, y1 = layout.bbox_nm
    assert (x1 - x0, y1 - y0) == (30_590, 29_570)
    window = (10_000, 10_000, 12_048, 12_048)
    part = read_layout(data_dir / "gcd_45nm.gds", layer="11", window_nm=window)
    assert part.area_nm2 == layout.clipped(window).area_nm2
    with pytest.raises(LayoutError, match=r"got 'TOP' of 30590 x 29570 nm; take a part by window_nm"):
        layout.centred((2048, 2048))
