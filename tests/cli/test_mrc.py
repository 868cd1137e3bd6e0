"""litho-dl mrc: counts, exit codes and files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes.command_line import litho
from scenes.shapes import box

from litho_dl.core.io import write_png
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Layout
from litho_dl.viz.rules import RuleMarkers, worst_places

pytestmark = pytest.mark.filterwarnings("error")


# Two lines 16 nm apart, the left one 18 nm wide, and a small square.
SHAPES = (box(100, 100, 118, 300), box(134, 100, 174, 300), box(250, 150, 280, 180))


@pytest.fixture(params=[".glp", ".gds", ".oas", ".png", ".npy"])
def mask(request, tmp_path: Path) -> list[object]:
    """The mask in a format, and the options it needs."""
    path = tmp_path / f"mask{request.param}"
    if request.param in (".png", ".npy"):
        binary = np.zeros((200, 200), dtype=bool)
        for shape in SHAPES:
            (x0, y0), (x1, y1) = (shape.hull.min(0) // 2).astype(int), (shape.hull.max(0) // 2).astype(int)
            binary[y0:y1, x0:x1] = True
        write_png(path, binary.astype(np.uint8) * 255) if request.param == ".png" else np.save(path, binary)
        return [path, "--pixel", 2]
    write_layout(path, Layout("mask", SHAPES))
    return [path]


def test_every_format_gives_the_same_report(mask):
    code, out, _ = litho("mrc", *mask, "--json")
    result = json.loads(out)
    assert code == 0
    assert result["limits"] == {"width": 20, "space": 20, "area": 1000, "radius": 0}
    assert result["violations"] == {"width": 1, "space": 1, "area": 1, "radius": 0}
    assert [(place["rule"], place["measured"]) for place in result["places"]] == [
        ("width", 18),
        ("space", 16),
        ("area", 900),
    ]
    x0, y0, x1, y1 = result["places"][1]["box_nm"]
    assert (x0, x1) == (118, 134)
    assert 100 <= y0 < 110 < 290 < y1 <= 300


def test_limits_strict_and_table(mask):
    code, out, _ = litho("mrc", *mask, "--width", 18, "--space", 16, "--area", 900, "--strict")
    assert (code, out.splitlines()[-1].split()) == (0, ["total", "0", "0"])
    code, out, _ = litho("mrc", *mask, "--radius", 12, "--strict")
    assert code == 1
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:6]}
    assert rows["width"] == ["20", "nm", "1", "0", "18.0", "nm"]
    assert rows["area"] == ["1,000", "nm²", "1", "0", "900", "nm²"]
    assert rows["radius"][2] == "12"
    assert rows["total"] == ["15", "0"]
    listed = [line.split()[0] for line in out.splitlines()[8:]]
    assert listed == ["width", "space", "area", *["radius"] * 6, "..."]
    assert out.splitlines()[-1] == "... and 6 more; --json lists all."


@pytest.mark.parametrize("suffix", ["oas", "gds"])
def test_written_files(suffix, tmp_path):
    path, out = tmp_path / "mask.oas", tmp_path / "out"
    write_layout(path, Layout("mask", SHAPES))
    code, text, _ = litho("mrc", path, "--out", out, "--markers", suffix, "--json")
    assert code == 0
    assert json.loads(text)["files"] == [str(out / "mask.mrc.png"), str(out / f"mask.mrc.{suffix}")]
    markers = out / f"mask.mrc.{suffix}"
    assert read_layout(markers, layer="1/0").area_nm2 == Layout("mask", SHAPES).area_nm2
    for layer, (x0, x1) in {"101/0": (98, 120), "102/0": (116, 136), "103/0": (248, 282)}.items():
        box_nm = read_layout(markers, layer=layer).bbox_nm
        assert (box_nm[0], box_nm[2]) == (x0, x1)
    assert box_nm == (248, 148, 282, 182)
    with Image.open(out / "mask.mrc.png") as picture:
        assert picture.width > 200
    code, _, _ = litho("mrc", path, "--width", 0, "--space", 0, "--area", 0, "--out", out)
    assert code == 0


def test_markers_stay_apart_in_the_file(tmp_path):
    import klayout.db as db

    path = tmp_path / "mask.gds"
    write_layout(path, Layout("mask", (box(0, 0, 18, 18), box(20, 0, 38, 18))))
    litho("mrc", path, "--out", tmp_path)
    file = db.Layout()
    file.read(str(tmp_path / "mask.mrc.oas"))
    assert [file.top_cell().shapes(file.layer(layer, 0)).size() for layer in (101, 102, 103)] == [2, 1, 2]


@pytest.mark.parametrize(("factor", "places"), [(1.4, 0), (0.7, 1)])
def test_staircases_are_smoothed(factor, places, tmp_path):
    """An image's pixel is known, though it is drawn four times finer; polygons need --smooth."""
    y, x = np.mgrid[:80, :80] + 0.5
    round_dot = np.hypot(x - 40.3, y - 39.4) < 20 * factor
    np.save(tmp_path / "mask.npy", np.kron(round_dot, np.ones((4, 4), dtype=bool)))
    write_layout(tmp_path / "mask.oas", Layout("mask", pixel_polygons(round_dot, 4.0)))
    for arguments in (("mask.npy", "--pixel", 1), ("mask.oas", "--smooth", 4)):
        code, out, _ = litho("mrc", tmp_path / arguments[0], *arguments[1:], "--radius", 80, "--json")
        assert (code, json.loads(out)["violations"]["radius"]) == (0, places)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{png}"], "expected the pixel (--pixel NM) of an image"),
        (["{png}", "--pixel", "0"], "positive pixel (--pixel) in nm, got 0"),
        (["{oas}", "--width", "-1"], "zero or more"),
        (["{oas}", "--smooth", "-1"], "--smooth of zero or more"),
        (["{oas}", "--smooth", "nan"], "--smooth of zero or more"),
        (["missing.oas"], "missing.oas"),
        (["missing.png", "--pixel", "1"], "no such file"),
    ],
)
def test_bad_input(arguments, message, tmp_path):
    oas, png = tmp_path / "mask.oas", tmp_path / "mask.png"
    write_layout(oas, Layout("mask", SHAPES))
    write_png(png, np.zeros((8, 8), dtype=np.uint8))
    code, out, err = litho("mrc", *(argument.format(oas=oas, png=png) for argument in arguments))
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("kind", ["image", "window"])
def test_what_the_border_cuts_is_named_apart(kind, tmp_path):
    """A plate cut down to 6 nm, and a line of 18 nm inside; a gap that runs into the border is a gap."""
    plate = box(0, 100, 6, 140) if kind == "image" else box(194, 100, 234, 140)
    cut = (plate, box(150, 60, 168, 100), box(40, 150, 80, 200), box(92, 150, 132, 200))
    if kind == "image":
        binary = np.zeros((100, 100), dtype=bool)
        for shape in cut:
            (x0, y0), (x1, y1) = (shape.hull.min(0) // 2).astype(int), (shape.hull.max(0) // 2).astype(int)
            binary[y0:y1, x0:x1] = True
        np.save(tmp_path / "mask.npy", binary)
        arguments = [tmp_path / "mask.npy", "--pixel", 2]
    else:
        write_layout(tmp_path / "mask.oas", Layout("mask", cut))
        arguments = [tmp_path / "mask.oas", "--window", "0,0,200,200"]
    code, out, _ = litho("mrc", *arguments, "--area", 500, "--out", tmp_path, "--json")
    result = json.loads(out)
    assert (code, result["violations"]) == (0, {"width": 2, "space": 1, "area": 1, "radius": 0})
    assert result["at_border"] == {"width": 1, "space": 0, "area": 1, "radius": 0}
    places = [(place["rule"], place["measured"], place["at_border"]) for place in result["places"]]
    assert places == [("width", 18, False), ("width", 6, True), ("space", 12, False), ("area", 240, True)]
    _, out, _ = litho("mrc", *arguments, "--area", 500)
    assert out.splitlines()[1].split() == ["width", "20", "nm", "2", "1", "18.0", "nm"]
    assert [line.endswith("at the border") for line in out.splitlines()[8:]] == [False, True, False, True]


def test_the_worst_places_hold_one_of_each_rule():
    boxes = np.zeros((4, 4))
    inside = np.zeros(4, dtype=bool)
    width = RuleMarkers("width", 20, "nm", boxes, np.array([4.0, 2.0, 1.0, 3.0]), inside)
    radius = RuleMarkers("radius", 10, "nm", boxes[:2], np.array([8.0, -7.0]), inside[:2])
    chosen = [(markers.rule, n) for markers, n in worst_places([width, radius], 3)]
    assert chosen == [("width", 2), ("width", 1), ("radius", 1)]
    cut = replace(width, at_border=np.array([False, False, True, True]))
    chosen = [(markers.rule, n) for markers, n in worst_places([cut, radius], 4)]
    assert chosen == [("width", 1), ("width", 0), ("radius", 1), ("radius", 0)]
