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
    """The faults that the fuzz test finds; after an input that ends its process it goes on with the next."""
    found, first = [], 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(SUPPORT), *sys.path]))}
    while first < count:
        place = folder / str(first)
        place.mkdir()
        command = [sys.executable, "-m", "scenes.damage", *map(str, (first, count, seed)), str(place)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        found += [json.loads(line) for line in done.stdout.splitlines()]
        begun = [json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"index"')]
        if done.returncode == 0:
            assert begun[-1]["index"] == count - 1
            break
        assert begun, done.stderr
        found.append({**begun[-1], "fault": f"ends with {done.returncode}: {done.stderr[-300:]}", "kept": str(place)})
        first = begun[-1]["index"] + 1
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory and time as Linux does")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("count", "seed"),
    [(100, 0), *(pytest.param(2500, seed, marks=pytest.mark.slow) for seed in range(1, 5))],
)
def test_damaged_files_are_read_or_refused(tmp_path, count, seed):
    assert faults(tmp_path, count, seed) == []
