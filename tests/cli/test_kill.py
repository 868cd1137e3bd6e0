"""Commands killed at random moments: the same command then ends with the same results, and leaves no litter."""

import hashlib
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scenes.command_line import METHOD, STUDY, files_below
from scenes.generators import write_recipe
from scenes.killed import kill_all, started
from scenes.pairs import digests

from litho_dl.training.checkpoint import read_weights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kills process groups"),
]
ROUNDS, KILLS = 3, 2  # kills in a row, then the command to its end
PATIENCE_S = 240
TRIALS = 6
COMMANDS = {
    "dataset": ("dataset", "build", "SET_RECIPE", "--out", "OUT", "--workers", 2),
    "fullchip": (
        *("fullchip", "chip.gds", "--optics", "small.safetensors", "--method", "more.toml", "--out", "OUT/mask.oas"),
        *("--device", "cpu", "--workers", 2, "--tile", 1024, "--no-figures"),
    ),
    "train": ("train", "TRAINING", "--data", "SET", "--out", "OUT", "--device", "cpu", "--epochs", 6),
    "optimize": (
        *("optimize", "cross.glp", "lines.glp", "--optics", "small.safetensors", "--method", "more.toml", "--shots"),
        *("--out", "OUT"),
    ),
    "tune": ("tune", "study.toml", "--out", "OUT", "--trials", TRIALS, "--device", "cpu"),
}


def _tensors(out: Path) -> dict[str, str]:
    """Digests of the trained weights, and of the best of each stage."""
    return {
        f"{path.relative_to(out)}: {name}": hashlib.sha256(np.ascontiguousarray(value.numpy()).tobytes()).hexdigest()
        for path in sorted(out.rglob("*.safetensors"))
        for name, value in read_weights(path)[0].items()
    }


def _bytes(*patterns: str) -> Callable[[Path], dict[str, str]]:
    """Digests of the files that must not depend on how a run went."""

    def found(out: Path) -> dict[str, str]:
        paths = sorted(path for pattern in patterns for path in out.glob(pattern))
        return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    return found


def _trials(out: Path) -> dict[str, str]:
    """The number of trials, which alone is certain: what is found depends on the times."""
    return {"trials": str(len((out / "trials.csv").read_text().splitlines()) - 1)}


# The methods of another front, and the times of tiles of which none was left to solve.
DIFFERING = ("front/", "mask.fullchip/timing.csv")
RESULTS: dict[str, Callable[[Path], dict[str, str]]] = {
    "dataset": digests,
    "fullchip": _bytes("mask.oas", "mask.fullchip/tiles/mask*.h5", "mask.fullchip/target.oas"),
    "train": _tensors,
    "optimize": _bytes("*.png", "*.oas", "*.csv"),
    "tune": _trials,
}


def _places(folder: Path, pair_recipe: Path, pair_set: Path) -> dict[str, object]:
    """The inputs of the commands, in a folder."""
    from scenes.shapes import box

    from litho_dl.layout.files import write_layout
    from litho_dl.layout.layout import Layout

    (folder / "more.toml").write_text(METHOD.replace("steps = 4", "steps = 40"))
    (folder / "study.toml").write_text(STUDY.replace("high = 6", "high = 60"))
    bars = tuple(box(x, y, x + 90, y + 900) for x in range(0, 3600, 180) for y in (0, 1000, 2000))
    write_layout(folder / "chip.gds", Layout("chip", bars))
    return {"SET_RECIPE": pair_recipe, "SET": pair_set, "TRAINING": write_recipe(folder)}


def _command(name: str, places: dict[str, object], out: Path) -> list[object]:
    given = [places.get(str(part), part) for part in COMMANDS[name]]
    return [out if part == "OUT" else out / "mask.oas" if part == "OUT/mask.oas" else part for part in given]


def _finished(command: list[object]) -> float:
    """Runs a command to its end; returns its seconds."""
    begun = time.monotonic()
    run = started(*command, start_new_session=True)
    try:
        _, errors = run.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        kill_all(run)
        raise
    assert run.returncode == 0, errors
    return time.monotonic() - begun


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_are_killed(here, tmp_path, pair_recipe, pair_set, name):
    if name == "tune" and importlib.util.find_spec("optuna") is None:
        pytest.skip("Optuna is an extra")
    places = _places(here, pair_recipe, pair_set)
    whole = tmp_path / "whole"
    seconds = _finished(_command(name, places, whole))
    expected, files = RESULTS[name](whole), files_below(whole)
    assert expected
    rng = random.Random(name)
    for number in range(ROUNDS):
        out = tmp_path / str(number)
        for _ in range(KILLS):
            run = started(*_command(name, places, out), start_new_session=True)
            time.sleep(rng.uniform(0.3, 1.0) * seconds)
            kill_all(run)
            assert run.returncode in (0, -signal.SIGKILL)
        _finished(_command(name, places, out))
        assert RESULTS[name](out) == expected
        assert {path for path in files_below(out) ^ files if not path.startswith(DIFFERING)} == set()
        assert not [path for path in os.listdir(out) if path.startswith(".")]
        shutil.rmtree(out)
