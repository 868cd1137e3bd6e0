"""Cells and layers: what is missing, what is empty, what holds itself, and how much it would be."""

import itertools
import time

import klayout.db as db
import pytest
from scenes.command_line import litho, refused, succeeded

from litho_dl.core.errors import LayoutError
from litho_dl.layout.files import read_layout
from litho_dl.layout.gds import read_gds

SUFFIXES = (".gds", ".oas")


@pytest.fixture(params=SUFFIXES)
def stream(request, tmp_path):
    """A klayout layout of 1 nm, and a function that saves it, and one that takes cells out of its file."""
    source = db.Layout()
    source.dbu = 0.001
    path = tmp_path / f"a{request.param}"

    def save():
        source.write(str(path))
        return path

    return source, save


def box_cell(source: db.Layout, name: str, layer: tuple[int, int] = (11, 0), side: int = 10) -> db.Cell:
    cell = source.create_cell(name)
    cell.shapes(source.layer(*layer)).insert(db.Box(0, 0, side, side))
    return cell


def hold(upper: db.Cell, lower: db.Cell, x: int = 0, y: int = 0) -> None:
    upper.insert(db.CellInstArray(lower.cell_index(), db.Trans(x, y)))


def without(path, *names: str) -> None:
    """Drops cells from a GDSII file, so that references to them dangle."""
    content, kept, cell = path.read_bytes(), b"", b""
    while content:
        length, kind = int.from_bytes(content[:2], "big"), content[2]
        record, content = content[:length], content[length:]
        if kind == 5:  # BGNSTR
            cell = b""
        if kind in (5, 6) or cell:
            cell += record
        else:
            kept += record
        if kind == 7:  # ENDSTR
            name = cell[cell.index(b"\x06\x06") + 2 :]
            if not any(name.startswith(wanted.encode()) for wanted in names):
                kept += cell
            cell = b""
    path.write_bytes(kept)


def test_absent_cells_are_named(tmp_path):
    source = db.Layout()
    source.dbu = 0.001
    top, middle = box_cell(source, "TOP"), box_cell(source, "MIDDLE", side=7)
    hold(top, middle, 100)
    hold(middle, box_cell(source, "VIA_B"), 50)
    hold(middle, box_cell(source, "VIA_A"), 70)
    hold(source.create_cell("OTHER"), box_cell(source, "UNUSED"))
    path = tmp_path / "a.gds"
    source.write(str(path))
    without(path, "VIA_", "UNUSED")
    for arguments in ({"cell": "TOP"}, {"cell": "MIDDLE"}, {"cell": "TOP", "window_nm": (0, 0, 20, 20)}):
        with pytest.raises(LayoutError, match=r"all cells .* got none of VIA_A, VIA_B; .*--allow-missing"):
            read_gds(path, **arguments)
    assert read_layout(path, cell="TOP", allow_missing=True).area_nm2 == 100 + 49
    with pytest.raises(LayoutError, match="choose a cell among OTHER, TOP"):  # it might hold something
        read_gds(path)
    with pytest.raises(LayoutError, match="got a cell without any"):
        read_gds(path, cell="OTHER", allow_missing=True)


def test_the_command_line_says_what_is_missing(tmp_path):
    source = db.Layout()
    source.dbu = 0.001
    top = box_cell(source, "TOP", side=300)
    hold(top, box_cell(source, "GONE"))
    source.write(str(tmp_path / "a.gds"))
    without(tmp_path / "a.gds", "GONE")
    cut = ["clips", "cut", str(tmp_path / "a.gds"), "--window-size", "400", "--stride", "400", "--out"]
    assert "got none of GONE" in refused(litho(*cut, tmp_path / "out"))
    succeeded(*cut, tmp_path / "out", "--allow-missing")
    assert read_layout(tmp_path / "out" / "a_00000.glp").area_nm2 == 300 * 300


