"""Tasks for worker processes: good ones, and those that kill their worker or fail."""

import os
import resource
import signal
import threading
import time
from pathlib import Path

import torch

from litho_dl.core.errors import OutputError


def threads_and_square(number: int) -> tuple[int, int]:
    return torch.get_num_threads(), number**2


def process_of(number: int) -> int:
    return os.getpid()


def names_in(task: tuple[str, int]) -> tuple[int, set[int]]:
    """The task's number, and those of the files in its folder."""
    folder, number = task
    return number, {int(path.name) for path in Path(folder).iterdir()}


def dying_once(mark: str) -> str:
    """Kills its process the first time it sees a mark; one named `slow` takes seconds, and notes its process."""
    path = Path(mark)
    if path.name == "slow":
        with path.open("a") as file:
            print(os.getpid(), file=file)
        time.sleep(3)
    elif not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def dying(mark: str) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return mark


def sleeping(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def faults_of_a_tensor(megabytes: int) -> int:
    """Pages that the process was handed for the last of some tensors."""
    for _ in range(20):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.empty(megabytes * 2**20, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def failing(number: int) -> int:
    raise OutputError(f"no room for {number}")


def dying_in_between(task: str) -> str:
    """`bad` kills its process at once, then when a file `used` is there, then not; `good` waits for its first death."""
    path = Path(task)
    deaths, used = path.with_name("deaths"), path.with_name("used")
    if path.name == "good":
        _wait_for(deaths)
        time.sleep(0.5)  # until it is dead
    elif not used.exists() or deaths.read_text() == "1":
        if deaths.exists():
            _wait_for(used)
        deaths.write_text("2" if deaths.exists() else "1")
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def _wait_for(path: Path) -> None:
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.01)


class TwoPartError(Exception):
    """An error that can be sent, but not read: its class wants what its arguments lack."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


def unreadable_error(number: int) -> None:
    raise TwoPartError("cold", "wet")


def unsendable_error(number: int) -> None:
    raise ValueError(threading.Lock())


def unsendable_result(number: int) -> object:
    return threading.Lock()
