"""litho-dl hotspots: files, table, corners, bad input."""

import csv
import json
from pathlib import Path

import pytest
from scenes.command_line import files_below, litho, refused, succeeded
from scenes.focus_optics import small_recipe
from scenes.shapes import box

from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.process.kernel_file import save_kernels
from litho_dl.process.model import build_process
from litho_dl.process.recipe import RecipeCorner


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> tuple[str, ...]:
    """Two lines that touch in the print of one corner only, and a shape that prints at none."""
    folder = tmp_path_factory.mktemp("hot")
    corners = {
        name: RecipeCorner(dose=dose, defocus_nm=0.0)
        for name, dose in (("nominal", 1.0), ("outer", 1.8), ("inner", 0.95))
    }
    process = build_process(small_recipe(corners=corners), field_nm=(640.0, 640.0))
    save_kernels(folder / "small.safetensors", process)
    shapes = (box(1000, 0, 1130, 400), box(1200, 0, 1330, 400), box(900, 0, 930, 30))
    write_layout(folder / "pair.gds", Layout("pair", shapes))
    return "--target", str(folder / "pair.gds"), "--optics", str(folder / "small.safetensors")


def test_files_and_places(scene, tmp_path):
    summary = succeeded("hotspots", *scene, "--out", tmp_path)
    assert summary["limits_nm"]["width"] == pytest.approx(0.25 * 193 / 0.85)
    assert summary["counts"] == {"pinch": 0, "bridge": 1, "missing": 1, "stray": 0}
    (bridge,) = (row for row in summary["worst"] if row["kind"] == "bridge")
    assert (bridge["corners"][0], bridge["width_nm"], bridge["dose"]) == ("outer", 0, 1.8)
    assert bridge["x_nm"] == pytest.approx(1165, abs=5)  # in the layout's own coordinates
    (missing,) = (row for row in summary["worst"] if row["kind"] == "missing")
    assert (missing["x_nm"], missing["y_nm"]) == (915, 15)
    assert sorted(missing["corners"]) == ["inner", "nominal", "outer"]
    assert files_below(tmp_path) == {"hot_spots.csv", "hot_spots.png", "summary.json"}
    rows = list(csv.DictReader((tmp_path / "hot_spots.csv").open()))
    assert {(row["kind"], row["corner"]) for row in rows} >= {("bridge", "outer"), ("missing", "inner")}
    assert json.loads((tmp_path / "summary.json").read_text())["places"] == summary["places"]


def test_a_matrix_of_foci_and_doses_in_place_of_corners(scene, tmp_path):
    summary = succeeded("hotspots", *scene, "--out", tmp_path, "--focus", "-60,60,60", "--dose", "1,1.8,0.8")
    assert len(summary["corners"]) == 6
    assert summary["corners"]["focus-60nm_dose1.8"] == {"focus_nm": -60, "dose": 1.8}
    rows = list(csv.DictReader((tmp_path / "hot_spots.csv").open()))
    closed = {(row["focus_nm"], row["dose"]) for row in rows if row["kind"] == "bridge" and float(row["width_nm"]) == 0}
    assert closed == {("-60.0", "1.8"), ("0.0", "1.8"), ("60.0", "1.8")}


def test_strict_and_limits(scene, tmp_path):
    ran = litho("hotspots", *scene, "--out", tmp_path / "a", "--strict", "--width", "20", "--space", "5")
    assert ran.code == 1
    assert "Limits: width 20.0 nm, space 5.0 nm; 3 corners." in ran.out
    error = refused(litho("hotspots", *scene, "--out", tmp_path / "b", "--width", "0"))
    assert "Expected limits" in error


def test_imported_kernels_have_no_resolution(tmp_path, scene):
    from dataclasses import replace

    process = replace(build_process(small_recipe(), field_nm=(640.0, 640.0)), recipe=None)
    save_kernels(Path(tmp_path / "bare.safetensors"), process)
    options = ("hotspots", *scene[:2], "--optics", tmp_path / "bare.safetensors", "--out", tmp_path / "out")
    assert "give both" in refused(litho(*options))
    assert succeeded(*options, "--width", 30, "--space", 30)["counts"]["missing"] == 1