def oasis(cells: dict[str, str]) -> bytes:
    """An OASIS file whose cells each hold one other cell."""
    start = b"%SEMI-OASIS\r\n" + b"\x01\x031.0\x00\xe8\x07\x00" + bytes(12)
    texts = {name: bytes([len(name)]) + name.encode() for name in {*cells, *cells.values()}}
    body = b"".join(b"\x0e" + texts[name] + b"\x11\xb0" + texts[held] + b"\x00\x00" for name, held in cells.items())
    return start + body + b"\x02\xfc\x01" + bytes(252) + b"\x00"


@pytest.mark.parametrize(
    ("cells", "loop"),
    [
        ({"TOP": "ONE", "ONE": "TWO", "TWO": "SIX", "SIX": "ONE"}, ["ONE", "TWO", "SIX"]),
        ({"TOP": "ONE", "ONE": "ONE"}, ["ONE"]),
    ],
)
def test_loops_of_cells_are_named(tmp_path, cells, loop):
    (tmp_path / "a.oas").write_bytes(oasis(cells))
    with pytest.raises(LayoutError, match="Expected cells that do not hold themselves, got the loop") as caught:
        read_gds(tmp_path / "a.oas")
    named = str(caught.value).split("the loop ")[1].removesuffix("; break it.").split(" > ")
    assert sorted(named[1:]) == sorted(loop)
    assert named[0] == named[-1]
    assert all(cells[upper] == lower for upper, lower in itertools.pairwise(named))


def test_absent_cells_of_oasis_are_named(tmp_path):
    (tmp_path / "a.oas").write_bytes(oasis({"TOP": "ONE", "ONE": "GONE"}))
    with pytest.raises(LayoutError, match="got none of GONE"):
        read_gds(tmp_path / "a.oas")


def test_a_cell_that_holds_itself(tmp_path):
    source = db.Layout()
    source.dbu = 0.001
    hold(box_cell(source, "SELF"), box_cell(source, "ELSE"))
    path = tmp_path / "a.gds"
    source.write(str(path))
    without(path, "ELSE")
    path.write_bytes(path.read_bytes().replace(b"ELSE", b"SELF"))
    with pytest.raises(LayoutError, match="got the loop SELF > SELF; break it"):
        read_gds(path)


def test_texts_and_degenerate_shapes_are_no_shapes(stream):
    source, save = stream
    top = box_cell(source, "TOP", side=60)
    top.shapes(source.layer(63, 63)).insert(db.Text("VDD", 90_000, 90_000))
    top.shapes(source.layer(5, 0)).insert(db.Path([db.Point(0, 0), db.Point(100, 0)], 0))
    top.shapes(source.layer(6, 0)).insert(db.Box(0, 0, 100, 0))
    top.shapes(source.layer(11, 0)).insert(db.Text("A", 2_000_000_000, 30))
    source.create_cell("EMPTY")
    source.create_cell("LABELS").shapes(source.layer(11, 0)).insert(db.Text("B", 0, 0))
    layout = read_gds(save())
    assert (layout.name, layout.area_nm2) == ("TOP", 3600)
    for layer in ("63/63", "5/0", "6/0"):
        with pytest.raises(LayoutError, match=f"got {layer}; choose a layer among 11/0.$"):
            read_gds(save(), layer=layer)
    with pytest.raises(LayoutError, match="got a cell without any"):
        read_gds(save(), cell="LABELS")
    top.shapes(source.layer(5, 0)).insert(db.Path([db.Point(0, 0), db.Point(100, 0)], 2))
    with pytest.raises(LayoutError, match="choose a layer among 11/0, 5/0"):
        read_gds(save())


def test_several_layers_are_their_union(stream):
    source, save = stream
    top = box_cell(source, "TOP", (11, 0), 60)
    top.shapes(source.layer(11, 5)).insert(db.Box(50, 0, 150, 60))
    top.shapes(source.layer(12, 0)).insert(db.Box(0, 100, 10, 110))
    path = save()
    for layer, area in (
        ("11/0,11/5", 9000),
        ("11/5, 11", 9000),
        ("12,11/0,11/5", 9100),
        ((11, 5), 6000),
        ("11,11/0", 3600),
    ):
        assert read_gds(path, layer=layer).area_nm2 == area
    assert len(read_gds(path, layer="11/0,11/5").polygons) == 1
    with pytest.raises(LayoutError, match="got 11/7; choose a layer among 11/0, 11/5, 12/0"):
        read_gds(path, layer="11/0,11/7")


