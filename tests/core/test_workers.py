"""Tasks in this process, in worker processes and on Dask: the same results, whoever dies."""

import os
import platform
import time

import pytest
import torch
from scenes.worker_tasks import (
    dying,
    dying_once,
    failing,
    faults_of_a_tensor,
    names_in,
    process_of,
    sleeping,
    threads_and_square,
)

from litho_dl.core import processes
from litho_dl.core.errors import LithoError, OutputError
from litho_dl.core.workers import default_workers, run_tasks


@pytest.mark.parametrize(("workers", "scheduler"), [(1, None), (2, None), (2, "local")], ids=["here", "local", "dask"])
def test_the_same_results_everywhere(workers, scheduler):
    if scheduler:
        pytest.importorskip("distributed", reason="Dask is an extra")
    found = run_tasks(threads_and_square, range(5), workers=workers, scheduler=scheduler)
    assert sorted(found) == [(1, number**2) for number in range(5)]


@pytest.mark.parametrize(("workers", "scheduler"), [(1, None), (2, None), (2, "local")], ids=["here", "local", "dask"])
def test_tasks_wait_for_those_that_they_need(tmp_path, workers, scheduler):
    """And for what is done with their results: each finds the files that were written for those that it needs."""
    if scheduler:
        pytest.importorskip("distributed", reason="Dask is an extra")
    tasks = [(str(tmp_path), number) for number in range(6)]
    needs = {tasks[0]: [tasks[4], tasks[5]], tasks[4]: [tasks[5]], tasks[2]: [tasks[3]]}
    found = {}
    for number, seen in run_tasks(names_in, tasks, needs=needs, workers=workers, scheduler=scheduler):
        found[number] = seen
        (tmp_path / str(number)).touch()
    assert set(found) == set(range(6))
    assert {4, 5} <= found[0]
    assert 5 in found[4]
    assert 3 in found[2]


def test_a_dead_worker_is_replaced(tmp_path):
    """Of two, one; the other works on."""
    marks = [str(tmp_path / name) for name in ("mark", "slow")]
    assert sorted(run_tasks(dying_once, marks, workers=2)) == ["mark", "slow"]
    assert len((tmp_path / "slow").read_text().split()) == 1, "a task that was not lost is not repeated"


def test_workers_stay_until_the_last_task():
    """Where all tasks wait for one, too."""
    tasks = list(range(5))
    needs = {task: [2] for task in tasks if task != 2}
    assert len(set(run_tasks(process_of, tasks, needs=needs, workers=2))) <= 2


def test_workers_that_always_die_end_the_run(monkeypatch):
    """After four losses of one task, or two here, for each takes seconds."""
    assert processes.MOST_LOSSES == 3
    monkeypatch.setattr(processes, "MOST_LOSSES", 1)
    with pytest.raises(LithoError, match="died 2 times on one task"):
        list(run_tasks(dying, ["a", "b"], workers=2))


@pytest.mark.slow
def test_dask_workers_that_always_die_end_the_run():
    pytest.importorskip("distributed", reason="Dask is an extra")
    with pytest.raises(LithoError, match="Dask workers died repeatedly"):
        list(run_tasks(dying, ["a"], workers=1, scheduler="local"))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone hands memory back so soon")
@pytest.mark.parametrize("scheduler", [None, pytest.param("local", marks=pytest.mark.slow)], ids=["local", "dask"])
def test_workers_keep_their_memory(scheduler):
    """Dask tells its workers not to."""
    if scheduler:
        pytest.importorskip("distributed", reason="Dask is an extra")
    pages = max(run_tasks(faults_of_a_tensor, [64, 65], workers=2, scheduler=scheduler))
    assert pages < 64 * 2**20 / os.sysconf("SC_PAGESIZE") / 4


def test_leaving_stops_the_workers():
    results = run_tasks(sleeping, [0.01, 60.0, 60.1], workers=2)
    assert next(results) == 0.01
    started = time.monotonic()
    results.close()
    assert time.monotonic() - started < 10


def test_default_workers(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert default_workers(torch.device("cuda")) == 3
    assert default_workers(torch.device("cuda:1")) == 1
    assert default_workers(torch.device("cpu")) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_comes_back(workers):
    with pytest.raises(OutputError, match="no room"):
        list(run_tasks(failing, [1, 2], workers=workers))


def test_a_scheduler_that_is_not_there():
    pytest.importorskip("distributed", reason="Dask is an extra")
    with pytest.raises(LithoError, match="Expected a Dask scheduler at nowhere"):
        list(run_tasks(failing, [1], scheduler="nowhere"))
