"""litho-dl process-window: files, table, bad input."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scenes.command_line import litho
from scenes.focus_optics import small_recipe
from scenes.places import LAYOUTS

from litho_dl import __version__
from litho_dl.core.grid import Grid
from litho_dl.core.io import write_png
from litho_dl.layout.clips import load_clip, load_mask_polygons
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import build_process


@pytest.fixture(scope="module")
def kernels(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("kernels") / "small.safetensors"
    save_kernels(path, build_process(small_recipe(), field_nm=(1280.0, 1280.0)))
    return path


class TestCommand:
    def test_a_shipped_layout(self, kernels, tmp_path):
        ran = litho(
            "process-window",
            *("--target", LAYOUTS / "metal_04.glp", "--optics", kernels, "--out", tmp_path, "--focus", "-60,60,60"),
            *("--dose", "0.9,1.1,0.1", "--gauge", "130,310,130,430", "--gauge", "450,375,650,375", "--json"),
        )
        assert ran.code == 0, ran.err
        summary = json.loads(ran.out)
        written = json.loads((tmp_path / "summary.json").read_text())
        assert written.pop("command").startswith("litho-dl process-window ")
        assert written.pop("version") == __version__
        assert written == summary
        line, space = summary["gauges"]
        assert (line["kind"], line["edges_nm"], line["target_cd_nm"]) == ("line", [130, 340, 130, 410], 70)
        assert (space["kind"], space["edges_nm"], space["target_cd_nm"]) == ("space", [490, 375, 610, 375], 120)
        assert line["best_focus_nm"] == pytest.approx(0, abs=1e-6)
        rows = list(csv.DictReader((tmp_path / "process_window.csv").open()))
        assert len(rows) == 2 * 3 * 3
        nominal = [r for r in rows if (r["gauge"], float(r["focus_nm"]), float(r["dose"])) == ("g1", 0, 1)]
        assert float(nominal[0]["cd_nm"]) == pytest.approx(line["cd_nominal_nm"], abs=1e-3)
        assert (tmp_path / "process_window.png").read_bytes().startswith(b"\x89PNG")

    def test_one_focus_prints_a_table(self, kernels, tmp_path):
        ran = litho(
            "process-window",
            *("--target", LAYOUTS / "metal_04.glp", "--optics", kernels, "--out", tmp_path, "--focus", "0,0,1"),
        )
        assert ran.code == 0, ran.err
        lines = ran.out.splitlines()
        assert lines[0].split()[:5] == ["gauge", "target", "CD", "NILS", "MEEF"]
        assert [line.split()[0] for line in lines[1:6]] == ["g1", "g2", "g3", "g4", "common"]

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["--gauge", "9000,0,9100,0"], 1, "g1: expected a cutline inside the field"),
            (["--gauge", "380,300,480,300"], 1, "g1: expected a cutline over exactly one line"),
            (["--focus", "60,-60,60"], 2, "expected FROM,TO,STEP, rising"),
            (["--focus", "0,10,0"], 2, "expected FROM,TO,STEP, rising"),
            (["--dose", "0,1,0.5"], 2, "expected positive doses"),
            (["--tolerance", "100"], 2, "--tolerance"),
        ],
    )
    def test_bad_input(self, kernels, tmp_path, arguments, code, message):
        ran = litho(
            "process-window", "--target", LAYOUTS / "metal_04.glp", "--optics", kernels, "--out", tmp_path, *arguments
        )
        assert (ran.code, ran.out) == (code, "")
        assert message in " ".join(ran.err.split())
        assert not any(tmp_path.iterdir())

    def test_masks_elsewhere(self, kernels, tmp_path):
        mask = LAYOUTS / "standard_cells.oas"
        ran = litho(
            "process-window",
            *("--target", LAYOUTS / "metal_04.glp", "--mask", mask, "--mask-layer", "11/0"),
            *("--optics", kernels, "--out", tmp_path),
        )
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith(f"Error: {mask}: Expected polygons inside the field of 1280 x 1280 nm")

    def test_pixel_masks_and_polygon_masks_are_one(self, tmp_path):
        clip = load_clip(LAYOUTS / "metal_04.glp", Grid((1280, 1280), 1.0))
        write_png(tmp_path / "mask.png", (clip.coverage(10.0).numpy() >= 0.5).astype(np.uint8) * 255)
        pixels = load_mask_polygons(tmp_path / "mask.png", clip)
        polygons = load_mask_polygons(LAYOUTS / "metal_04.glp", clip)
        assert polygons.area_nm2 == clip.placed.area_nm2
        assert pixels.bbox_nm == pytest.approx(clip.placed.bbox_nm, abs=5)
