"""How many threads torch computes with."""

from collections.abc import Callable
from typing import TypeVar

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