def test_names_of_oasis_layers(tmp_path):
    source = db.Layout()
    source.dbu = 0.001
    top = source.create_cell("TOP")
    for number, name in ((11, "METAL1"), (12, "VIA-1"), (13, "")):
        layer = source.layer(db.LayerInfo(number, 0, name))
        top.shapes(layer).insert(db.Box(number, 0, number + 1, 10))
    path = tmp_path / "a.oas"
    source.write(str(path))
    assert read_layout(path, layer="METAL1").area_nm2 == read_layout(path, layer="11/0").area_nm2 == 10
    assert read_layout(path, layer="VIA-1,METAL1,13").area_nm2 == 30
    with pytest.raises(LayoutError, match=r"got METAL2; choose a layer among 11/0 \(METAL1\), 12/0 \(VIA-1\), 13/0"):
        read_layout(path, layer="METAL2")


def doubled(source: db.Layout, levels: int, step: int) -> None:
    cell = box_cell(source, "L0", (1, 0), 50)
    for level in range(1, levels + 1):
        upper = source.create_cell(f"L{level}")
        for x in (0, step):
            hold(upper, cell, x)
        cell = upper


@pytest.mark.parametrize("step", [1, 60, 10_000_000])
@pytest.mark.parametrize("window", [None, (0, 0, 100, 100), (20.5, 1, 21, 2), (-500, -500, 5000, 5000)])
def test_cells_that_double(stream, step, window):
    source, save = stream
    doubled(source, 60, step)
    path, started = save(), time.monotonic()
    if (step < 1000 and (window is None or window[0] < 0)) or step == 1 or window is None:
        with pytest.raises(LayoutError, match="at most 5,000,000 shapes, got more"):
            read_gds(path, window_nm=window)
    else:
        area = {(0, 0, 100, 100): 4500 if step == 60 else 2500, (20.5, 1, 21, 2): 0.5}.get(window, 2500)
        assert read_gds(path, window_nm=window).area_nm2 == area
    assert time.monotonic() - started < 5


def test_a_window_of_a_huge_array_is_counted_there(stream):
    source, save = stream
    top, cell = source.create_cell("TOP"), box_cell(source, "CELL", (1, 0))
    turned = db.CellInstArray(
        cell.cell_index(), db.ICplxTrans(2, 30, False, 0, 0), db.Vector(50, 0), db.Vector(0, 50), 20_000, 20_000
    )
    top.insert(turned)
    path = save()
    assert read_gds(path, window_nm=(500_000, 500_000, 500_500, 500_500)).area_nm2 == pytest.approx(100 * 400, rel=0.01)
    with pytest.raises(LayoutError, match="at most 5,000,000 shapes, got more; read a window"):
        read_gds(path)
    with pytest.raises(LayoutError, match="at most 5,000,000 shapes, got more; read a smaller window"):
        read_gds(path, window_nm=(0, 0, 900_000, 900_000))


def test_of_several_empty_top_cells_any_will_do(stream):
    source, save = stream
    for name in ("ONE", "TWO"):
        source.create_cell(name)
    with pytest.raises(LayoutError, match="got a cell without any"):
        read_gds(save())


def test_an_array_whose_rows_run_along_its_columns_is_counted_in_full(stream):
    source, save = stream
    top, cell = source.create_cell("TOP"), box_cell(source, "CELL")
    top.insert(db.CellInstArray(cell.cell_index(), db.Trans(), db.Vector(20, 0), db.Vector(30, 0), 3000, 2000))
    with pytest.raises(LayoutError, match="at most 5,000,000 shapes, got more; read a smaller window"):
        read_gds(save(), window_nm=(0, 0, 100, 100))
