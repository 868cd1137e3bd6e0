"""litho-dl tune: a real study of a few steps on one small clip, resumed, interrupted, refused."""

import csv
import json
import sys
from pathlib import Path
from unittest import mock

import pytest
from scenes.command_line import METHOD, STUDY, files_below, litho, refused, succeeded
from scenes.places import LAYOUTS

from litho_dl.core.errors import MaskError
from litho_dl.ilt.method import load_method
from litho_dl.tuning.measure import Suite

pytest.importorskip("optuna")

OWN = f"""
description = "steps of a small clip"
rounds = 2
{STUDY}
"levels[0].learning_rate[0]" = {{ low = 0.01, high = 0.5, log = true }}
"""


@pytest.fixture
def study(inputs, tmp_path) -> Path:
    for name in ("cross.glp", "lines.glp", "small.safetensors"):
        (tmp_path / name).write_bytes((inputs / name).read_bytes())
    (tmp_path / "few.toml").write_text(METHOD)
    (tmp_path / "own.toml").write_text(OWN)
    return tmp_path / "own.toml"


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_study(study, tmp_path):
    out = tmp_path / "out"
    (out / "front").mkdir(parents=True)
    (out / "front" / "77.toml").touch()  # of an earlier front
    found = succeeded("tune", study, "--out", out, "--trials", 3)
    trials, front = table(out / "trials.csv"), table(out / "front.csv")
    assert (found["trials"], found["failed"], found["start"]) == (3, 0, 0)
    assert [row["trial"] for row in trials] == ["0", "1", "2"]
    assert (trials[0]["levels[0].steps"], trials[0]["levels[0].learning_rate[0]"]) == ("4", "0.1")
    numbers = [row["trial"] for row in front]
    assert files_below(out) == {
        *("trials.csv", "front.csv", "front.png", "journal.log", "summary.json"),
        *(f"front/{int(number):02d}.toml" for number in numbers),
    }
    for row in front:
        assert {name: row[name] for name in trials[0] if name != "failure"} == {
            name: value for name, value in trials[int(row["trial"])].items() if name != "failure"
        }
    by_number = {row["trial"]: row for row in found["front"]}
    assert set(by_number) == {0, *map(int, numbers)}
    for row in front:
        said = by_number[int(row["trial"])]
        assert all(float(row[name]) == said[name] for name in row if name.startswith("validation_"))
    # What a method file of the front prints, on either suite, is what the tables say.
    (row, *_) = (row for row in found["front"] if row["method"])
    assert load_method(row["method"]).levels[0].steps == int(trials[row["trial"]]["levels[0].steps"])
    options = ("--optics", tmp_path / "small.safetensors", "--method", row["method"], "--no-figures")
    for clip, prefix in (("cross", ""), ("lines", "validation_")):
        (score,) = succeeded("optimize", tmp_path / f"{clip}.glp", *options, "--out", tmp_path / clip)
        assert score["l2_nm2"] == row[f"{prefix}l2_nm2"]
        assert score["pvb_nm2"] == row[f"{prefix}pvb_nm2"]
        assert score["epe_violations"] == row[f"{prefix}epe_violations"]

    more = litho("tune", study, "--out", out, "--trials", 4)
    assert more.code == 0, more.err
    assert table(out / "trials.csv")[:3] == trials
    assert len(table(out / "trials.csv")) == 4
    assert more.out.splitlines()[0] == f"{study}: 4 trials"
    assert more.out.splitlines()[3].split()[0] == "0"
    measuring, warming = mock.Mock(side_effect=MaskError("no")), mock.Mock()
    with mock.patch.multiple(Suite, measure=measuring, warm_up=warming):
        refused_again = litho("tune", study, "--out", out, "--trials", 4)
    assert measuring.call_count == 1  # the front is measured, no trial is run
    assert not warming.called
    assert refused(refused_again) == "Error: no"

    study.write_text(OWN.replace("high = 6", "high = 7"))
    assert "got one of another method, space, seed" in refused(litho("tune", study, "--out", out, "--trials", 4))
    assert len(table(out / "trials.csv")) == 4


