"""Two processes under torchrun against one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from scenes.training import PLAIN, SGD, VALIDATION, classifier, environment, shared_runs

from litho_dl.core.errors import LithoError, TrainingError
from litho_dl.training import processes
from litho_dl.training.loop import train
from litho_dl.training.recipe import TrainingSettings

CLOSE = 1e-6


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """The same runs by two processes, and by one."""
    two, one = tmp_path_factory.mktemp("two"), tmp_path_factory.mktemp("one")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, "-m", "scenes.training", "share", two],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    shared_runs(one)
    return two, one


@pytest.mark.parametrize("name", ["classifier", "gan"])
def test_two_processes_are_one(runs, name):
    """Weights, averages, momentum and figures, with clipping, after three epochs; validation items do not divide."""
    states = [torch.load(folder / name / "last.pt", weights_only=True)["state"] for folder in runs]
    assert states[0]["networks"].keys() == states[1]["networks"].keys()
    for key, value in states[1]["networks"].items():
        torch.testing.assert_close(states[0]["networks"][key], value, atol=CLOSE, rtol=0)
    for learner, state in states[1]["learners"].items():
        averages = states[0]["learners"][learner]["average"]["values"]
        for found, average in zip(averages, state["average"]["values"], strict=True):
            torch.testing.assert_close(found, average, atol=CLOSE, rtol=0)
    for found, row in zip(states[0]["history"], states[1]["history"], strict=True):
        assert found.keys() == row.keys()
        assert {key: value for key, value in found.items() if key != "seconds"} == pytest.approx(
            {key: value for key, value in row.items() if key != "seconds"}, rel=1e-5, abs=CLOSE
        )


def test_weights_differ_from_those_of_a_start(runs):
    """The comparison above is not of weights that stayed where they were."""
    state = torch.load(runs[0] / "classifier" / "last.pt", weights_only=True)["state"]["networks"]
    start = classifier(random=False, norm=False).networks.state_dict()
    assert max((state[name] - value).abs().max() for name, value in start.items()) > 0.01


def test_processes_stay_together(runs):
    """With batch normalisation too: the same first and last weights, running means and figures in both."""
    first, second = (json.loads((runs[0] / f"norm-{rank}.json").read_text()) for rank in (0, 1))
    assert first == second


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for threads in /proc")
def test_no_thread_of_the_group_outlives_it(runs):
    """One that lets go of a tensor while the interpreter ends would abort the process."""
    for rank in (0, 1):
        found = json.loads((runs[0] / f"threads-{rank}.json").read_text())
        assert [name for name in found if "gloo" in name] == []
        assert found


def test_only_process_0_writes(runs):
    assert not list(runs[0].rglob(".*"))
    assert sorted(path.name for path in (runs[0] / "gan").iterdir()) == ["best.safetensors", "last.pt", "metrics.csv"]


def test_without_torchrun_there_is_one_process():
    with processes.process_group("cpu") as device:
        assert (device, processes.rank(), processes.world_size()) == (torch.device("cpu"), 0, 1)
    with pytest.raises(LithoError, match="Expected a device"), processes.process_group("tpu"):
        pass


def test_shares_are_apart_and_whole(monkeypatch):
    batches = [torch.arange(6), torch.arange(6, 7)]
    parts = []
    monkeypatch.setattr(processes, "world_size", lambda: 3)
    for rank in range(3):
        monkeypatch.setattr(processes, "rank", lambda rank=rank: rank)
        parts.append([part.tolist() for part in processes.local_batches(batches)])
    assert parts == [[[0, 3], [6]], [[1, 4]], [[2, 5]]]


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "world_size", lambda: 2)
    settings = TrainingSettings(epochs=1, batch_size=7, optimizer=SGD)
    with pytest.raises(TrainingError, match="batch_size that 2 processes can share, got 7"):
        train(classifier(), PLAIN, VALIDATION, settings, tmp_path)
