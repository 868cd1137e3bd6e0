"""Calls of functions in a process of their own, while this one goes on."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from litho_dl.core.errors import OutputError
from litho_dl.core.memory import collect_seldom

Call = Callable[..., None]  # of a function with its arguments
MOST_WAITING = 2  # calls whose arguments are held


def at_once(function: Call, *arguments: Any, **named: Any) -> None:
    """Calls a function now, in this process; stands in for what `beside` yields."""
    function(*arguments, **named)


@contextmanager
def beside(prepare: Call) -> Iterator[Call]:
    """Starts a process that makes calls, one after the other; the end of the block waits for all of them.

    Where the block raises an exception, the call that is running is finished, and those that wait are not made. Ctrl-C
    reaches this process only. The other one ends with it, even if it is killed.

    Args:
        prepare: What the process does first, such as importing modules that the calls need.

    Yields:
        A function that takes a function of a module and its arguments, to be called there; it returns at once, unless
        `MOST_WAITING` calls are waiting.

    Raises:
        OutputError: The process was ended from outside.
        Exception: The first that a call raised, here or from a later call.
    """
    program = f"import sys; sys.path[:] = {sys.path!r}; from litho_dl.core.beside import serve; serve()"
    with _interrupts_held():
        process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sender = ThreadPoolExecutor(1)
    calls: list[Future[None]] = []

    def call(function: Call, *arguments: Any, **named: Any) -> None:
        calls.append(sender.submit(_ask, process, (function, arguments, named)))
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


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Holds Ctrl-C back until the end of the block; processes that are started in it never get it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ask(process: "subprocess.Popen[bytes]", call: tuple[Call, tuple[Any, ...], dict[str, Any]]) -> None:
    """Sends a call to the other process and waits for its answer.

    Raises:
        OutputError: The process has ended.
        Exception: What the call raised.
    """
    request = pickle.dumps(call)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(request)
        process.stdin.flush()
        error = pickle.load(process.stdout)
    except (EOFError, ConnectionError, pickle.UnpicklingError) as lost:
        raise OutputError(
            "The process that writes pictures was ended from outside, perhaps for lack of memory; free some, or run "
            "again without pictures."
        ) from lost
    if error is not None:
        raise error


def serve() -> None:
    """Makes the calls that arrive on standard input, and answers each on standard output: None, or what it raised.

    Ends where the input does. What the calls print goes to standard error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with suppress(EOFError, ConnectionError):
        while True:
            function, arguments, named = pickle.load(sys.stdin.buffer)
            raised = None
            try:
                function(*arguments, **named)
            except Exception as error:
                error.add_note(traceback.format_exc())
                raised = error
            answers.write(pickle.dumps(raised))
            answers.flush()
            del function, arguments, named
            gc.collect()  # figures are circles of objects, with images in them
            gc.freeze()
