"""GLP files."""

import time
from unittest import mock

import numpy as np
import pytest

from litho_dl.core.errors import LayoutError
from litho_dl.layout import glp
from litho_dl.layout.glp import read_glp, write_glp
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

HEAD = "BEGIN /* a comment */\nEQUIV  1  1000  MICRON  +X,+Y\nCNAME top\nLEVEL M1\n\nCELL top PRIME\n"


@pytest.fixture
def written(tmp_path):
    """A function that writes a file and returns its path."""

    def write(text: str | bytes):
        path = tmp_path / "clip.glp"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def body(*lines: str) -> str:
    return HEAD + "".join(f"   {line}\n" for line in lines) + "ENDMSG\n"


def test_rectangles_and_polygons_unite(written):
    text = body("RECT N M1 0 0 100 20", "PGON N M1 0 10 50 10 50 40 20 40 20 30 0 30", "RECT N M1 200 0 10 10")
    layout = read_glp(written(text))
    assert layout.name == "top"
    assert layout.area_nm2 == 2000 + 500 + 300 + 100
    assert layout.bbox_nm == (0, 0, 210, 40)
    assert len(layout.polygons) == 2


def test_windows_line_ends_and_a_repeated_first_vertex(written):
    text = body("PGON N M1 0 0 10 0 10 10 0 10 0 0").replace("\n", "\r\n")
    assert read_glp(written(text)).area_nm2 == 100


@pytest.mark.parametrize(("ratio", "nm"), [("1 1000", 1.0), ("1 10000", 0.1), ("1 200", 5.0), ("2 1000", 2.0)])
def test_unit(written, ratio, nm):
    layout = read_glp(written(body("RECT N M1 3 7 100 50").replace("1  1000", ratio)))
    assert layout.bbox_nm == pytest.approx((3 * nm, 7 * nm, 103 * nm, 57 * nm), abs=1e-12)


def test_layer_and_cell_are_chosen(written):
    text = body("RECT N M1 0 0 10 10", "RECT N V1 0 0 20 20").replace("ENDMSG", "CELL b\n RECT N M1 0 0 30 30\nENDMSG")
    path = written(text)
    assert read_glp(path, cell="b").area_nm2 == 900
    assert read_glp(path, cell="top", layer="V1").area_nm2 == 400
    with pytest.raises(LayoutError, match=r"one cell with shapes, got several; choose one of b, top"):
        read_glp(path)
    with pytest.raises(LayoutError, match=r"one layer with shapes, got several; choose one of M1, V1"):
        read_glp(path, cell="top")
    with pytest.raises(LayoutError, match=r"a layer with shapes, got 'M9'; choose one of M1, V1"):
        read_glp(path, cell="top", layer="M9")
    with pytest.raises(LayoutError, match=r"a cell with shapes, got 'c'; choose one of b, top"):
        read_glp(path, cell="c")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("RECT N M1 0 0 10", "RECT N <layer> x y width height, got 3 numbers"),
        ("RECT N M1 0 0 0 10", "positive size, got 0 x 10 nm"),
        ("RECT N M1 0 0 10 -5", "positive size, got 10 x -5 nm"),
        ("RECT N M1 0 0 ten 10", "numbers, got 'ten'"),
        ("RECT N M1 0 0 nan 10", "numbers, got 'nan'"),
        ("RECT N M1 0 0 1e300 10", "within 1e9 nm"),
        ("RECT", "RECT N <layer> <coordinates>, got 0 values"),
        ("PGON N M1 0 0 10 0 10", "x y pairs, got 5 numbers"),
        ("PGON N M1 0 0 10 0 10 10", "4 to 100,000 vertices, got 3"),
        ("PGON N M1", "4 to 100,000 vertices, got 0"),
        ("PGON N M1 0 0 10 0 10 10 5 10 5 20", r"horizontal and vertical edges, got one from \(5, 20\) to \(0, 0\)"),
        ("PGON N M1 0 0 10 0 10 10 3 9", "horizontal and vertical edges"),
        ("PGON N M1 0 0 10 0 10 0 10 10 0 10", "horizontal and vertical edges"),
        ("PGON N M1 0 0 10 0 20 0 10 0", "positive area, got zero area"),
        ("PGON N M1 0 0 20 0 20 10 5 10 5 5 10 5 10 20 0 20", r"cross itself, got an overlap near \(5, 5\) nm"),
        ("PATH N M1 0 0 10 0", "one of BEGIN, EQUIV, .*, got 'PATH'"),
        ("BEGIN", "one BEGIN as the first statement"),
        ("EQUIV 1 1000 MICRON", "one EQUIV, got a second one"),
    ],
)
def test_bad_statements_name_file_and_line(written, line, message):
    path = written(body("RECT N M1 0 0 10 10", line))
    with pytest.raises(LayoutError, match=rf"clip.glp:8: Expected .*{message}") as caught:
        read_glp(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got an empty file"),
        ("\n \n", "got an empty file"),
        (HEAD + "   RECT N M1 0 0 10 10\n", r":7: Expected ENDMSG .* truncated"),
        (body(), "got a file without RECT or PGON"),
        (body("RECT N M1 0 0 10 10") + "RECT N M1 0 0 1 1\n", r":9: Expected nothing after ENDMSG"),
        ("CNAME a\n", r":1: Expected one BEGIN as the first statement, got 'CNAME'"),
        ("BEGIN\nRECT N M1 0 0 10 10\nENDMSG\n", r":2: Expected EQUIV and CELL before the first shape, got RECT"),
        ("BEGIN\nEQUIV 1 1000 INCH +X,+Y\nENDMSG\n", r":2: Expected EQUIV <n> <m> MICRON"),
        ("BEGIN\nEQUIV 1 1000 MICRON -X,+Y\nENDMSG\n", r":2: Expected EQUIV <n> <m> MICRON"),
        ("BEGIN\nEQUIV 1 0 MICRON +X,+Y\nENDMSG\n", r":2: Expected a ratio of positive numbers, got 1 / 0"),
        ("BEGIN\nCELL\nENDMSG\n", r":2: Expected CELL <name> PRIME, got no name"),
        (b"BEGIN\nCNAME \xff\n", r":2: Expected text, got the byte 0xff"),
    ],
)
def test_bad_files(written, text, message):
    with pytest.raises(LayoutError, match=message):
        read_glp(written(text))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(LayoutError, match="no such file"):
        read_glp(tmp_path / "none.glp")
    with pytest.raises(LayoutError, match="Is a directory"):
        read_glp(tmp_path)


