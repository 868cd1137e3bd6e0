"""Damaged files of every kind are read or refused in one line, soon and in little memory; see `scenes.damage`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="reads journals too")
SUPPORT = Path(__file__).parents[1] / "support"


def faults(folder: Path, count: int, seed: int) -> list[dict]:
    """The faults that the fuzz test finds; its process ends with the first input that crashes it."""
    paths = [str(SUPPORT), *sys.path]
    done = subprocess.run(
        [sys.executable, "-m", "scenes.damage", str(count), str(seed), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    read = sum(line.startswith("{") for line in done.stderr.splitlines())
    assert (done.returncode, read) == (0, count), done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory and time as Linux does")
@pytest.mark.parametrize(
    ("count", "seed"),
    [(200, 0), *(pytest.param(2500, seed, marks=pytest.mark.slow) for seed in range(1, 5))],
)
def test_damaged_files_are_read_or_refused(tmp_path, count, seed):
    assert faults(tmp_path, count, seed) == []
