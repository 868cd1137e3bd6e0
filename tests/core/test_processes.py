"""Worker processes: how many may be lost, what comes back of them, and Ctrl-C while they start."""

import os
import subprocess
import sys

import pytest
from scenes.worker_tasks import (
    dying_in_between,
    dying_once,
    process_of,
    unreadable_error,
    unsendable_error,
    unsendable_result,
)

from litho_dl.core import processes
from litho_dl.core.errors import LithoError
from litho_dl.core.order import TaskOrder
from litho_dl.core.processes import run_in_processes

INTERRUPTED = """
import os, signal, threading, time
from litho_dl.core import processes
from litho_dl.core.order import TaskOrder
from scenes.worker_tasks import sleeping

def interrupt():
    while True:
        os.killpg(0, signal.SIGINT)
        time.sleep(0.01)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=interrupt, daemon=True).start()
    processes.MOST_LOSSES = 0
    print(sorted(processes.run_in_processes(sleeping, TaskOrder([0.1, 0.2], {}), 2)))
"""


@pytest.fixture
def one_loss(monkeypatch):
    """A task may lose one worker."""
    monkeypatch.setattr(processes, "MOST_LOSSES", 1)


@pytest.mark.usefixtures("one_loss")
def test_several_workers_lost_at_once_are_losses_of_several_tasks(tmp_path):
    marks = [str(tmp_path / name) for name in "ab"]
    assert sorted(run_in_processes(dying_once, TaskOrder(marks, {}), 2)) == ["a", "b"]


@pytest.mark.usefixtures("one_loss")
def test_results_of_other_tasks_do_not_forgive_a_loss(tmp_path):
    """Loss, success, loss."""
    found = []
    with pytest.raises(LithoError, match="died 2 times on one task"):  # noqa: PT012
        for name in run_in_processes(dying_in_between, TaskOrder([str(tmp_path / n) for n in ("bad", "good")], {}), 2):
            found.append(name)
            (tmp_path / "used").touch()
    assert found == ["good"]


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (unreadable_error, LithoError, "(?s)failed:.*TwoPartError: cold and wet"),
        (unsendable_error, LithoError, "(?s)failed:.*ValueError"),
        (unsendable_result, TypeError, "pickle"),
    ],
)
def test_what_cannot_be_passed_on_is_told(function, error, message):
    with pytest.raises(error, match=message):
        list(run_in_processes(function, TaskOrder([1], {}), 1))


def test_tasks_that_need_each_other_are_no_endless_wait():
    with pytest.raises(AssertionError, match="in a circle"):
        list(run_in_processes(process_of, TaskOrder([1, 2], {1: [2], 2: [1]}), 1))


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_ctrl_c_never_reaches_a_worker(tmp_path):
    """Also not while it starts; the main process here goes on."""
    program = tmp_path / "interrupted.py"
    program.write_text(INTERRUPTED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    assert (run.stdout, run.stderr) == ("[0.1, 0.2]\n", "")
