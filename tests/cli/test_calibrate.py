"""litho-dl calibrate: files, the calibrated recipe, errors, an interruption."""

import csv
import json
from unittest import mock

import numpy as np
import pytest
import torch
from scenes.calibration import FIELD_NM, gauge_rows, measured_by, quick_recipe, small_measurements, write_rows
from scenes.command_line import files_below, litho, refused, succeeded

from litho_dl.calibration import run
from litho_dl.calibration.report import write_recipe
from litho_dl.process.model import build_process
from litho_dl.process.recipe import load_recipe
from litho_dl.simulation.simulator import Simulator

TRUTH = {"resist.threshold": 0.24, "resist.diffusion_nm": 8.0, "mask.bias_nm": 2.0, "focus_nm": 9.0}
FIT = ",".join(TRUTH)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """start.toml and gauges.csv with noise, as another recipe would print."""
    folder = tmp_path_factory.mktemp("calibration")
    hidden = quick_recipe(**{key.replace(".", "__"): value for key, value in TRUTH.items()})
    write_recipe(folder / "start.toml", quick_recipe())
    measured = measured_by(hidden, small_measurements(folder), 0.2, seed=2)
    by_line = {own.line: own.value_nm for own in measured}
    rows = [
        row | {"cd_nm": by_line[line], "sigma_nm": 0.2} for line, row in enumerate(gauge_rows(), 2) if line in by_line
    ]
    write_rows(folder / "gauges.csv", rows)
    return folder


def arguments(folder, *more):
    return ("calibrate", folder / "gauges.csv", "--optics", folder / "start.toml", "--fit", FIT, *more)


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


class TestCalibrate:
    def test_writes_a_recipe_a_report_and_tables(self, folder, tmp_path):
        summary = succeeded(*arguments(folder, "--out", tmp_path / "run", "--hold-out", 0.2, "--report"))
        files = {"recipe.toml", "report.md", "residuals.csv", "residuals.png", "parameters.png", "summary.json"}
        assert files_below(tmp_path / "run") - {".lock"} == files | {"report.html"}
        assert json.loads((tmp_path / "run" / "summary.json").read_text())["parameters"] == summary["parameters"]
        for own, value in zip(summary["parameters"], TRUTH.values(), strict=True):
            assert abs(own["value"] - value) < 4 * own["sigma"]
            assert own["low_95"] < own["value"] < own["high_95"]
        assert summary["held_out"] == round(0.2 * summary["measurements"])
        assert 0.6 < summary["held_out_rms_sigmas"] < 1.6
        rows = table(tmp_path / "run" / "residuals.csv")
        assert len(rows) == summary["measurements"]
        fitted = [float(row["residual_nm"]) for row in rows if row["use"] == "fitted"]
        assert np.sqrt(np.mean(np.square(fitted))) == pytest.approx(summary["rms_nm"], abs=1e-3)
        report = (tmp_path / "run" / "report.md").read_text()
        assert all(text in report for text in ("| `mask.bias_nm` |", "| dense |", "| 120 |", "| -40 |", "held-out"))

    def test_the_recipe_prints_what_the_report_predicts(self, folder, tmp_path):
        succeeded(*arguments(folder, "--out", tmp_path))
        recipe = load_recipe(tmp_path / "recipe.toml")
        outer, nominal = recipe.corners["outer"], recipe.corners["nominal"]
        assert outer.defocus_nm == nominal.defocus_nm == pytest.approx(9, abs=1)
        process = build_process(recipe, field_nm=FIELD_NM)
        focus_nm, dose = process.nominal
        rows = table(tmp_path / "residuals.csv")
        row = next(row for row in rows if row["name"] == "iso_line" and float(row["defocus_nm"]) == 40)
        simulator = Simulator(process.with_corners({"tool": (float(row["dose"]), 40.0)}), dtype=torch.float64)
        scene = next(own.scene for own in small_measurements(tmp_path / "again") if own.name == "iso_line")
        cd = float(simulator(scene.coverage, 1.0).cd((140, 240), (340, 240), "tool"))
        assert cd == pytest.approx(float(row["predicted_nm"]), abs=0.02)
        assert (focus_nm, dose) == pytest.approx((nominal.defocus_nm, nominal.dose))

    def test_options(self, folder, tmp_path):
        more = ("--start", "resist.threshold=0.23", "--bounds", "mask.bias_nm=-5:5", "--prior", "focus_nm=9:0.001")
        summary = succeeded(*arguments(folder, "--out", tmp_path, *more))
        by_key = {own["key"]: own for own in summary["parameters"]}
        assert by_key["resist.threshold"]["start"] == 0.23
        assert by_key["mask.bias_nm"]["bounds"] == [-5, 5]
        assert by_key["corners.nominal.defocus_nm"]["sigma"] == pytest.approx(0.001, rel=0.01)

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            (("--fit", "resist.treshold"), "did you mean resist.threshold?"),
            (("--fit", "dose,resist.threshold"), "no CD tells the two apart"),
            (("--field", "479.5"), "choose a field of"),
            (("--optics", "none.toml"), "none.toml: no such file"),
        ],
    )
    def test_bad_input_is_one_line_and_leaves_nothing(self, folder, tmp_path, more, message):
        error = refused(litho(*arguments(folder, "--out", tmp_path / "run", *more)))
        assert message in error
        assert not (tmp_path / "run").exists()

    def test_a_wrong_option_is_wrong_usage(self, folder, tmp_path):
        ran = litho(*arguments(folder, "--out", tmp_path / "run", "--prior", "resist.threshold=0.2"))
        assert ran.code == 2
        assert "KEY=MEAN:SIGMA" in ran.err

    def test_an_interruption_keeps_the_best_recipe_and_earlier_results(self, folder, tmp_path):
        (tmp_path / "recipe.toml").write_text("earlier")
        whole = run.fit

        def stopped(*args, report, **options):
            def tell(steps, rms, values):
                report(steps, rms, values)
                if steps == 3:
                    raise KeyboardInterrupt

            return whole(*args, report=tell, **options)

        with mock.patch.object(run, "fit", stopped):
            ran = litho(*arguments(folder, "--out", tmp_path))
        assert ran.code == 130
        assert "interrupted.toml has the best recipe so far" in ran.err
        assert (tmp_path / "recipe.toml").read_text() == "earlier"
        assert load_recipe(tmp_path / "interrupted.toml").resist.threshold == pytest.approx(0.24, abs=0.02)
