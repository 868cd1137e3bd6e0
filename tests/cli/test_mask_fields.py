"""A gate layer on the command line: shapes are absorber on a clear field."""

import csv
import json

import numpy as np
import pytest
from scenes.command_line import litho, succeeded
from scenes.shapes import box

from litho_dl.core.io import read_image
from litho_dl.core.settings import packaged_text
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.mask_file import read_mask

FIELD_NM = 1024.0


def recipe(field: str) -> str:
    """The packaged gates with few source points, or the same as openings."""
    text = packaged_text("optics", "gate-45nm").replace("= 2048.0", f"= {FIELD_NM}")
    return text.replace('field = "clear"', f'field = "{field}"').replace(
        "edge_error_nm = 0.25", "source_samples = 13\ncount = 24"
    )


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    """Three lines of 45 nm at pitch 130, and optics of either field."""
    folder = tmp_path_factory.mktemp("gates")
    lines = tuple(box(x, 0, x + 45, 330) for x in (0, 130, 260))
    write_layout(folder / "poly.gds", Layout("poly", lines))
    for field in ("dark", "clear"):
        (folder / f"{field}.toml").write_text(recipe(field))
    assert litho("kernels", "build", folder / "clear.toml", "--out", folder / "clear.safetensors").code == 0
    return folder


class TestGates:
    def test_kernels_say_what_they_are_for(self, gates):
        shown = succeeded("kernels", "show", gates / "clear.safetensors")
        assert (shown["mask"], shown["mask_field"], shown["resist_tone"]) == ("attenuated", "clear", "positive")
        assert shown["corners"]["outer"] == "dose 0.96, focus"

    def test_simulate(self, gates, tmp_path):
        found = succeeded("simulate", gates / "poly.gds", "--optics", gates / "clear.safetensors", "--out", tmp_path)
        assert found["mask_field"] == "clear"
        areas = found["printed_nm2"]
        assert 0 < areas["inner"] < areas["nominal"] < areas["outer"]
        aerial = np.load(tmp_path / "poly.aerial.npy")
        np.testing.assert_array_equal(read_image(tmp_path / "poly.nominal.png") == 255, aerial < found["threshold"])
        assert 32 <= (aerial[512, 460:564] < found["threshold"]).sum() <= 42  # nm of the middle one

    def test_openings_that_print_nothing(self, gates, tmp_path):
        ran = litho("simulate", gates / "poly.gds", "--optics", gates / "dark.toml", "--out", tmp_path)
        assert ran.code == 0
        assert "poly: nothing prints at nominal conditions; in a clear field it would print" in ran.err
        assert 'if its shapes are absorber, set field = "clear" in [mask]' in ran.err
        drawn = ("--target", gates / "poly.gds", "--mask", gates / "poly.gds", "--protocol", "default")
        ran = litho("evaluate", *drawn, "--optics", gates / "dark.toml")
        assert "its mask prints nothing at nominal conditions; in a clear field it would print" in ran.err
        ran = litho("evaluate", *drawn, "--optics", gates / "clear.safetensors")
        assert "prints nothing" not in ran.err

    def test_optimize_and_evaluate(self, gates, tmp_path):
        options = ("--optics", gates / "clear.safetensors", "--method", "fast", "--out", tmp_path)
        (made,) = succeeded("optimize", gates / "poly.gds", *options)
        assert json.loads((tmp_path / "scores.json").read_text())["mask_field"] == "clear"
        drawn = ("--target", gates / "poly.gds", "--optics", gates / "clear.safetensors", "--protocol", "default")
        before = succeeded("evaluate", *drawn, "--mask", gates / "poly.gds")
        after = succeeded("evaluate", *drawn, "--mask", tmp_path / "poly.mask.oas")
        assert after["l2_nm2"] == made["l2_nm2"] < 0.5 * before["l2_nm2"]
        assert after["epe_violations"] == 0 < before["epe_violations"]
        assert (tmp_path / "poly.png").exists()
        image = read_image(tmp_path / "poly.mask.png")
        area = read_mask(tmp_path / "poly.mask.oas").area_nm2
        assert area == pytest.approx((image == 255).sum(), rel=1e-3)
        assert area < 0.4 * FIELD_NM**2  # the file holds absorber

    def test_process_window(self, gates, tmp_path):
        options = ("--target", gates / "poly.gds", "--optics", gates / "clear.safetensors", "--out", tmp_path)
        ran = litho("process-window", *options, "--focus", "0,0,1", "--dose", "0.9,1.1,0.1")
        assert ran.code == 0, ran.err
        lines = {line.split()[1]: line.split()[-1] for line in ran.out.splitlines() if line.startswith("g")}
        assert (lines["line"], lines["space"]) == ("line", "trench")
        rows = [r for r in csv.DictReader((tmp_path / "process_window.csv").open()) if r["gauge"] == "g1"]
        widths = [float(row["cd_nm"]) for row in rows]
        assert widths == sorted(widths, reverse=True)
        found = json.loads((tmp_path / "summary.json").read_text())
        assert found["gauges"][0]["max_el_percent"] > 5

    @pytest.mark.slow
    def test_fullchip(self, gates, tmp_path):
        options = ("--optics", gates / "clear.safetensors", "--method", "fast", "--out", tmp_path / "mask.oas")
        found = succeeded("fullchip", gates / "poly.gds", *options, "--tolerance", 0.05)
        assert found["mask_field"] == "clear"
        assert found["l2_nm2"] < 0.1 * found["target_nm2"]
        assert found["epe_violations"] == 0
        assert read_mask(tmp_path / "mask.oas").area_nm2 > found["target_nm2"]


def test_the_packaged_gates_and_their_rules(tmp_path):
    """Clips that keep the rules, on their own optics."""
    ran = litho("recipes", "gate-45nm")
    assert 'field = "clear"' in ran.out
    options = ("metal", "--rules", "gate-45", "--count", 2, "--extent", 600, "--seed", 3)
    assert litho("clips", "generate", *options, "--out", tmp_path / "clips").code == 0
