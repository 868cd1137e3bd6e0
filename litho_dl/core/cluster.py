"""A Dask cluster on this machine; imported only where Dask is wanted.

Dask's own servers open a port for a web page each, even without a dashboard; these do not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL
from typing import Any

from distributed import Nanny, Scheduler, Security, SpecCluster, Worker

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
