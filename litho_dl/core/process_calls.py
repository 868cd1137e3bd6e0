"""Calls that one process asks another to make: request, answer and result, and Ctrl-C held back while it starts."""

import pickle
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from litho_dl.core.errors import LithoError


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Holds Ctrl-C back until the end of the block; processes that are started in it never get it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def request_of(function: Callable[..., object], *arguments: Any, **named: Any) -> bytes:
    """A call as bytes to send.

    Args:
        function: A function of a module.
        *arguments: Its arguments.
        **named: Its named arguments.
    """
    return pickle.dumps((function, arguments, named))


def answer_to(request: bytes) -> bytes:
    """Makes a call; returns its result, or what it raised, as bytes that the other process can read."""
    try:
        function, arguments, named = pickle.loads(request)
        return pickle.dumps((True, function(*arguments, **named)))
    except Exception as error:
        error.add_note(f"In another process:\n{traceback.format_exc()}")
        return _raised(error)


def _raised(error: Exception) -> bytes:
    """An exception as bytes; one that would not arrive becomes a `LithoError` with its traceback."""
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)  # fails for exceptions whose arguments are not those of their class
    except Exception:
        text = "".join(traceback.format_exception(error))
        return pickle.dumps((False, LithoError(f"A call in another process failed:\n{text}")))
    return answer


def result_of(answer: bytes) -> Any:
    """The result of a call.

    Args:
        answer: What `answer_to` returned.

    Raises:
        Exception: What the call raised.
    """
    done, found = pickle.loads(answer)
    if not done:
        raise found
    return found
