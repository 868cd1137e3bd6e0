"""litho-dl clips: files, tables, pictures and errors."""

import csv
from pathlib import Path
from unittest import mock

import pytest
from PIL import Image
from scenes.command_line import files_below, litho, refused, succeeded
from scenes.shapes import box

from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.generate import generate
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import pattern_hash
from litho_dl.viz.layouts import clips_figure

pytestmark = pytest.mark.filterwarnings("error")
GENERATE = ["clips", "generate", "metal", "--rules", "m1-45", "--count", 3, "--seed", 1, "--extent", 1280]


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def block(tmp_path) -> Path:
    """Two wires, an empty place and a plate, in four windows of 400 nm."""
    path = tmp_path / "block.gds"
    shapes = (box(100, 0, 170, 400), box(630, 0, 710, 400), box(1300, 0, 1600, 400))
    write_layout(path, Layout("block", shapes), layer="11/0")
    return path


@pytest.mark.parametrize("suffix", ["glp", "gds", "oas"])
def test_a_folder_of_clips(suffix, tmp_path):
    out = tmp_path / "out"
    result = succeeded(*GENERATE, "--out", out, "--format", suffix)
    assert files_below(out) == {f"metal_{n}.{suffix}" for n in range(3)} | {"clips.csv", "clips.png"}
    assert (result["clips"], result["family"], result["rules"], result["seed"]) == (3, "metal", "m1-45", 1)
    assert result["table"] == str(out / "clips.csv")
    with Image.open(result["figure"]) as picture:
        assert picture.width > 200
    rules = load_rules("m1-45")
    for row in table(out / "clips.csv"):
        clip = read_layout(out / f"{row['name']}.{suffix}")
        again = generate("metal", rules, int(row["seed"]), 1280)
        assert pattern_hash(clip) == row["hash"] == pattern_hash(again)
        assert clip.area_nm2 == float(row["area_nm2"])
        assert float(row["density"]) == pytest.approx(clip.area_nm2 / 1280**2, abs=1e-6)
        assert int(row["polygons"]) == len(clip.polygons)
        assert float(row["min_width_nm"]) >= 70
        assert float(row["min_space_nm"]) >= 65


def test_the_picture_says_how_many_clips_it_shows(tmp_path, monkeypatch):
    monkeypatch.setattr("litho_dl.runs.collection.SHOWN", 2)
    with mock.patch("litho_dl.viz.layouts.clips_figure", side_effect=clips_figure) as drawing:
        succeeded(*GENERATE, "--out", tmp_path)
    ((group,),) = drawing.call_args.args
    assert (group.name, len(group.clips)) == ("2 of 3 clips; charts: all", 2)


@pytest.mark.parametrize("suffix", ["gds", "oas"])
def test_a_library_has_a_cell_for_each_clip(suffix, tmp_path):
    library = tmp_path / "new" / f"clips.{suffix}"
    result = succeeded(*GENERATE, "--out", library, "--figure", tmp_path / "look.png")
    assert (result["out"], result["figure"]) == (str(library), str(tmp_path / "look.png"))
    assert files_below(tmp_path) == {f"new/clips.{suffix}", "new/clips.csv", "look.png"}
    for row in table(library.with_suffix(".csv")):
        assert pattern_hash(read_layout(library, cell=row["name"])) == row["hash"]
    first = library.read_bytes()
    succeeded(*GENERATE, "--out", library)
    assert library.read_bytes() == first


def test_cut(block, tmp_path):
    out = tmp_path / "out"
    options = ["--layer", "11/0", "--window-size", 400, "--stride", 400, "--out", out]
    result = succeeded("clips", "cut", block, *options)
    assert result["windows"] == 4
    assert result["skipped"] == {"empty": 1, "sparse": 0, "duplicate": 0}
    assert [(row["name"], row["x0_nm"], row["y0_nm"]) for row in table(out / "clips.csv")] == [
        ("block_00000", "100.0", "0.0"),
        ("block_00001", "500.0", "0.0"),
        ("block_00002", "1300.0", "0.0"),
    ]
    assert read_layout(out / "block_00001.glp").bbox_nm == (130, 0, 210, 400)
    result = succeeded("clips", "cut", block, *options, "--least-coverage", 0.5)
    assert (result["clips"], result["skipped"]["sparse"]) == (1, 2)


def test_cut_without_slivers_and_the_text(block, tmp_path):
    options = ["--window-size", 400, "--stride", 100, "--min-width", 71, "--out", tmp_path / "cut.oas"]
    code, out, _ = litho("clips", "cut", block, *options)
    assert code == 0
    rows = table(tmp_path / "cut.csv")
    assert min(float(row["min_width_nm"]) for row in rows) >= 80
    lines = out.splitlines()
    assert lines[0].startswith(f"{len(rows)} clips of 400 nm, mean density ")
    assert lines[1].startswith("12 windows; skipped: ")
    assert lines[2:] == [f"Wrote {tmp_path / 'cut.oas'}", f"Wrote {tmp_path / 'cut.csv'}"]


BAD = {
    "generate poly --rules m1-45 --count 1 --seed 1 --extent 1280 --out OUT": "clips named 'poly'; known: metal",
    "generate metal --rules m1-4 --count 1 --seed 1 --extent 1280 --out OUT": "rules or file named 'm1-4'; did you",
    "generate metal --rules via-45 --count 1 --seed 1 --extent 1280 --out OUT": "rules of a metal layer",
    "generate metal --rules m1-45 --count 1 --seed 1 --extent 100 --out OUT": "extent of at least 420 nm",
    "generate metal --rules m1-45 --count 1 --seed 1 --extent 1280 --out OUT --figure a.bmp": "picture that ends in",
    "cut none.gds --window-size 400 --stride 400 --out OUT": "none.gds",
    "cut BLOCK --layer 3/0 --window-size 400 --stride 400 --out OUT": "got 3/0",
    "cut BLOCK --window-size 0 --stride 400 --out OUT": "positive window and stride",
    "cut BLOCK --window-size 4000 --stride 400 --least-coverage 0.9 --out OUT": "Expected at least one clip, got none",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_line(line, block, tmp_path):
    words = [word.replace("OUT", str(tmp_path / "out")).replace("BLOCK", str(block)) for word in line.split()]
    assert BAD[line] in refused(litho("clips", *words))
    assert files_below(tmp_path) == {"block.gds"}
