"""The script that runs a study and writes its results."""

import csv

import pytest
from click.testing import CliRunner
from scenes.command_line import METHOD, STUDY

pytest.importorskip("optuna")
import tune

from litho_dl.tuning.measure import Suite
from litho_dl.tuning.trial import Score

OWN = f"""
description = "steps of a small clip"
{STUDY}
"levels[0].learning_rate[0]" = {{ low = 0.01, high = 0.5, log = true }}
"""


def test_the_tables_are_the_trials(inputs, tmp_path, monkeypatch):
    """With made-up scores: fewer steps are faster and worse; on the held-out clip all is half as large."""

    def measured(suite, method):
        steps, share = method.levels[0].steps, 1 if suite.clips[0].name == "cross" else 0.5
        return Score(share * 6000 / steps, share * 1000.0, 0.25, share * steps / 10)

    def compared(suite, methods, rounds, advance):
        return [measured(suite, method) for method in methods]

    monkeypatch.setattr(Suite, "measure", measured)
    monkeypatch.setattr(Suite, "compare", compared)
    monkeypatch.setattr(Suite, "warm_up", lambda suite, method: None)
    (tmp_path / "few.toml").write_text(METHOD)
    (tmp_path / "own.toml").write_text(OWN)
    (tmp_path / "small.safetensors").write_bytes((inputs / "small.safetensors").read_bytes())
    study = tmp_path / "own.toml"
    arguments = ["--study", study, "--layouts", inputs, "--trials", 8, "--folder", tmp_path / "f", "--out", tmp_path]
    result = CliRunner().invoke(tune.main, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    trials = list(csv.DictReader((tmp_path / "tuning.csv").open()))
    assert len(trials) == 8
    text = (tmp_path / "tuning.md").read_text()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line]
    split = next(index for index, cells in enumerate(lines) if cells[0] == "setting")
    front, settings = lines[2:split], lines[split:]
    steps = [int(value) for value in settings[2][1:]]
    assert settings[2][0] == "`levels[0].steps`"
    assert steps == sorted(steps)
    for (name, tuned, l2, pvb, both, epe, seconds, area, time), count in zip(front, steps, strict=True):
        assert (tuned, l2, pvb) == (f"{6000 / count + 1000:,.0f}", f"{3000 / count:,.0f}", "500")
        assert (both, epe, seconds) == (f"{3000 / count + 500:,.0f}", "0.25", f"{count / 20:.3f}")
        assert area == f"{(3000 / count + 500) / (3000 / 4 + 500) - 1:+.1%}"
        assert time == f"{count / 4:.2f}"
        number = 0 if name == "**start** (0)" else int(name)
        assert int(trials[number]["levels[0].steps"]) == count
    assert any(cells[0] == "**start** (0)" and cells[-2:] == ["+0.0%", "1.00"] for cells in front)
    assert (tmp_path / "tuning.png").read_bytes().startswith(b"\x89PNG")
