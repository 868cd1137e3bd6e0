"""Tasks in worker processes on this machine, each of which keeps what it has loaded until all tasks are finished."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

import torch

from litho_dl.core.errors import LithoError
from litho_dl.core.memory import keep_memory
from litho_dl.core.order import TaskOrder
from litho_dl.core.process_calls import answer_to, interrupts_held, request_of, result_of
from litho_dl.core.threads import on_one_thread

Task = TypeVar("Task", bound=Hashable)
Result = TypeVar("Result")

MOST_LOSSES = 3  # workers that one task may lose, as with Dask


class _Worker(Generic[Task]):
    """A worker process, and the task that it works on."""

    def __init__(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.number = number
        self.task: Task | None = None
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, number), daemon=True)
        if sys.platform != "win32":
            resource_tracker.ensure_running()  # or the first process would start it, which ends the hold
        with interrupts_held():
            self.process.start()
        theirs.close()

    def start(self, function: Callable[[Task], object], task: Task) -> None:
        """Sends a task; a worker that has died is noticed when its answer is read."""
        self.task = task
        request = request_of(on_one_thread, function, task)
        with suppress(OSError):
            self.connection.send_bytes(request)

    def stop(self) -> None:
        """Ends the process at once."""
        self.process.terminate()
        self.process.join()
        self.connection.close()


def run_in_processes(function: Callable[[Task], Result], order: TaskOrder[Task], workers: int) -> Iterator[Result]:
    """Runs tasks in worker processes; one that dies is replaced, and its task repeated.

    Args:
        function: A function of a module.
        order: The tasks.
        workers: Largest number of processes; they are started when there are tasks for them.

    Yields:
        The results, in the order in which they are finished. Tasks that need a task start after its result was used.

    Raises:
        LithoError: One task loses more than `MOST_LOSSES` workers.
        Exception: Whatever the function raises.
    """
    pool: list[_Worker[Task]] = []
    losses: Counter[Task] = Counter()
    try:
        while order.unfinished:
            _hand_out(function, order, pool, workers)
            answered = wait([worker.connection for worker in pool])
            for worker in [worker for worker in pool if worker.connection in answered]:
                try:
                    answer = worker.connection.recv_bytes()
                except (EOFError, OSError):
                    _lose(worker, pool, order, losses)
                    continue
                result: Result = result_of(answer)
                task, worker.task = worker.task, None
                _hand_out(function, order, pool, workers)
                yield result
                assert task is not None
                order.finish(task)
    finally:
        for worker in pool:
            worker.stop()


def _hand_out(
    function: Callable[[Task], object], order: TaskOrder[Task], pool: list[_Worker[Task]], workers: int
) -> None:
    """Gives each idle worker a task that is ready, and starts workers for others."""
    idle = [worker for worker in pool if worker.task is None]
    while (idle or len(pool) < workers) and (task := order.take()) is not None:
        if not idle:
            idle = [_Worker(min(set(range(workers)) - {worker.number for worker in pool}))]
            pool += idle
        idle.pop(0).start(function, task)


def _lose(worker: _Worker[Task], pool: list[_Worker[Task]], order: TaskOrder[Task], losses: Counter[Task]) -> None:
    """Removes a worker that has died, and gives its task back."""
    pool.remove(worker)
    worker.stop()
    if worker.task is None:
        return
    losses[worker.task] += 1
    if losses[worker.task] > MOST_LOSSES:
        raise LithoError(
            f"Worker processes died {losses[worker.task]} times on one task, probably for lack of memory; use fewer "
            f"workers or smaller tasks."
        )
    order.give_back(worker.task)


def _serve(connection: Connection, number: int) -> None:
    """Runs the tasks that come, and sends back their results, or what they raise."""
    keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if (gpus := torch.cuda.device_count()) > 1:
        torch.cuda.set_device(number % gpus)
    with suppress(EOFError, OSError):  # the main process has ended
        while True:
            connection.send_bytes(answer_to(connection.recv_bytes()))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
