"""Tasks on a Dask cluster, of others or on this machine; imported only where Dask is wanted.

Dask's own servers open a port for a web page each, even without a dashboard; these do not.
"""

import os
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from logging import CRITICAL
from typing import Any, TypeVar

import torch
from distributed import (
    Client,
    KilledWorker,
    Nanny,
    Scheduler,
    Security,
    SpecCluster,
    Worker,
    as_completed,
    get_worker,
)
from distributed.comm import CommClosedError

from litho_dl.core.errors import LithoError
from litho_dl.core.memory import keep_memory
from litho_dl.core.order import TaskOrder
from litho_dl.core.threads import on_one_thread

Task = TypeVar("Task", bound=Hashable)
Result = TypeVar("Result")

DASK_MALLOC = ("MALLOC_TRIM_THRESHOLD_", "65536")  # set by Dask's nanny; every tensor then gets new pages
HERE = "127.0.0.1"
# Only the main process handles Ctrl-C.
IGNORE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class PagelessScheduler(Scheduler):
    """A scheduler without a web page."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Opens no port."""


class PagelessWorker(Worker):
    """A worker without a web page."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Opens no port."""


@contextmanager
def local_cluster(workers: int) -> Iterator[SpecCluster]:
    """Workers of one thread each in processes on this machine, reached only from it.

    Dask's settings for TLS (`distributed.comm.tls`, `distributed.comm.require-encryption`) hold here too.

    Args:
        workers: Number of workers.

    Yields:
        The cluster.
    """
    security = Security()
    protocol = "tls://" if security.require_encryption else "tcp://"
    common: dict[str, Any] = {"host": HERE, "protocol": protocol, "security": security}
    worker = {"nthreads": 1, "worker_class": PagelessWorker, "preload": [IGNORE_CTRL_C], "silence_logs": CRITICAL}
    specs = {number: {"cls": Nanny, "options": {**common, **worker}} for number in range(workers)}
    with SpecCluster(
        workers=specs,
        scheduler={"cls": PagelessScheduler, "options": {**common, "port": 0, "dashboard": False}},
        security=security,
        silence_logs=CRITICAL,
    ) as cluster:
        yield cluster


def run_on_dask(
    function: Callable[[Task], Result], order: TaskOrder[Task], workers: int, scheduler: str
) -> Iterator[Result]:
    """Runs tasks on Dask, whose own settings limit how many workers a task may lose (three by default).

    Args:
        function: A function of a module.
        order: The tasks.
        workers: Number of processes of a cluster on this machine.
        scheduler: Address of the scheduler, or `local`.

    Yields:
        The results, in the order in which they are finished. Tasks that need a task start after its result was used.

    Raises:
        LithoError: Workers die repeatedly, or the scheduler cannot be reached or is lost.
        Exception: Whatever the function raises.
    """
    with ExitStack() as stack:
        address: Any = stack.enter_context(local_cluster(workers)) if scheduler == "local" else scheduler
        try:
            client = stack.enter_context(Client(address, timeout="20s"))
        except (OSError, ValueError) as error:
            raise LithoError(f"Expected a Dask scheduler at {scheduler}, got none ({error}); is it running?") from error
        pin = scheduler == "local" and torch.cuda.device_count() > 1
        tasks: dict[Any, Task] = {}

        def submitted() -> list[Any]:
            """Submits all tasks that are ready."""
            futures = []
            while (task := order.take()) is not None:
                place = -order.place(task)
                futures.append(client.submit(_on_dask_worker, function, task, pin, pure=False, priority=place))
                tasks[futures[-1]] = task
            return futures

        try:
            running = as_completed(submitted())
            for future in running:
                yield future.result()
                order.finish(tasks.pop(future))
                running.update(submitted())
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
        torch.cuda.set_device(int(get_worker().name) % torch.cuda.device_count())
    name, value = DASK_MALLOC
    if os.environ.get(name) == value:
        del os.environ[name]
    keep_memory()
    return on_one_thread(function, task)
