"""litho-dl kernels."""

import os

import pytest
import torch
from scenes.command_line import RECIPE, files_below, litho, refused, succeeded

from litho_dl.process.cache import VARIABLE
from litho_dl.process.kernel_file import load_kernels
from litho_dl.process.recipe import load_recipe


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

    @pytest.mark.parametrize("folder", ["kept", None])
    def test_no_cache_ends_with_the_command(self, folder, tmp_path, monkeypatch):
        if folder is None:
            monkeypatch.delenv(VARIABLE)
        else:
            monkeypatch.setenv(VARIABLE, str(tmp_path / folder))
        before, shown = os.environ.get(VARIABLE), ("kernels", "show", "uv405-spot", "--field", 2048)
        succeeded(*shown, "--out", tmp_path / "pictures", "--no-cache")
        assert os.environ.get(VARIABLE) == before
        assert litho(*shown, "--no-cache", "--colour", "red").code == 2
        assert os.environ.get(VARIABLE) == before
        assert not (tmp_path / "kept").exists()
        if folder is not None:
            succeeded(*shown, "--out", tmp_path / "pictures")
            assert (tmp_path / "kept").exists()

    def test_a_spot(self, tmp_path):
        shown = succeeded("kernels", "show", "uv405-spot", "--field", 2048, "--out", tmp_path)
        assert files_below(tmp_path) == {"uv405-spot.focus.png", "uv405-spot.defocus+300nm.png"}
        assert shown["mask"] == "none"
        assert {name: (k["count"], k["edge_error_nm"]) for name, k in shown["kernels"].items()} == {
            "focus": (0, 0.0),
            "defocus+300nm": (0, 0.0),
        }
        assert shown["kernels"]["focus"]["fwhm_nm"] == 550
        assert shown["kernels"]["defocus+300nm"]["fwhm_nm"] == pytest.approx(558.6, abs=0.1)
        out = tmp_path / "k.safetensors"
        assert succeeded("kernels", "build", "uv405-spot", "--out", out, "--field", 2048)["kernels"] == shown["kernels"]
        error = refused(litho("kernels", "build", "uv405-spot", "--out", out, "--count", 8))
        assert "no --count for a spot" in error

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


VECTOR = """
description = "small vector optics"
[pupil]
wavelength_nm = 193.0
na = 1.35
immersion_index = 1.44
imaging = "vector"
[source]
shape = "annular"
sigma_inner = 0.6
sigma_outer = 0.9
[resist]
threshold = 0.25
[corners]
nominal = { dose = 1.0, defocus_nm = 0.0 }
outer = { dose = 1.04, defocus_nm = 0.0 }
inner = { dose = 0.96, defocus_nm = 30.0 }
[kernels]
field_nm = 512.0
source_samples = 15
count = 8
"""


class TestMask3d:
    def test_the_recipe_that_it_writes_is_used(self, tmp_path):
        pytest.importorskip("meent")
        recipe, out = tmp_path / "vector.toml", tmp_path / "out"
        recipe.write_text(VECTOR)
        options = ("--stack", "mosi", "--width", 80, "--pitch", 150, "--pitch", 190, "--pitch", 300, "--out", out)
        summary = succeeded("kernels", "mask3d", recipe, *options)
        assert files_below(out) == {"recipe.toml", "mask3d.csv", "mask3d.png", "summary.json"}
        assert summary["left"]["layers"]["cd_rms_nm"] < 0.5 < 5 < summary["left"]["thin"]["cd_rms_nm"]
        assert len((out / "mask3d.csv").read_text().splitlines()) == 1 + summary["lines"] == 4
        found = load_recipe(out / "recipe.toml")
        assert found.mask.topography.model_dump(mode="json") == summary["topography"]
        file = tmp_path / "k.safetensors"
        succeeded("kernels", "build", out / "recipe.toml", "--out", file)
        process = load_kernels(file)
        assert process.recipe == found
        assert process.kernels["focus"].polarized.shape == (8, 2, *process.kernels["focus"].spectra.shape[1:])
        text = litho("kernels", "mask3d", recipe, *options).out
        assert "Edges, light along them" in text
        assert "layers" in text

    @pytest.mark.slow
    def test_reflective_masks_have_layers_along_x_and_y(self, tmp_path):
        pytest.importorskip("meent")
        out = tmp_path / "out"
        options = ("--stack", "euv-tabn", "--width", 22, "--pitch", 40, "--pitch", 48, "--pitch", 60, "--out", out)
        run = litho("kernels", "mask3d", "euv13-quasar", *options)
        assert run.code == 0
        assert "up less down, half" in run.out
        assert "as scanners do" in run.out
        assert "H - V" in run.out
        found = load_recipe(out / "recipe.toml").mask.topography
        assert found.y != found.x
        assert any(found.y.odd.moments)
        header, *lines = (out / "mask3d.csv").read_text().splitlines()
        assert [line.split(",")[header.split(",").index("along")] for line in lines] == ["y"] * 3 + ["x"] * 3

    def test_bad_input(self, tmp_path):
        recipe = tmp_path / "vector.toml"
        recipe.write_text(VECTOR)
        out = ("--out", tmp_path / "out")
        assert "vector imaging" in refused(litho("kernels", "mask3d", RECIPE, "--stack", "mosi", *out))
        assert "mask stack" in refused(litho("kernels", "mask3d", recipe, "--stack", "gold", *out))
        assert "nan" in refused(litho("kernels", "mask3d", recipe, "--stack", "mosi", "--width", "nan", *out))
