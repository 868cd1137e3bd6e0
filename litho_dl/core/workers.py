"""Independent tasks in this process, in local worker processes, or on a Dask cluster, with the same results.

Each task runs on one thread, so that sums are taken in the same order wherever it runs. Tasks write their results to
files and return only what is small.
"""

import os
import platform
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import torch

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.order import TaskOrder
from litho_dl.core.processes import run_in_processes
from litho_dl.core.threads import on_one_thread

Task = TypeVar("Task", bound=Hashable)
Result = TypeVar("Result")


def default_workers(device: torch.device) -> int:
    """The default number of workers: the GPUs that the device allows, or the CPU cores that this process may use."""
    if device.type == "cuda":
        return torch.cuda.device_count() if device.index is None else 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    needs: Mapping[Task, Collection[Task]] | None = None,
    workers: int = 1,
    scheduler: str | None = None,
) -> Generator[Result, None, None]:
    """Runs a function on every task, in parallel, on the same workers from the first task to the last.

    A local worker that dies is replaced and its task repeated. Leaving the iteration stops the workers; they also end
    with this process, even if it is killed.

    Args:
        function: A function of a module, so that other processes can import it.
        tasks: The arguments of the calls, no two of them equal; those that come first are started first.
        needs: The tasks whose results must have been yielded, and used, before a task starts.
        workers: Local processes; 1 runs the tasks in this process. Worker i uses GPU i modulo the number of GPUs as
            `cuda`.
        scheduler: Address of a Dask scheduler, whose workers have at most one GPU each, or `local` for a Dask cluster
            of `workers` processes on this machine.

    Yields:
        The results, in the order in which they are finished.

    Raises:
        LithoError: Workers die repeatedly, or Dask is not installed, cannot be reached or is lost.
        Exception: Whatever the function raises.
    """
    order = TaskOrder(tasks, needs or {})
    if scheduler is not None:
        try:
            from litho_dl.core.cluster import run_on_dask
        except ImportError as error:
            raise LithoError("Expected Dask for a scheduler, got none; pip install 'litho-dl[cluster]'.") from error
        yield from run_on_dask(function, order, workers, scheduler)
    elif workers > 1:
        yield from run_in_processes(function, order, workers)
    else:
        while (task := order.take()) is not None:
            yield on_one_thread(function, task)
            order.finish(task)


def require_shared(folder: Path, name: str) -> Path:
    """Checks that this worker can read a folder shared by all workers.

    Args:
        folder: The folder, by the path that all workers use.
        name: A file that the main process has written there.

    Returns:
        The folder.

    Raises:
        DatasetError: This worker does not find the file.
    """
    if not (folder / name).exists():
        raise DatasetError(
            f"{folder}: not found on {platform.node()}; all workers must see the folder under this path."
        )
    return folder