@pytest.mark.parametrize(("scale", "equiv"), [(1.0, "1000"), (0.1, "10000"), (0.025, "1000000")])
def test_round_trip(tmp_path, scale, equiv):
    ring = Polygon(
        scale * np.array([(0, 0), (90, 0), (90, 90), (0, 90)]),
        (scale * np.array([(30, 30), (60, 30), (60, 60), (30, 60)]),),
    )
    corner = Polygon(scale * np.array([(101, 0), (141, 0), (141, 20), (121, 20), (121, 40), (101, 40)]))
    layout = Layout("two words", (ring, corner))
    write_glp(tmp_path / "a.glp", layout, layer="V2")
    text = (tmp_path / "a.glp").read_text()
    assert f"EQUIV  1  {equiv}  MICRON" in text
    assert "LEVEL V2" in text
    back = read_glp(tmp_path / "a.glp")
    assert back.name == "two_words"
    assert back.area_nm2 == pytest.approx(layout.area_nm2, rel=1e-12)
    assert back.bbox_nm == pytest.approx(layout.bbox_nm, abs=1e-9)
    assert len(back.merged().polygons[0].holes) + len(back.merged().polygons[1].holes) == 1


@pytest.mark.parametrize(
    ("hull", "layer", "message"),
    [
        ([(0, 0), (10, 0), (10, 10)], "M1", "rectilinear layout for GLP, got slanted edges; write GDSII"),
        ([(0, 0), (1 / 3, 0), (1 / 3, 10), (0, 10)], "M1", "0.001 nm grid"),
        ([(0, 0), (10, 0), (10, 10), (0, 10)], "M 1", "layer name without blanks"),
    ],
)
def test_what_glp_cannot_hold(tmp_path, hull, layer, message):
    with pytest.raises(LayoutError, match=message):
        write_glp(tmp_path / "a.glp", Layout("a", (Polygon(np.array(hull)),)), layer)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
def test_contest_clips(data_dir):
    for clip in range(1, 11):
        layout = read_glp(data_dir / "iccad13" / "layouts" / f"M1_test{clip}.glp")
        assert layout.name
        assert layout.area_nm2 == {1: 215_344, 3: 213_504, 6: 286_234}.get(clip, layout.area_nm2)


def test_layers_are_a_union(tmp_path):
    path = tmp_path / "a.glp"
    shapes = ["RECT N M1 0 0 60 100", "RECT N PIN 50 0 100 100", "RECT N M2 0 200 10 10"]
    path.write_text("\n".join(["BEGIN", "EQUIV 1 1000 MICRON", "CELL A PRIME", *shapes, "ENDMSG"]))
    assert read_glp(path, layer="M1,PIN").area_nm2 == 15_000
    assert read_glp(path, layer="M2, M1").area_nm2 == 6_100
    with pytest.raises(LayoutError, match="a layer with shapes, got 'M3'; choose one of M1, M2, PIN"):
        read_glp(path, layer="M1,M3")


def test_comments_take_linear_time(tmp_path):
    path = tmp_path / "a.glp"
    lines = [
        "BEGIN",
        "EQUIV 1 1000 MICRON",
        "CELL A PRIME " + "/* x */ " * 400_000,
        "RECT N M1 0 0 9 9" + "/* " * 10**6,
    ]
    path.write_text("\n".join([*lines, "ENDMSG"]))
    started = time.monotonic()
    assert read_glp(path).area_nm2 == 81
    assert time.monotonic() - started < 3


def test_files_that_are_too_large(tmp_path):
    path = tmp_path / "a.glp"
    with open(path, "wb") as file:
        file.truncate(300_000_000)
    with pytest.raises(LayoutError, match="at most 67,108,864 bytes, got more; save it as GDSII or OASIS"):
        read_glp(path)
    with mock.patch.object(glp, "MOST_SHAPES", 3):
        shapes = ["RECT N M1 0 0 9 9"] * 4
        path.write_text("\n".join(["BEGIN", "EQUIV 1 1000 MICRON", "CELL A PRIME", *shapes, "ENDMSG"]))
        with pytest.raises(LayoutError, match=r"a.glp:7: Expected at most 3 shapes, got more"):
            read_glp(path)
