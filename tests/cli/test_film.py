"""litho-dl film: figures, files, bad input."""

import csv
import json
import re

import pytest
from scenes.command_line import FILM_RECIPE, files_below, litho, refused, succeeded

from litho_dl.optics.reflection import reflectivity, swing_curve
from litho_dl.optics.source import sample_source
from litho_dl.process.recipe import load_recipe


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "film.toml"
    path.write_text(FILM_RECIPE)
    return path


class TestCommand:
    def test_figures_and_files(self, recipe, tmp_path):
        out = tmp_path / "out"
        summary = succeeded("film", recipe, "--out", out, "--pitch", 110)
        loaded = load_recipe(recipe)
        source = sample_source(loaded.source, 11)
        assert summary["reflectivity"]["source"] == pytest.approx(reflectivity(loaded.film, loaded.pupil, source))
        expected = float(swing_curve(loaded.film, loaded.pupil, source, [90.0])[0])
        assert summary["clear_intensity"] == pytest.approx(expected)
        assert 0 < summary["swing_ratio"] < 0.2
        assert summary["swing_period_nm"] == pytest.approx(193 / 3.4)
        assert 0 < summary["best_barc"]["reflectivity"] < summary["reflectivity"]["resist_bottom_source"]
        assert summary["pitch_nm"] == 110
        assert files_below(out) == {"swing.csv", "barc.csv", "summary.json", "film.png"}
        written = json.loads((out / "summary.json").read_text())
        assert written.pop("command").startswith("litho-dl film ")
        written.pop("version")
        assert written == summary
        swing = list(csv.DictReader((out / "swing.csv").open()))
        own = min(swing, key=lambda row: abs(float(row["thickness_nm"]) - 90))
        assert float(own["intensity"]) == pytest.approx(expected, rel=5e-3)

    def test_the_stack_as_a_table(self, recipe, tmp_path):
        ran = litho("film", recipe, "--out", tmp_path / "out")
        assert ran.code == 0, ran.err
        lines = ran.out.splitlines()
        assert [line.split()[0] for line in lines[:4]] == ["layer", "resist", "under", "substrate"]
        assert "Best thickness of the layer under the resist: " in ran.out

    def test_a_resist_on_the_substrate(self, recipe, tmp_path):
        recipe.write_text(FILM_RECIPE.replace(", { n = 1.82, k = 0.34, thickness_nm = 75.0 }", ""))
        ran = litho("film", recipe, "--out", tmp_path / "out")
        assert ran.code == 0, ran.err
        assert "No layer under the resist" in ran.out
        assert files_below(tmp_path / "out") == {"swing.csv", "summary.json", "film.png"}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("duv193-immersion-annular",), "with films, got one without; add a table \\[film\\]"),
            (("uv405-spot",), "with films, got a spot"),
            (("film.toml", "--pitch", "0"), "pitch from 1 nm to 0.1 mm, got 0 nm"),
            (("film.toml", "--pitch", "nan"), "pitch"),
            (("none.toml",), "no such file"),
        ],
    )
    def test_bad_input(self, recipe, tmp_path, monkeypatch, arguments, message):
        monkeypatch.chdir(tmp_path)
        error = refused(litho("film", *arguments, "--out", tmp_path / "out"))
        assert re.search(message, error), error
        assert not (tmp_path / "out").exists()
