"""Builds that are killed, interrupted or run out of room: nothing is lost, damaged or doubled."""

import importlib.util
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from scenes import killed
from scenes.killed import alive, workers
from scenes.pairs import built, digests, write_recipe

from litho_dl.pairs.manifest import read_manifest
from litho_dl.pairs.verify import verify

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc"),
    pytest.mark.slow,
]
STEPS = 30  # about a quarter of a second a shard
PATIENCE_S = 120
HAS_DASK = importlib.util.find_spec("distributed") is not None
ONE = pytest.param(("--workers", 1), id="one process")
LOCAL = pytest.param(("--workers", 2), id="local workers")
DASK = pytest.param(
    ("--workers", 2, "--scheduler", "local"),
    id="Dask workers",
    marks=[pytest.mark.skipif(not HAS_DASK, reason="Dask is an extra"), pytest.mark.slow],
)


def slow(runner):
    return pytest.param(*runner.values, id=runner.id, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return write_recipe(tmp_path_factory.mktemp("recipe"), steps=STEPS)


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """An uninterrupted build in one process, which no test changes."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    built(recipe, folder)
    return folder


@pytest.fixture(scope="module")
def expected(whole):
    """Its files."""
    return digests(whole)


def started(recipe: Path, out: Path, *more: object, **settings: object) -> subprocess.Popen[str]:
    return killed.started("dataset", "build", recipe, "--out", out, *more, **settings)


def until(condition, run: subprocess.Popen[str]) -> None:
    """Waits for a condition while a build runs."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def shards(out: Path) -> list[Path]:
    return sorted(out.glob("shards/shard-*.h5"))


@pytest.mark.parametrize("runner", [slow(ONE), LOCAL, DASK])
def test_the_main_process_is_killed(recipe, expected, tmp_path, runner):
    run = started(recipe, tmp_path / "out", *runner)
    until(lambda: len(shards(tmp_path / "out")) > 1, run)
    orphans = workers(run.pid)
    assert len(orphans) == (0 if runner[1] == 1 else 2)
    run.kill()
    run.communicate()
    end = time.monotonic() + 20
    while any(map(alive, orphans)):
        assert time.monotonic() < end, "workers outlive the build"
        time.sleep(0.02)
    left = {path: path.stat().st_mtime_ns for path in shards(tmp_path / "out")}
    assert 1 < len(left) < 6
    assert verify(tmp_path / "out") == [] or len(left) > len(read_manifest(tmp_path / "out").shards)
    built(recipe, tmp_path / "out")
    assert digests(tmp_path / "out") == expected
    assert all(path.stat().st_mtime_ns == time for path, time in left.items())


@pytest.mark.parametrize("runner", [slow(LOCAL), DASK])
def test_a_worker_is_killed(recipe, expected, tmp_path, runner):
    run = started(recipe, tmp_path / "out", *runner)
    until(lambda: len(shards(tmp_path / "out")) > 0, run)
    os.kill(workers(run.pid)[0], signal.SIGKILL)
    out, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, errors
    assert "11 of 11 clips" in out
    assert digests(tmp_path / "out") == expected
    assert verify(tmp_path / "out") == []


@pytest.mark.parametrize("runner", [ONE, slow(LOCAL), DASK])
def test_ctrl_c(recipe, expected, tmp_path, runner):
    run = started(recipe, tmp_path / "out", *runner, start_new_session=True)
    until(lambda: len(shards(tmp_path / "out")) > 0, run)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does, to the workers too
    out, errors = run.communicate(timeout=20)
    assert (run.returncode, out) == (130, "")
    assert errors.strip().splitlines()[-1] == "Interrupted."
    said = {line for line in errors.splitlines() if ": the field is periodic" not in line}
    said = {line for line in said if not line.startswith("Making pairs: ")}  # on slow machines, how far it is
    assert said <= {"Making pairs ...", "", "Interrupted."}, errors
    assert read_manifest(tmp_path / "out").shards.keys() <= {int(path.stem[-5:]) for path in shards(tmp_path / "out")}
    built(recipe, tmp_path / "out")
    assert digests(tmp_path / "out") == expected


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_full_disk(recipe, whole, expected, tmp_path, count):
    """No file may grow beyond a size that the clips and optics fit in, and the shards do not: as where room ends."""
    out = shutil.copytree(whole, tmp_path / "out")
    for path in shards(out)[2:]:
        path.unlink()
    room = max(path.stat().st_size for path in (out / "dataset.json", out / "timing.csv")) + 100
    assert room < min(path.stat().st_size for path in shards(out))
    run = started(
        recipe,
        out,
        "--workers",
        count,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    _, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith("Error: Cannot write ")
    assert "disk is not full" in last
    assert "Traceback" not in errors
    assert len(shards(out)) == 2
    assert not list(out.rglob(".shard*"))
    built(recipe, out)
    assert digests(out) == expected


def test_a_read_only_folder(recipe):
    run = started(recipe, Path("/proc/pairs"), "--workers", 1)
    _, errors = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 1
    assert errors.strip().splitlines()[-1].startswith("Error: Cannot write to /proc/pairs")
