"""Independent tasks in this process, in local worker processes, or on a Dask cluster, with the same results.

Each task runs on one thread, so that sums are taken in the same order wherever it runs. Tasks write their results to
files and return only what is small.
"""

import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import CancelledError, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, TypeVar

import torch

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.memory import keep_memory

Task = TypeVar("Task", bound=Hashable)
Result = TypeVar("Result")

MOST_LOSSES = 3  # workers lost in a row without a finished task
DASK_MALLOC = ("MALLOC_TRIM_THRESHOLD_", "65536")  # set by Dask's nanny; every tensor then gets new pages


def default_workers(device: torch.device) -> int:
    """The default number of workers: the GPUs that the device allows, or the CPU cores that this process may use."""
    if device.type == "cuda":
        return torch.cuda.device_count() if device.index is None else 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_tasks(
    function: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int = 1, scheduler: str | None = None
) -> Iterator[Result]:
    """Runs a function on every task, in parallel.

    A local worker that dies is replaced and its task repeated. Leaving the iteration stops the workers; they also end
    with this process, even if it is killed.

    Args:
        function: A function of a module, so that other processes can import it.
        tasks: The arguments of the calls, no two of them equal.
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
    if scheduler is not None:
        yield from _on_dask(function, tasks, workers, scheduler)
    elif workers > 1:
        yield from _in_processes(function, tasks, workers)
    else:
        for task in tasks:
            yield on_one_thread(function, task)


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


def on_one_thread(function: Callable[[Task], Result], task: Task) -> Result:
    """Calls a function while torch uses one thread.

    Args:
        function: The function.
        task: Its argument.

    Returns:
        The function's result.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return function(task)
    finally:
        torch.set_num_threads(threads)


def _in_processes(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    waiting, losses = dict.fromkeys(tasks), 0
    while waiting:
        with _pool(min(workers, len(waiting))) as pool:
            futures = {pool.submit(on_one_thread, function, task): task for task in waiting}
            try:
                for future in as_completed(futures):
                    result = future.result()
                    del waiting[futures.pop(future)]
                    losses = 0
                    yield result
            except BrokenProcessPool:
                losses += 1
                if losses > MOST_LOSSES:
                    raise LithoError(
                        f"Worker processes died {losses} times in a row without finishing a task, probably for lack "
                        f"of memory; use fewer workers or smaller tasks."
                    ) from None


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes are stopped at once if the block raises an exception."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _start_worker, (_numbers(context, workers),))
    before = set(multiprocessing.active_children())
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _numbers(context: SpawnContext, workers: int) -> "SimpleQueue[int]":
    """A queue of 0, 1, ..., of which each worker takes one number."""
    numbers: SimpleQueue[int] = context.SimpleQueue()
    for number in range(workers):
        numbers.put(number)
    return numbers


def _start_worker(numbers: "SimpleQueue[int]") -> None:
    """Ignores Ctrl-C, which the main process handles; chooses the GPU; ends with the main process."""
    keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if (gpus := torch.cuda.device_count()) > 1:
        torch.cuda.set_device(numbers.get() % gpus)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _on_dask(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int, scheduler: str
) -> Iterator[Result]:
    """Runs the tasks on Dask, whose own settings limit how many workers a task may lose (three by default)."""
    try:
        from distributed import Client, KilledWorker, as_completed
        from distributed.comm import CommClosedError
    except ImportError as error:
        raise LithoError("Expected Dask for a scheduler, got none; pip install 'litho-dl[cluster]'.") from error
    with ExitStack() as stack:
        address: Any = scheduler
        if scheduler == "local":
            from litho_dl.core.cluster import local_cluster

            address = stack.enter_context(local_cluster(workers))
        try:
            client = stack.enter_context(Client(address, timeout="20s"))
        except (OSError, ValueError) as error:
            raise LithoError(f"Expected a Dask scheduler at {scheduler}, got none ({error}); is it running?") from error
        pin = scheduler == "local" and torch.cuda.device_count() > 1
        futures = [client.submit(_on_dask_worker, function, task, pin, pure=False) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except KilledWorker as error:
            raise LithoError(
                "Dask workers died repeatedly on one task, probably for lack of memory; use fewer workers or smaller "
                "tasks."
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise LithoError(f"The Dask scheduler at {scheduler} was lost; start it and run again.") from error


def _on_dask_worker(function: Callable[[Task], Result], task: Task, pin: bool) -> Result:
    """Calls the function on one thread; with `pin`, worker i of a local cluster uses GPU i modulo their number."""
    if pin:
        from distributed import get_worker

        torch.cuda.set_device(int(get_worker().name) % torch.cuda.device_count())
    name, value = DASK_MALLOC
    if os.environ.get(name) == value:
        del os.environ[name]
    keep_memory()
    return on_one_thread(function, task)
