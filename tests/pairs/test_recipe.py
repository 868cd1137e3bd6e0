"""Recipes of data sets."""

import shutil

import numpy as np
import pytest
import torch
from scenes.pairs import FIELD, built, write_recipe

from litho_dl.core.errors import DatasetError, LithoError, RecipeError
from litho_dl.core.threads import on_one_thread
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.pairs.plan import plan_clips
from litho_dl.pairs.recipe import load_dataset_recipe
from litho_dl.pairs.resolve import resolve_recipe
from litho_dl.process.files import load_process
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe

WINDOWS = '[[clips]]\nlayout = "chip.gds"\nwindow_nm = 500.0\nstride_nm = 500.0\n[splits]'


class TestRecipe:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (("seed = 5", "seed = -1"), "seed"),
            (("pixel_nm = 8.0", "pixels_nm = 8.0"), "pixels_nm: unknown key"),
            (('family = "via"', 'famly = "via"'), "famly: unknown key"),
            (("validation = 0.3", "validation = 0.9"), "must be at most 1, got 1.1"),
            (("[splits]", WINDOWS.replace("stride_nm = 500", "stride_nm = 400")), "windows of 500 nm every 400 nm"),
            (("[splits]", '[[clips]]\nlayout = "chip.gds"\nwindow_nm = 500.0\n[splits]'), "stride_nm: Field required$"),
        ],
    )  # fmt: skip
    def test_bad_settings(self, tmp_path, change, message):
        with pytest.raises(RecipeError, match=message):
            load_dataset_recipe(write_recipe(tmp_path, change))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (('"small.safetensors"', '"no.safetensors"'), "no.safetensors: no such file"),
            (('"few.toml"', '"fast-ish"'), "No ILT method or file named"),
            (('rules = "via-45"', 'rules = "via-46"'), "No design rules or file named"),
            (('family = "via"', 'family = "vias"'), "vias"),
            (("count = 3\nextent_nm = 600", "count = 3\nextent_nm = 6000"), "clips that fit the optics' field of 1024"),
            (("pixel_nm = 8.0", "pixel_nm = 7.0"), "a pixel that divides the field"),
            (("[splits]", WINDOWS), "chip.gds: no such file"),
            (("pixel_nm = 8.0", "pixel_nm = 12.8"), "a multiple of 8 nm, got 12.8 nm"),
        ],
    )  # fmt: skip
    def test_what_it_names_must_exist(self, tmp_path, change, message):
        with pytest.raises(LithoError, match=message):
            built(write_recipe(tmp_path, change), tmp_path / "out")

    @pytest.mark.parametrize(
        ("one", "two", "refused"),
        [
            ("", "", True),
            ('split = "train"', 'split = "test"', True),
            ('split = "train"\nlayer = "11"', 'split = "test"\nlayer = "11/0"', True),
            ('split = "train"\nlayer = "11/0"', 'split = "test"', True),
            ('split = "train"', 'split = "test"\nlayout = "./chip.gds"', True),
            ('split = "train"\nlayer = "11/0"', 'split = "test"\nlayer = "11/1"', False),
            ('split = "train"', 'split = "test"\nlayout = "other.gds"', False),
            ('split = "test"', 'split = "test"', False),
        ],
    )  # fmt: skip
    def test_windows_of_one_layer_go_to_one_split(self, tmp_path, one, two, refused):
        square = np.array([(0, 0), (90, 0), (90, 400), (0, 400)])
        for name in ("chip.gds", "other.gds"):
            write_layout(tmp_path / name, Layout("chip", (Polygon(square),)))
        text = ""
        for settings in (one, two):
            layout = "" if "layout" in settings else 'layout = "chip.gds"\n'
            text += f"[[clips]]\n{layout}window_nm = 500.0\nstride_nm = 500.0\n{settings}\n"
        recipe = load_dataset_recipe(write_recipe(tmp_path, ("[splits]", text + "[splits]")))
        if refused:
            with pytest.raises(DatasetError, match="Expected one split for all windows of"):
                resolve_recipe(recipe)
        else:
            resolve_recipe(recipe)

    def test_given_kernels_are_known_by_their_numbers(self, tmp_path):
        digests = set()
        for count, field in ((6, FIELD), (8, FIELD), (6, (2048.0, 2048.0))):
            process = build_process(load_recipe("duv193-dry-annular"), field_nm=field, count=count)
            save_kernels(tmp_path / "small.safetensors", process)
            digests.add(resolve_recipe(load_dataset_recipe(write_recipe(tmp_path))).digest)
        assert len(digests) == 3

    def test_shipped_names_are_not_shadowed(self, tmp_path):
        path = write_recipe(tmp_path, ('"few.toml"', '"fast"'))
        for name in ("fast", "m1-45"):
            (tmp_path / name).mkdir()
        resolve_recipe(load_dataset_recipe(path))

    def test_the_digest_follows_contents(self, tmp_path):
        def digest(*changes, steps=4):
            return resolve_recipe(load_dataset_recipe(write_recipe(tmp_path, *changes, steps=steps))).digest

        assert digest() == digest()
        others = [digest(steps=5), digest(("seed = 5", "seed = 6")), digest(("count = 3", "count = 4"))]
        assert len({digest(), *others}) == 4

    @pytest.mark.parametrize("threads", [pytest.param(1, marks=pytest.mark.slow), 2])
    def test_optics_have_the_same_bytes_on_any_number_of_threads(self, tmp_path, threads, monkeypatch):
        monkeypatch.setenv("LITHO_DL_CACHE", "")
        path = write_recipe(tmp_path, ('"small.safetensors"', '"iccad13-like"'))
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            process = resolve_recipe(load_dataset_recipe(path)).process
        finally:
            torch.set_num_threads(before)
        one = on_one_thread(load_process, "iccad13-like")
        assert all(torch.equal(process.kernels[name].spectra, one.kernels[name].spectra) for name in one.kernels)

    def test_bytes_do_not_depend_on_how_the_recipe_is_named(self, tmp_path, monkeypatch):
        path = write_recipe(tmp_path)
        digest = resolve_recipe(load_dataset_recipe(path)).settings
        monkeypatch.chdir(tmp_path)
        assert resolve_recipe(load_dataset_recipe("pairs.toml")).settings == digest
        shutil.copytree(tmp_path, tmp_path / "moved")
        assert resolve_recipe(load_dataset_recipe(tmp_path / "moved" / "pairs.toml")).settings == digest

    @pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
    def test_impossible_scales(self, pair_recipe, factor):
        with pytest.raises(RecipeError, match="Expected a positive scale"):
            load_dataset_recipe(pair_recipe).scaled(factor)

    @pytest.mark.parametrize(
        ("name", "optics"),
        [
            ("metal-2k", "duv193-immersion-annular"),
            ("metal-4k", "iccad13-like"),
            ("via-1k", "duv193-immersion-annular"),
            ("via-2k", "iccad13-like"),
        ],
    )
    def test_shipped_recipes(self, name, optics):
        recipe = load_dataset_recipe(name)
        assert recipe.optics == optics
        assert sum(source.count for source in recipe.clips) == 1000 * int(name.split("-")[1].removesuffix("k"))
        assert len(plan_clips(recipe.scaled(0.01))) == sum(source.count for source in recipe.scaled(0.01).clips)