def test_failed_trials_are_listed(study, tmp_path):
    """Choices that do not go together: pixels of the first level must be multiples of the second's.

    Four of nine pairs fail, and the first trials are drawn whatever seconds the ones before took: some always fail.
    """
    first, second = METHOD.replace("steps = 4", "steps = 1").split("[[levels]]")
    levels = [second.replace("pixel_nm = 8.0", f"pixel_nm = {pixel}") for pixel in (32, 4)]
    (tmp_path / "few.toml").write_text("[[levels]]".join([first, *levels]))
    space = '"levels[0].pixel_nm" = { choices = [4, 8, 32] }\n"levels[1].pixel_nm" = { choices = [4, 16, 32] }\n'
    study.write_text(OWN[: OWN.index('"levels[0].steps"')] + space)
    found = succeeded("tune", study, "--out", tmp_path / "out", "--trials", 12)
    failures = [row for row in table(tmp_path / "out" / "trials.csv") if row["failure"]]
    assert 0 < found["failed"] == len(failures) < 12
    for row in failures:
        coarse, fine = (float(row[f"levels[{level}].pixel_nm"]) for level in (0, 1))
        assert (coarse < fine, row["quality_nm2"]) == (True, "")
        message = f"each pixel_nm must be a whole number of times the next, got {coarse:g} before {fine:g}"
        assert message in row["failure"]
    shown = litho("tune", study, "--out", tmp_path / "out", "--trials", 12).out
    assert shown.splitlines()[0] == f"{study}: 12 trials, {len(failures)} failed"


def test_all_failed(study, tmp_path):
    with mock.patch.object(Suite, "measure", side_effect=MemoryError):
        error = refused(litho("tune", study, "--out", tmp_path / "out", "--trials", 2))
    assert error.endswith("all of 2 trials failed; the last: out of memory; see trials.csv.")
    assert [row["failure"] for row in table(tmp_path / "out" / "trials.csv")] == ["out of memory"] * 2


def test_a_start_that_failed(study, tmp_path):
    measured, errors = Suite.measure, [MemoryError]

    def failing_once(suite, method):
        if errors:
            raise errors.pop()
        return measured(suite, method)

    with mock.patch.object(Suite, "measure", failing_once):
        found = succeeded("tune", study, "--out", tmp_path / "out", "--trials", 2)
    assert found["start"] is None
    assert [row["trial"] for row in found["front"]] == [1]


def test_ctrl_c(study, tmp_path):
    measured, calls = Suite.measure, []

    def stopped(suite, method):
        calls.append(method)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return measured(suite, method)

    with mock.patch.object(Suite, "measure", stopped):
        result = litho("tune", study, "--out", tmp_path / "out", "--trials", 3)
    assert result.code == 130
    said = f"{tmp_path / 'out'} keeps the finished trials; the same command continues from there.\n\nInterrupted.\n"
    assert result.err.endswith(said)
    assert len(table(tmp_path / "out" / "trials.csv")) == 1
    found = succeeded("tune", study, "--out", tmp_path / "out", "--trials", 2)
    assert found["trials"] == 2
    row = table(tmp_path / "out" / "trials.csv")[1]
    assert int(row["levels[0].steps"]) == calls[1].levels[0].steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fast-fornt",), "No study or file named 'fast-fornt'; did you mean fast-front?"),
        (("none.toml",), "none.toml: no such file"),
        (
            ("fast-front",),
            "layouts/metal_03.glp: no such file or folder; give the folder of the study's layouts (--layouts)",
        ),
        (("fast-front", "--layouts", "."), "metal_03.glp: no such file or folder"),
        (("fast-front", "--layouts", LAYOUTS, "--device", "cuda:99"), "Expected a CUDA device"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(litho("tune", *arguments, "--out", "out", "--trials", 1))
    assert not files_below(tmp_path)


def test_without_optuna(study, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    error = refused(litho("tune", study, "--out", tmp_path / "out", "--trials", 1))
    assert error.endswith("pip install 'litho-dl[tune]'.")


def test_shipped_studies_are_listed():
    listed = json.loads(litho("recipes", "--json").out)["studies"]
    assert set(listed) == {"fast-front"}
    assert litho("recipes", "fast-front").out.startswith("description = ")
