"""litho-dl profile: figures, files, bad input."""

import csv
import json

import pytest
from scenes.command_line import files_below, litho, refused, succeeded

from litho_dl.core.settings import packaged_text

pytest.importorskip("skfmm")


@pytest.fixture
def recipe(tmp_path):
    text = packaged_text("optics", "arf-positive-chemical")
    path = tmp_path / "own.toml"
    path.write_text(text.replace("edge_error_nm = 0.2", "source_samples = 11\ncount = 8"))
    return path


def test_figures_and_files(recipe, tmp_path):
    out = tmp_path / "out"
    summary = succeeded("profile", recipe, "--out", out, "--pitch", 120)
    assert summary["drawn"] == "trench"
    assert 40 < summary["bottom_width_nm"] < 90
    assert 60 < summary["sidewall_deg"] < 95
    assert summary["waviness_nm"] < summary["waviness_without_diffusion_nm"]
    assert files_below(out) == {"wall.csv", "summary.json", "profile.png"}
    written = json.loads((out / "summary.json").read_text())
    assert written["bottom_width_nm"] == summary["bottom_width_nm"]
    rows = list(csv.DictReader((out / "wall.csv").open()))
    assert float(rows[-1]["width_nm"]) == pytest.approx(summary["bottom_width_nm"], abs=1e-3)


def test_bad_input_is_refused(recipe, tmp_path):
    assert "pitch" in refused(litho("profile", recipe, "--out", tmp_path / "a", "--pitch", "-1"))
    assert "dose" in refused(litho("profile", recipe, "--out", tmp_path / "b", "--dose", "0"))
    assert "films" in refused(litho("profile", "duv193-immersion-annular", "--out", tmp_path / "c"))
