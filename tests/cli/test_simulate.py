"""litho-dl simulate."""

import numpy as np
import pytest
from scenes.command_line import files_below, litho, succeeded

from litho_dl.core.io import read_image


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
