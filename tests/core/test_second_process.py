"""Calls in a second process."""

import importlib
import operator
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scenes.killed import write_pid
from scenes.worker_tasks import unreadable_error, unsendable_error

from litho_dl.core.errors import LithoError, OutputError
from litho_dl.core.second_process import MOST_WAITING, at_once, second_process

INTERRUPTED = """
import os, signal, sys, time
from litho_dl.core.second_process import second_process
with second_process(os.getpid) as call:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.killpg(0, signal.SIGINT)  # while it starts
    call(print, "started")
    time.sleep(1)
    os.killpg(0, signal.SIGINT)  # while it waits
    call(os.mkdir, sys.argv[1])
"""
KILLED = """
import os, signal, sys, time
from litho_dl.core.second_process import second_process
from scenes.killed import write_pid
with second_process(os.getpid) as call:
    call(write_pid, sys.argv[1])
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
"""


class FromNowhere:
    """Can be sent, but not read."""

    def __reduce__(self) -> tuple[object, ...]:
        return importlib.import_module, ("nowhere",)


def test_calls_are_made_elsewhere_in_order_and_waited_for(tmp_path: Path) -> None:
    begun = time.monotonic()
    with second_process(os.getpid) as call:
        call(time.sleep, 1)
        assert time.monotonic() - begun < 1, "starting it and calling take no time"
        call(os.mkdir, tmp_path / "first")
        call(os.mkdir, tmp_path / "first" / "second", mode=0o700)
        call(write_pid, tmp_path / "pid")
    assert (tmp_path / "first" / "second").is_dir()
    pid = int((tmp_path / "pid").read_text())
    assert pid != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_no_more_than_a_few_calls_wait(tmp_path: Path) -> None:
    with second_process(os.getpid) as call:
        for number in range(2 * MOST_WAITING):
            call(os.mkdir, tmp_path / str(number))
            assert number + 1 - len(list(tmp_path.iterdir())) <= MOST_WAITING
    assert len(list(tmp_path.iterdir())) == 2 * MOST_WAITING


def test_what_a_call_raises_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as raised, second_process(os.getpid) as call:  # noqa: PT012
        call(operator.truediv, 1, 0)
        call(os.mkdir, tmp_path / "after")
    assert "truediv" in str(raised.value.__notes__) or "function(" in str(raised.value.__notes__)
    assert (tmp_path / "after").exists()


def test_waiting_calls_are_dropped_where_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), second_process(os.getpid) as call:  # noqa: PT012
        call(time.sleep, 0.5)
        call(os.mkdir, tmp_path / "dropped")
        raise KeyError
    assert not (tmp_path / "dropped").exists()


@pytest.mark.parametrize("failing", [unreadable_error, unsendable_error])
def test_what_cannot_be_passed_on_is_told(failing) -> None:
    with (
        pytest.raises(LithoError, match=f"(?s)failed:.*in {failing.__name__}"),
        second_process(os.getpid) as call,
    ):
        call(failing, 1)


def test_a_call_that_cannot_be_read_is_told() -> None:
    """Such as one of a module that is not there."""
    with pytest.raises(ModuleNotFoundError, match="nowhere"), second_process(os.getpid) as call:
        call(print, FromNowhere())


def test_a_process_that_is_ended_is_a_plain_error() -> None:
    with (
        pytest.raises(OutputError, match="ended from outside, perhaps for lack of memory; free some, and run again"),
        second_process(os.getpid) as call,
    ):
        call(os._exit, 1)


def test_what_a_call_prints_disturbs_nothing(tmp_path: Path) -> None:
    with second_process(os.getpid) as call:
        call(print, "some text")
        call(os.mkdir, tmp_path / "after")
    assert (tmp_path / "after").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_ctrl_c_reaches_this_process_only(tmp_path: Path) -> None:
    """Also of a program that may not be imported again, as one without a guard against that."""
    program = tmp_path / "interrupted.py"
    program.write_text(INTERRUPTED)
    run = [sys.executable, program, tmp_path / "still"]
    subprocess.run(run, check=True, timeout=120, start_new_session=True)
    assert (tmp_path / "still").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
def test_the_process_ends_with_this_one(tmp_path: Path) -> None:
    program, told = tmp_path / "killed.py", tmp_path / "pid"
    program.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, program, told], env=environment, timeout=120)
    assert run.returncode == -signal.SIGKILL
    pid = int(told.read_text())
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("still there after 10 s")


def test_at_once_calls_here(tmp_path: Path) -> None:
    at_once(os.mkdir, tmp_path / "here", mode=0o700)
    assert (tmp_path / "here").is_dir()
