"""How many threads torch computes with.

Many small tensors are computed faster side by side, each by one thread, than one after the other by all threads
together, which wait for each other at every operation. And sums are then taken in the same order on any machine.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import torch

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def on_one_thread(function: Callable[[Argument], Result], argument: Argument) -> Result:
    """Calls a function while torch uses one thread, so that sums are taken in the same order everywhere.

    Args:
        function: The function.
        argument: Its argument.

    Returns:
        The function's result.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return function(argument)
    finally:
        torch.set_num_threads(threads)


class Team:
    """As many threads as torch uses in this one, each of which computes on one core; so does this one meanwhile."""

    def __init__(self) -> None:
        self._threads = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        torch.set_num_threads(1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
        finally:
            self._pool = None
            torch.set_num_threads(self._threads)

    def map(self, function: Callable[[Argument], Result], items: Iterable[Argument]) -> list[Result]:
        """The function's result for each item; computed in this thread if there is one item or one thread."""
        several = list(items)
        if self._threads == 1 or len(several) < 2:
            return [function(item) for item in several]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, initializer=torch.set_num_threads, initargs=(1,))
        return list(self._pool.map(function, several))
