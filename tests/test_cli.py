"""Commands, run in this process through the entry point: what they write and what they print."""

import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
import torch
from scenes.command_line import RECIPE, Result, files_below, litho, refused, succeeded

from litho_dl.cli.main import COMMANDS
from litho_dl.cli.recipes import MODELS
from litho_dl.core.errors import LithoError
from litho_dl.core.io import read_image
from litho_dl.core.progress import progress_bar
from litho_dl.core.settings import shipped_names, shipped_text
from litho_dl.process.files import load_kernels
from litho_dl.process.recipe import load_recipe


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

    def test_the_nearest_command_is_suggested(self):
        assert "Error: No such command 'simulat'; did you mean simulate? known: clips, " in litho("simulat").err

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


def test_progress_where_there_is_no_terminal(monkeypatch, capsys):
    """A line at once, then one when the last is old, and the end."""
    clock = mock.Mock(side_effect=[0, 29, 30, 59, 60, 61])
    monkeypatch.setattr("litho_dl.cli.options.time", mock.Mock(monotonic=clock))
    with progress_bar("Working") as advance:
        assert capsys.readouterr().err == "Working ...\n"
        for done, note in ((1, 2.5), (2, 1234.5), (3, "a note"), (4, "")):
            advance(done, 5, note)
        assert capsys.readouterr().err == "Working: 2 of 5, 1,234\nWorking: 4 of 5\n"
        advance(5, 5, "done")
    assert capsys.readouterr().err == "Working: 5 of 5, done\n"


class TestRecipes:
    def test_list(self):
        table = succeeded("recipes")
        assert sorted(table) == ["dataset", "generators", "ilt", "mnist", "models", "optics", "rules", "studies"]
        assert sorted(table["ilt"]) == shipped_names("ilt")
        assert sorted(table["optics"]) == shipped_names("optics")
        assert sorted(table["rules"]) == shipped_names("rules")
        shown = litho("recipes").out
        assert all(name in shown and text in shown for names in table.values() for name, text in names.items())

    def test_trained_networks(self, tmp_path, monkeypatch):
        monkeypatch.setattr("litho_dl.generators.weights.FOLDER", tmp_path)
        assert succeeded("recipes")["models"] == {}
        assert MODELS not in litho("recipes").out
        for name in ("net-for-a", "net-for-b-for-c", "other-for-a"):
            (tmp_path / f"{name}.safetensors").touch()
        assert succeeded("recipes")["models"] == {"net": "for a and b-for-c", "other": "for a"}
        shown = litho("recipes").out.splitlines()
        assert shown[-3:] == [MODELS, "  net                        for a and b-for-c", f"  {'other':<26} for a"]

    @pytest.mark.parametrize(("kind", "name"), [("optics", RECIPE), ("ilt", "mosaic"), ("rules", "m1-45")])
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
            "cross.simulate.json",
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
        assert own["mask_pixel_nm"] == coarse["mask_pixel_nm"] == 1
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
        np.save(tmp_path / "coarse.npy", np.eye(64))
        shown = litho(*self.arguments, "--mask", tmp_path / "coarse.npy", "--figure", tmp_path / "picture.pdf").out
        assert shown.splitlines()[0].split() == ["mask_pixel_nm", "8"]
        assert files_below(tmp_path) == {"coarse.npy", "picture.pdf"}
