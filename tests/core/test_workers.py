"""Tasks in this process, in worker processes and on Dask: the same results, whoever dies."""

import os
import platform
import time

import pytest
import torch
from scenes.worker_tasks import dying, dying_once, failing, faults_of_a_tensor, sleeping, threads_and_square

from litho_dl.core import workers as workers_module
from litho_dl.core.errors import LithoError, OutputError
from litho_dl.core.workers import default_workers, on_one_thread, run_tasks


@pytest.mark.parametrize(("workers", "scheduler"), [(1, None), (2, None), (2, "local")], ids=["here", "local", "dask"])
def test_the_same_results_everywhere(workers, scheduler):
    if scheduler:
        pytest.importorskip("distributed", reason="Dask is an extra")
    found = run_tasks(threads_and_square, range(5), workers=workers, scheduler=scheduler)
    assert sorted(found) == [(1, number**2) for number in range(5)]


def test_a_dead_worker_is_replaced(tmp_path):
    """Of two, one."""
    marks = [str(tmp_path / f"mark-{number}") for number in range(2)]
    (tmp_path / "mark-1").touch()
    assert sorted(run_tasks(dying_once, marks, workers=2)) == ["mark-0", "mark-1"]


def test_workers_that_always_die_end_the_run(monkeypatch):
    """After four losses in a row, or two here, for each takes seconds."""
    assert workers_module.MOST_LOSSES == 3
    monkeypatch.setattr(workers_module, "MOST_LOSSES", 1)
    with pytest.raises(LithoError, match="died 2 times in a row"):
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


def test_threads_are_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert on_one_thread(threads_and_square, 3) == (1, 9)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_scheduler_that_is_not_there():
    pytest.importorskip("distributed", reason="Dask is an extra")
    with pytest.raises(LithoError, match="Expected a Dask scheduler at nowhere"):
        list(run_tasks(failing, [1], scheduler="nowhere"))
