"""Calls of functions in a second process, while this one goes on."""

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from litho_dl.core.errors import OutputError
from litho_dl.core.memory import collect_seldom
from litho_dl.core.process_calls import answer_to, interrupts_held, request_of, result_of

Call = Callable[..., None]  # of a function with its arguments
MOST_WAITING = 2  # calls whose arguments are held


def at_once(function: Call, *arguments: Any, **named: Any) -> None:
    """Calls a function now, in this process; stands in for what `second_process` yields."""
    function(*arguments, **named)


@contextmanager
def second_process(prepare: Call, advice: str = "free some, and run again") -> Iterator[Call]:
    """Starts a process that makes calls, one after the other; the end of the block waits for all of them.

    Where the block raises an exception, the call that is running is finished, and those that wait are not made. Ctrl-C
    reaches this process only. The other one ends with it, even if it is killed.

    Args:
        prepare: What the process does first, such as importing modules that the calls need.
        advice: What the user is told to do if the process lacked memory.

    Yields:
        A function that takes a function of a module and its arguments, to be called there; it returns at once, unless
        `MOST_WAITING` calls are waiting.

    Raises:
        OutputError: The process was ended from outside.
        Exception: The first that a call raised, here or from a later call.
    """
    program = f"import sys; sys.path[:] = {sys.path!r}; from litho_dl.core.second_process import serve; serve()"
    with interrupts_held():
        process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sender = ThreadPoolExecutor(1)
    calls: list[Future[None]] = []

    def call(function: Call, *arguments: Any, **named: Any) -> None:
        calls.append(sender.submit(_ask, process, advice, function, *arguments, **named))
        if len(calls) > MOST_WAITING:
            calls.pop(0).result()

    try:
        call(prepare)
        yield call
        for made in calls:
            made.result()
    finally:
        sender.shutdown(cancel_futures=True)
        process.communicate()


def _ask(process: "subprocess.Popen[bytes]", advice: str, /, function: Call, *arguments: Any, **named: Any) -> None:
    """Sends a call to the other process and waits for its answer.

    Raises:
        OutputError: The process has ended.
        Exception: What the call raised.
    """
    request = request_of(function, *arguments, **named)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pickle.dump(request, process.stdin)
        process.stdin.flush()
        answer = pickle.load(process.stdout)
    except (EOFError, ConnectionError, pickle.UnpicklingError) as lost:
        raise OutputError(
            f"A process that helps this one was ended from outside, perhaps for lack of memory; {advice}."
        ) from lost
    result_of(answer)


def serve() -> None:
    """Makes the calls that arrive on standard input, and answers each on standard output.

    Ends where the input does. What the calls print goes to standard error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with suppress(EOFError, ConnectionError):
        while True:
            pickle.dump(answer_to(pickle.load(sys.stdin.buffer)), answers)
            answers.flush()
            gc.collect()  # figures are circles of objects, with images in them
            gc.freeze()
