"""Tasks in worker processes on this machine, each of which keeps what it has loaded until all tasks are finished."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

import torch

from litho_dl.core.errors import LithoError
from litho_dl.core.memory import keep_memory
from litho_dl.core.order import TaskOrder
from litho_dl.core.threads import on_one_thread

Task = TypeVar("Task", bound=Hashable)
Result = TypeVar("Result")

MOST_LOSSES = 3  # workers lost in a row without a finished task


class _Worker(Generic[Task, Result]):
    """A worker process, and the task that it works on."""

    def __init__(self, function: Callable[[Task], Result], number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.function, self.number = function, number
        self.task: Task | None = None
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(function, theirs, number), daemon=True)
        self.process.start()
        theirs.close()

    def start(self, task: Task) -> None:
        """Sends a task; a worker that has died is noticed when its answer is read."""
        self.task = task
        with suppress(OSError):
            self.connection.send(task)

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
        LithoError: Workers die repeatedly.
        Exception: Whatever the function raises.
    """
    pool: list[_Worker[Task, Result]] = []
    losses = 0
    try:
        while order.unfinished:
            _hand_out(function, order, pool, workers)
            answered = wait([worker.connection for worker in pool])
            for worker in [worker for worker in pool if worker.connection in answered]:
                try:
                    done, answer = worker.connection.recv()
                except (EOFError, OSError):
                    losses = _replaced(worker, pool, order, losses)
                    continue
                if not done:
                    raise answer
                task, worker.task, losses = worker.task, None, 0
                _hand_out(function, order, pool, workers)
                yield answer
                assert task is not None
                order.finish(task)
    finally:
        for worker in pool:
            worker.stop()


def _hand_out(
    function: Callable[[Task], Result], order: TaskOrder[Task], pool: list[_Worker[Task, Result]], workers: int
) -> None:
    """Gives each idle worker a task that is ready, and starts workers for others."""
    idle = [worker for worker in pool if worker.task is None]
    while (idle or len(pool) < workers) and (task := order.take()) is not None:
        if not idle:
            idle = [_Worker(function, len(pool))]
            pool += idle
        idle.pop(0).start(task)


def _replaced(
    worker: _Worker[Task, Result], pool: list[_Worker[Task, Result]], order: TaskOrder[Task], losses: int
) -> int:
    """Puts a new worker in the place of one that has died; returns the losses in a row."""
    if worker.task is not None:
        order.give_back(worker.task)
    worker.stop()
    if losses == MOST_LOSSES:
        pool.remove(worker)
        raise LithoError(
            f"Worker processes died {losses + 1} times in a row without finishing a task, probably for lack of "
            f"memory; use fewer workers or smaller tasks."
        )
    pool[pool.index(worker)] = _Worker(worker.function, worker.number)
    return losses + 1


def _serve(function: Callable[[Task], Result], connection: Connection, number: int) -> None:
    """Runs the tasks that come, and sends back their results, or what they raise."""
    keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if (gpus := torch.cuda.device_count()) > 1:
        torch.cuda.set_device(number % gpus)
    while True:
        task = connection.recv()
        try:
            answer = True, on_one_thread(function, task)
        except Exception as error:
            error.add_note(f"In a worker process:\n{traceback.format_exc()}")
            connection.send((False, error))
        else:
            connection.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
