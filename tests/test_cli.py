"""Commands, run in this process through the entry point: what they write, what they print, and bad input."""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litho_dl.cli import demo
from litho_dl.cli.main import COMMANDS, main
from litho_dl.core.errors import LithoError
from litho_dl.core.io import read_image, write_png
from litho_dl.core.settings import shipped_names, shipped_text
from litho_dl.layout import Layout, Polygon, read_layout, write_layout
from litho_dl.process.files import load_kernels, save_kernels
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe

RECIPE = "duv193-dry-annular"
METHOD = """
description = "a few steps"
parameterization = "pixel"
optimizer = "adam"
objective = { l2 = 1.0, pvb = 1.0 }
[[levels]]
pixel_nm = 8.0
steps = 4
learning_rate = [0.1, 0.1]
mask_sharpness = [8.0, 8.0]
resist_steepness = [50.0, 50.0]
"""
GLP = """BEGIN
EQUIV  1  {units}  MICRON  +X,+Y
CNAME TOP
LEVEL M1

CELL TOP PRIME
{shapes}
ENDMSG
"""
CROSS = "RECT N M1  1000 2100 320 120\nRECT N M1  1100 2000 120 320"


class Result(NamedTuple):
    code: int
    out: str
    err: str


def litho(*arguments: object) -> Result:
    """Runs one command line; a warning that a user would see on the terminal is an error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["litho-dl", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(record=True) as seen,
    ):
        warnings.simplefilter("always")
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    assert not seen, seen[0]
    return Result(code, out.getvalue(), err.getvalue())


def succeeded(*arguments: object) -> dict:
    """The JSON that a command prints on standard output, alone."""
    result = litho(*arguments, "--json")
    assert result.code == 0, result.err

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(result.out, parse_constant=refuse)


def refused(result: Result) -> str:
    """The one line of an error."""
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert result.err.endswith("\n")
    assert result.err.count("\n") == 1, result.err
    return result.err


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    """A folder of good and bad input files, all for a field of 512 nm."""
    folder = tmp_path_factory.mktemp("inputs")
    process = build_process(load_recipe(RECIPE), field_nm=(512.0, 512.0), count=8)
    save_kernels(folder / "small.safetensors", process)
    corners = {"best": process.corners["nominal"]}
    save_kernels(folder / "one-corner.safetensors", replace(process, corners=corners, recipe=None))
    small = shipped_text("optics", RECIPE).replace("2048.0", "512.0").replace("= 41", "= 11").replace("= 48", "= 8")
    texts = {
        "cross.glp": GLP.format(units=1000, shapes=CROSS),
        "lines.glp": GLP.format(units=1000, shapes="RECT N M1 0 0 120 360\nRECT N M1 220 0 120 360"),
        "large.glp": GLP.format(units=100, shapes=CROSS),
        "tiny.glp": GLP.format(units=1000000, shapes=CROSS),
        "two.glp": GLP.format(units=1000, shapes=CROSS + "\nRECT N M2 0 0 10 10"),
        "open.glp": GLP.format(units=1000, shapes="PGON N M1 0 0 100 0 100 100 50 100 50 50"),
        "crossing.glp": GLP.format(units=1000, shapes="PGON N M1 0 0 0 100 50 100 50 -50 100 -50 100 50 -50 50 -50 0"),
        "noshapes.glp": GLP.format(units=1000, shapes=""),
        "cut.glp": GLP.format(units=1000, shapes=CROSS)[:-8],
        "few.toml": METHOD,
        "misspelt-method.toml": METHOD.replace("optimizer", "optimiser"),
        "unknown-term.toml": METHOD.replace("pvb", "pbv"),
        "unknown-optimizer.toml": METHOD.replace("adam", "adams"),
        "fine.toml": METHOD.replace("8.0\nsteps", "0.5\nsteps"),
        "small.toml": small,
        "misspelt.toml": small.replace("sigma_inner", "sigma_iner"),
        "alternating.toml": small.replace('type = "binary"', 'type = "alternating"'),
        "escaping.toml": small.replace("[kernels]", '"../x" = { dose = 1.0, defocus_nm = 0.0 }\n[kernels]'),
        "broken.toml": small[:-1] + "[",
        "damaged.safetensors": "not a kernel file",
        "cross.txt": "",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    for suffix in ("glp", "gds", "oas", "npy", "png", "csv", "toml", "safetensors"):
        (folder / f"empty.{suffix}").touch()
    (folder / "copy").mkdir()
    (folder / "copy" / "cross.glp").write_text(texts["cross.glp"])
    square = np.array([(0, 0), (200, 0), (200, 200), (0, 200)], dtype=float)
    for suffix in ("gds", "oas"):
        write_layout(folder / f"square.{suffix}", Layout("square", (Polygon(square),)))
    write_layout(folder / "away.gds", Layout("away", (Polygon(square + 9000),)))
    mask = np.zeros((512, 512), dtype=np.uint8)
    mask[100:400, 200:300] = 255
    write_png(folder / "mask.png", mask)
    np.save(folder / "eye.npy", np.eye(16))
    np.savetxt(folder / "eye.csv", np.eye(16), fmt="%g", delimiter=",")
    np.save(folder / "nan.npy", np.full((512, 512), np.nan))
    np.save(folder / "bright.npy", np.full((512, 512), 1e300))
    np.save(folder / "oblong.npy", np.zeros((512, 1024)))
    return folder


@pytest.fixture
def here(inputs, monkeypatch) -> Path:
    """The inputs as the working folder."""
    monkeypatch.chdir(inputs)
    return inputs


class TestMain:
    def test_without_arguments_and_help(self):
        shown = litho("--help")
        assert shown.code == 0
        assert all(f"{name} {text}" in " ".join(shown.out.split()) for name, text in COMMANDS.items())
        assert litho().code == 2

    def test_version(self):
        assert litho("--version").out.startswith("litho-dl ")

    @pytest.mark.parametrize(
        "command", [*COMMANDS, "kernels build", "kernels import", "kernels show"], ids=lambda c: c.replace(" ", "-")
    )
    def test_help(self, command):
        result = litho(*command.split(), "--help")
        assert result.code == 0
        assert result.out.startswith(f"Usage: litho-dl {command}")
        assert result.err == ""

    @pytest.mark.parametrize(
        "line",
        [
            "simulat a.glp",
            "simulate",
            "simulate a.glp --out o",
            "simulate a.glp --optics x --out o --windows 1,2,3,4",
            "simulate a.glp --optics x --out o --window 1,2,3",
            "simulate a.glp --optics x --out mask.png",
            "optimize --optics x --method y --out o",
            "evaluate --target a.glp --mask m.png --optics x",
            "evaluate --target a.glp --mask m.png --optics x --protocol contest",
            "kernels build small.toml --out k.safetensors --count 0",
            "kernels builds",
        ],
    )
    def test_wrong_usage(self, here, line):
        before = files_below(here)
        result = litho(*line.split())
        assert result.code == 2
        assert result.err.startswith("Usage: ")
        assert result.err.count("Error: ") == 1
        assert files_below(here) == before

    @pytest.mark.parametrize(
        ("raised", "code", "line"),
        [
            (KeyboardInterrupt(), 130, "Interrupted."),
            (MemoryError(), 1, "Error: Out of memory"),
            (RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"), 1, "Error: Out of memory"),
            (LithoError("two\nlines"), 1, "Error: two lines"),
            (PermissionError(13, "Permission denied", "x.png"), 1, "Error: x.png: Permission denied"),
        ],
    )
    def test_what_can_happen_to_any_command(self, monkeypatch, raised, code, line):
        monkeypatch.setattr("litho_dl.cli.recipes.shipped_names", mock.Mock(side_effect=raised))
        result = litho("recipes")
        assert result.code == code
        assert result.err.strip().startswith(line)  # click ends the line of a typed ^C
        assert result.err.strip().count("\n") == 0

    def test_a_bug_is_not_hidden(self, monkeypatch):
        monkeypatch.setattr("litho_dl.cli.recipes.shipped_names", mock.Mock(side_effect=RuntimeError("shape")))
        with pytest.raises(RuntimeError, match="shape"):
            litho("recipes")

    def test_the_module_runs_as_a_program(self, inputs):
        command = [sys.executable, "-m", "litho_dl.cli.main", "simulate", "none.glp", "--optics", "none", "--out", "o"]
        result = subprocess.run(command, cwd=inputs, capture_output=True, text=True, check=False)
        refused(Result(result.returncode, result.stdout, result.stderr))


class TestRecipes:
    def test_list(self):
        table = succeeded("recipes")
        assert sorted(table) == ["ilt", "optics"]
        assert sorted(table["ilt"]) == shipped_names("ilt")
        assert sorted(table["optics"]) == shipped_names("optics")
        shown = litho("recipes").out
        assert all(name in shown and text in shown for names in table.values() for name, text in names.items())

    @pytest.mark.parametrize(("kind", "name"), [("optics", RECIPE), ("ilt", "mosaic")])
    def test_one(self, kind, name):
        assert litho("recipes", name).out == shipped_text(kind, name)
        assert succeeded("recipes", name)["description"] in shipped_text(kind, name)


class TestKernels:
    def test_build_and_show(self, tmp_path):
        out = tmp_path / "new" / "k.safetensors"
        built = succeeded("kernels", "build", RECIPE, "--out", out, "--field", 512, "--count", 8)
        assert built.pop("file") == str(out)
        assert built["field_nm"] == [512, 512]
        assert {name: k["count"] for name, k in built["kernels"].items()} == {"focus": 8, "defocus+30nm": 8}
        assert {name: k["size"] for name, k in built["kernels"].items()} == {"focus": "9 x 9", "defocus+30nm": "9 x 9"}
        assert all(0 < k["discarded_energy"] < 0.2 for k in built["kernels"].values())
        assert load_kernels(out).recipe == load_recipe(RECIPE)
        shown = succeeded("kernels", "show", out, "--out", tmp_path / "pictures", "--field", 512)
        assert shown.pop("figures") == [str(tmp_path / f"pictures/k.{focus}.png") for focus in built["kernels"]]
        assert shown == built
        assert files_below(tmp_path) == {"new/k.safetensors", "pictures/k.focus.png", "pictures/k.defocus+30nm.png"}
        assert "corners" in litho("kernels", "show", out).out

    def test_import(self, tmp_path):
        for folder in ("kernels", "scales"):
            (tmp_path / folder).mkdir()
        for name in ("focus", "defocus"):
            torch.save(torch.ones(35, 35, 2, dtype=torch.complex64) / 35, tmp_path / f"kernels/{name}.pt")
            torch.save(torch.tensor([0.6, 0.3]), tmp_path / f"scales/{name}.pt")
        report = succeeded("kernels", "import", tmp_path, "--out", tmp_path / "contest.safetensors")
        assert (report["field_nm"], report["threshold"]) == ([2048, 2048], 0.225)
        assert report["kernels"]["focus"]["open_frame"] == pytest.approx(0.9 / 35**2)
        assert load_kernels(tmp_path / "contest.safetensors").corners["outer"].dose == pytest.approx(1.02**2)


class TestSimulate:
    def test_a_layout(self, here, tmp_path):
        found = succeeded("simulate", "cross.glp", "--optics", "small.safetensors", "--out", tmp_path)
        assert files_below(tmp_path) == {
            *(f"cross.{kind}.png" for kind in ("nominal", "outer", "inner", "simulate")),
            "cross.aerial.npy",
        }
        aerial = np.load(tmp_path / "cross.aerial.npy")
        assert aerial.shape == (512, 512)
        assert (found["name"], found["field_nm"], found["pixel_nm"]) == ("cross", [512, 512], 1)
        assert (found["intensity_min"], found["intensity_max"]) == (aerial.min(), aerial.max())
        for corner, area in found["printed_nm2"].items():
            printed = read_image(tmp_path / f"cross.{corner}.png")
            assert set(np.unique(printed)) == {0, 255}
            assert area == (printed == 255).sum()
        np.testing.assert_array_equal(read_image(tmp_path / "cross.nominal.png") == 255, aerial >= found["threshold"])
        # The cross's centre of gravity is the field's.
        np.testing.assert_allclose(np.argwhere(aerial >= 0.25).mean(0), 255.5, atol=0.01)

    def test_pixels_recipes_and_mask_images(self, here, tmp_path):
        own = succeeded("simulate", "mask.png", "--optics", "small.safetensors", "--out", tmp_path)
        coarse = succeeded("simulate", "mask.png", "--optics", "small.toml", "--out", tmp_path / "c", "--pixel", 4)
        assert (own["pixel_nm"], coarse["pixel_nm"]) == (1, 4)
        assert np.load(tmp_path / "c" / "mask.aerial.npy").shape == (128, 128)
        assert coarse["printed_nm2"]["nominal"] == pytest.approx(own["printed_nm2"]["nominal"], rel=0.05)
        options = ("--optics", "small.toml", "--pixel", 4, "--out", tmp_path)
        shown = litho("simulate", "two.glp", "--layer", "M1", "--field", 400, *options).out
        assert "400 x 400" in shown
        bar = succeeded("simulate", "cross.glp", "--window", "1000,2100,1320,2220", *options)
        assert 0.5 * 320 * 120 < bar["printed_nm2"]["nominal"] < 320 * 120


class TestEvaluate:
    arguments = ("evaluate", "--target", "cross.glp", "--optics", "small.safetensors", "--protocol", "default")

    def test_scores(self, here, tmp_path):
        drawn = succeeded(*self.arguments, "--mask", "cross.glp", "--figure", tmp_path / "picture.png")
        assert (drawn["clip"], drawn["protocol"], drawn["shots"]) == ("cross", "default/2", 3)
        assert drawn["edges"]["epe_lost"] == 0
        assert drawn["mrc_violations"] == {"width": 0, "space": 0, "area": 0, "radius": 0}
        assert files_below(tmp_path) == {"picture.png"}
        inclusive = succeeded(*self.arguments, "--mask", "cross.glp", "--raster", "inclusive")
        assert inclusive["raster"] == "inclusive"
        assert inclusive["l2_nm2"] != drawn["l2_nm2"]
        shown = litho(*self.arguments, "--mask", "mask.png").out
        assert all(name in shown for name in ("l2_nm2", "epe_max_nm", "width"))
        assert "None" not in shown

    def test_a_picture_of_a_mask_on_any_pixel(self, here, tmp_path):
        np.save(tmp_path / "coarse.npy", np.eye(100))  # 5.12 nm
        litho(*self.arguments, "--mask", tmp_path / "coarse.npy", "--figure", tmp_path / "picture.pdf")
        assert files_below(tmp_path) == {"coarse.npy", "picture.pdf"}


class TestOptimize:
    def test_two_layouts(self, here, tmp_path):
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--out", tmp_path)
        results = succeeded("optimize", "cross.glp", "square.gds", *options)
        names = [result["clip"] for result in results]
        assert names == ["cross", "square"]
        assert files_below(tmp_path) == {
            *(f"{name}{suffix}" for name in names for suffix in (".png", ".mask.png", ".mask.oas")),
            "scores.json",
            "convergence.png",
        }
        run = json.loads((tmp_path / "scores.json").read_text())
        assert run["clips"] == results
        assert (run["status"], run["optics"], run["method"]) == ("finished", "small.safetensors", "few.toml")
        assert run["solve_seconds"] == pytest.approx(2 * run["clips"][0]["solve_seconds_per_clip"])
        for result, target in zip(results, ("cross.glp", "square.gds"), strict=True):
            assert all(Path(result[key]).is_file() for key in ("mask_png", "mask_oas", "figure"))
            for mask in (result["mask_png"], result["mask_oas"]):
                arguments = ("--mask", mask, "--optics", "small.safetensors", "--protocol", "default")
                score = succeeded("evaluate", "--target", target, *arguments)
                assert score["l2_nm2"] == result["l2_nm2"]
                assert score["pvb_nm2"] == result["pvb_nm2"]
        x0, y0, x1, y1 = read_layout(results[0]["mask_oas"]).bbox_nm
        assert 900 < x0 < 1320 > x1 - 100
        assert 1900 < y0 < 2320 > y1 - 100

    def test_text_and_names(self, here, tmp_path):
        """Names with blanks and letters of any language; no pictures."""
        name = "métal 1"
        (tmp_path / f"{name}.glp").write_text((here / "lines.glp").read_text())
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", tmp_path / "out")
        result = litho("optimize", tmp_path / f"{name}.glp", "cross.glp", *options)
        assert result.code == 0
        assert [line.split()[0] for line in result.out.splitlines()] == ["clip", "métal", "cross", "mean"]
        assert files_below(tmp_path / "out") == {
            *(f"{n}{suffix}" for n in (name, "cross") for suffix in (".mask.png", ".mask.oas")),
            "scores.json",
        }

    def test_a_mask_that_could_not_be_saved_is_refused_before_the_work(self, here, tmp_path):
        with mock.patch("litho_dl.optimize.solve_clips") as solving:
            options = ("--optics", "small.safetensors", "--method", "fine.toml", "--out", tmp_path)
            assert "multiple of 1 nm, got 0.5 nm" in refused(litho("optimize", "cross.glp", *options))
        solving.assert_not_called()

    def test_ctrl_c_writes_the_best_masks_and_says_so(self, here, tmp_path, monkeypatch):
        def interrupted(done: int, total: int, value: float) -> None:
            raise KeyboardInterrupt

        bar = mock.MagicMock()
        bar.return_value.__enter__.return_value = interrupted
        bar.return_value.__exit__.return_value = False
        monkeypatch.setattr("litho_dl.cli.optimize.progress_bar", bar)
        options = ("--optics", "small.safetensors", "--method", "few.toml", "--no-figures", "--out", tmp_path)
        result = litho("optimize", "cross.glp", *options)
        assert (result.code, result.err.strip()) == (130, "Interrupted.")
        assert json.loads((tmp_path / "scores.json").read_text())["status"] == "interrupted"
        assert "cross.mask.png" in files_below(tmp_path)


def test_demo(here, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "OPTICS", "small.safetensors")
    monkeypatch.setattr(demo, "METHOD", "few.toml")
    monkeypatch.setattr(demo, "CLIPS", ("cross", "lines"))
    result = litho("demo", "--layouts", here, "--out", tmp_path)
    assert result.code == 0, result.err
    table = (tmp_path / "scores.md").read_text()
    assert result.out.startswith(table.splitlines()[2])
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    assert rows == ["clip", "---", "cross", "lines", "mean"]
    assert {"gallery.png", "scores.json", "convergence.png", "cross.png", "lines.mask.oas"} <= files_below(tmp_path)


SIMULATE = "simulate {} --optics small.safetensors --out OUT"
EVALUATE = "evaluate --target {} --mask {} --optics small.safetensors --protocol default"
OPTIMIZE = "optimize {} --optics small.safetensors --method few.toml --out OUT"
BAD = {
    # layouts
    SIMULATE.format("none.glp"): "none.glp: .*No such file",
    SIMULATE.format("empty.glp"): "empty.glp: .*empty file",
    SIMULATE.format("empty.gds"): "empty.gds: .*empty file",
    SIMULATE.format("empty.oas"): "empty.oas: .*empty file",
    SIMULATE.format("noshapes.glp"): "without RECT or PGON",
    SIMULATE.format("cut.glp"): "truncated",
    SIMULATE.format("open.glp"): "open.glp:7: .*horizontal and vertical",
    SIMULATE.format("crossing.glp"): "crossing.glp:7: .*cross itself",
    SIMULATE.format("large.glp"): "database unit",
    SIMULATE.format("two.glp"): "choose one of M1, M2",
    SIMULATE.format("cross.txt"): "ending in .glp, .gds or .oas",
    SIMULATE.format("copy"): "ending in .glp, .gds or .oas",
    SIMULATE.format("cross.glp --layer M7"): "'M7'; choose one of M1",
    SIMULATE.format("cross.glp --cell X"): "'X'; choose one of TOP",
    SIMULATE.format("square.gds --layer 9/0"): "choose a layer among 1/0",
    SIMULATE.format("square.gds --layer metal"): "GDSII layer such as",
    SIMULATE.format("cross.glp --window 5000,5000,5100,5100"): "inside the window",
    SIMULATE.format("cross.glp --window 0,0,0,0"): "x0 < x1",
    SIMULATE.format("cross.glp --window nan,0,1,1"): "x0 < x1",
    # mask images
    SIMULATE.format("none.png"): "none.png: no such file",
    SIMULATE.format("empty.png"): "empty.png: cannot be read",
    SIMULATE.format("empty.npy"): "empty.npy: cannot be read",
    SIMULATE.format("empty.csv"): "empty.csv: cannot be read",
    SIMULATE.format("nan.npy"): "nan.npy: .*NaN",
    SIMULATE.format("bright.npy"): r"bright.npy: .*\[0, 1\]",
    SIMULATE.format("oblong.npy"): "oblong.npy: .*512 x 1024",
    # pixels, fields, devices, folders
    SIMULATE.format("cross.glp --pixel 7"): "divides the field",
    SIMULATE.format("cross.glp --pixel 0"): "positive pixel",
    SIMULATE.format("cross.glp --pixel nan"): "positive pixel",
    SIMULATE.format("cross.glp --field 1024"): "field of 512 x 512 nm",
    SIMULATE.format("cross.glp --device tpu"): "auto, cpu, cuda",
    SIMULATE.format("cross.glp --device cuda:99"): "CUDA device",
    SIMULATE.format("cross.glp").replace("OUT", "mask.png/below"): "Cannot write to mask.png/below",
    OPTIMIZE.format("cross.glp").replace("OUT", "mask.png/below"): "Cannot write to mask.png/below",
    "demo --out mask.png/below": "Cannot write to mask.png/below",
    # optics
    SIMULATE.format("cross.glp").replace("small.safetensors", "none.safetensors"): "none.safetensors: no such file",
    SIMULATE.format("cross.glp").replace("small", "damaged"): "damaged.safetensors: .*damaged",
    SIMULATE.format("cross.glp").replace("small", "empty"): "empty.safetensors: .*damaged",
    SIMULATE.format("cross.glp").replace("small", "one-corner"): "a corner 'nominal', got best",
    SIMULATE.format("cross.glp").replace("small.safetensors", "copy"): "a contest kernel folder holds",
    SIMULATE.format("cross.glp").replace("small.safetensors", "duv193"): "No optics recipe or file named 'duv193'",
    SIMULATE.format("cross.glp").replace("small.safetensors", "misspelt.toml"): "sigma_iner: unknown key",
    SIMULATE.format("cross.glp").replace("small.safetensors", "broken.toml"): "not valid TOML",
    SIMULATE.format("cross.glp").replace("small.safetensors", "empty.toml"): "empty.toml: .*required",
    SIMULATE.format("cross.glp").replace("small.safetensors", "none.toml"): "none.toml: cannot be read",
    SIMULATE.format("cross.glp").replace("small.safetensors", "escaping.toml"): "corner names",
    # evaluate
    EVALUATE.format("cross.glp", "none.png"): "none.png: no such file",
    EVALUATE.format("cross.glp", "nan.npy"): "nan.npy: .*NaN",
    EVALUATE.format("cross.glp", "oblong.npy"): "oblong.npy: .*square pixels",
    EVALUATE.format("cross.glp", "away.gds"): "away.gds: .*target layout's coordinates",
    EVALUATE.format("cross.glp", "square.gds --mask-layer 3/0"): "choose a layer among 1/0",
    EVALUATE.format("tiny.glp", "mask.png"): "database unit",
    EVALUATE.format("noshapes.glp", "mask.png"): "without RECT or PGON",
    EVALUATE.format("cross.glp", "mask.png").replace("default", "iccad13"): "use --protocol default",
    EVALUATE.format("cross.glp", "mask.png --figure OUT/picture.xyz"): "picture that ends in .png",
    EVALUATE.format("cross.glp", "mask.png --figure cross.glp/picture.png"): "Cannot write cross.glp/picture.png",
    # optimize
    OPTIMIZE.format("cross.glp none.glp"): "none.glp: .*No such file",
    OPTIMIZE.format("cross.glp copy/cross.glp"): "cross more than once",
    OPTIMIZE.format("tiny.glp"): "database unit",
    OPTIMIZE.format("cross.glp").replace("few.toml", "mosaick"): "did you mean mosaic",
    OPTIMIZE.format("cross.glp").replace("few", "none"): "none.toml: cannot be read",
    OPTIMIZE.format("cross.glp").replace("few", "misspelt-method"): "optimiser: unknown key",
    OPTIMIZE.format("cross.glp").replace("few", "unknown-term"): "unknown terms pbv; known: l2",
    OPTIMIZE.format("cross.glp").replace("few", "unknown-optimizer"): "optimizer: .*'adams'",
    OPTIMIZE.format("cross.glp").replace("small.safetensors", "alternating.toml"): "Alternating masks",
    # kernels, recipes, demo
    "kernels build none --out OUT/k.safetensors": "No optics recipe or file named 'none'",
    "kernels build small.toml --out OUT/k.bin": "ends in .safetensors",
    "kernels build small.toml --out OUT/k.safetensors --field -1": "positive",
    "kernels build small.toml --out OUT/k.safetensors --field nan": "positive",
    "kernels build small.toml --out mask.png/k.safetensors": "Cannot write mask.png/k.safetensors",
    "kernels import copy --out OUT/k.safetensors": "a contest kernel folder holds",
    "kernels import none --out OUT/k.safetensors": "a contest kernel folder holds",
    "kernels show none.safetensors": "none.safetensors: no such file",
    "kernels show small.safetensors --field 1024": "field of 512 x 512 nm",
    "recipes none": "No recipe or method named 'none'",
    "demo --layouts copy --out OUT": "expected the repository's layouts",
}


@pytest.mark.parametrize("line", BAD, ids=lambda line: line.replace("small.safetensors", "..."))
def test_bad_input_is_one_line_and_leaves_nothing(here, tmp_path, line):
    before = files_below(here)
    out = tmp_path / "out"
    result = litho(*(part.replace("OUT", str(out)) for part in shlex.split(line)))
    assert re.search(BAD[line], refused(result)), result.err
    assert files_below(out) == set()
    assert files_below(here) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu(here, tmp_path):
    line = ("simulate", "cross.glp", "--optics", "small.safetensors", "--out", tmp_path, "--device", "cuda")
    assert "use --device cpu or auto" in refused(litho(*line))


DAMAGED = ("cross.glp", "square.gds", "square.oas", "mask.png", "eye.npy", "eye.csv", "small.toml", "small.safetensors")


@st.composite
def damage(draw: st.DrawFn) -> tuple[str, list[tuple[float, int, bytes]]]:
    """A file, and where (a share of its length) how many bytes are replaced by others."""
    edit = st.tuples(st.floats(0, 1), st.integers(0, 30), st.binary(max_size=6))
    return draw(st.sampled_from(DAMAGED)), draw(st.lists(edit, min_size=1, max_size=3))


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damage())
def test_damaged_files_never_end_in_a_traceback(inputs, tmp_path, damaged):
    name, edits = damaged
    data = (inputs / name).read_bytes()
    for place, length, new in edits:
        start = round(place * len(data))
        data = data[:start] + new + data[start + length :]
    path = tmp_path / name
    path.write_bytes(data)
    layout, optics = (inputs / "cross.glp", path) if name.startswith("small") else (path, inputs / "small.safetensors")
    with mock.patch("litho_dl.viz.figure.save_figure"):
        result = litho("simulate", layout, "--optics", optics, "--field", 512, "--pixel", 8, "--out", tmp_path / "out")
    if result.code:
        refused(result)
    else:
        assert result.err == ""
