"""The script that measures ILT methods: one method measured again leaves the others' rows."""

import csv
from pathlib import Path

import evaluate
import pytest
from click.testing import CliRunner


@pytest.fixture
def measured(monkeypatch):
    """Stands in for solving and scoring; every run of a method gives another figure."""
    calls = []

    def run_method(suite, method, out):
        calls.append(method)
        name = Path(method).stem
        figures = dict.fromkeys((*evaluate.SCORES, "seconds"), float(len(calls)))
        return [{"method": name, "clip": "a", "raster": "exact", **figures, "printed": True}]

    monkeypatch.setattr(evaluate, "run_method", run_method)
    return calls


def rows(out: Path) -> dict[str, float]:
    return {row["method"]: float(row["l2_nm2"]) for row in csv.DictReader((out / "layouts.csv").open())}


def run(out: Path, methods: str) -> None:
    arguments = ["--suite", "layouts", "--methods", methods, "--out", str(out), "--device", "cpu"]
    result = CliRunner().invoke(evaluate.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0


def test_other_methods_keep_their_rows(measured, tmp_path):
    run(tmp_path, "fast,mosaic,own.toml")
    assert list(rows(tmp_path).items()) == [("mosaic", 2.0), ("fast", 1.0), ("own", 3.0)]
    run(tmp_path, "fast")
    assert list(rows(tmp_path).items()) == [("mosaic", 2.0), ("fast", 4.0), ("own", 3.0)]
    text = (tmp_path / "layouts.md").read_text()
    assert "`python scripts/evaluate.py --suite layouts --methods fast` made this" in text
    means = [line.split(" | ")[0] for line in text.splitlines() if line.endswith("exact, measured here |")]
    assert means == ["| mosaic", "| fast", "| own"]


def test_a_run_that_is_stopped_keeps_what_it_did_not_reach(measured, tmp_path, monkeypatch):
    run(tmp_path, "mosaic,fast")
    again = evaluate.run_method

    def stopped(suite, method, out):
        if method == "fast":
            raise KeyboardInterrupt
        return again(suite, method, out)

    monkeypatch.setattr(evaluate, "run_method", stopped)
    arguments = ["--suite", "layouts", "--methods", "mosaic,fast", "--out", str(tmp_path), "--device", "cpu"]
    assert CliRunner().invoke(evaluate.main, arguments).exit_code != 0
    assert rows(tmp_path) == {"mosaic": 3.0, "fast": 2.0}


def test_the_published_results_are_left_alone_unless_told(measured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--suite", "layouts", "--methods", "fast", "--device", "cpu"]
    assert CliRunner().invoke(evaluate.main, arguments, catch_exceptions=False).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert rows(tmp_path / "runs" / "evaluate") == {"fast": 1.0}
