"""What one process asks of another, and what comes back."""

import operator
import signal
import sys

import pytest
from scenes.worker_tasks import unreadable_error, unsendable_error, unsendable_result

from litho_dl.core.errors import LithoError
from litho_dl.core.process_calls import answer_to, interrupts_held, request_of, result_of


def test_a_call_returns_its_result():
    assert result_of(answer_to(request_of(int, "11", base=2))) == 3


def test_what_a_call_raises_says_where():
    with pytest.raises(ZeroDivisionError) as raised:
        result_of(answer_to(request_of(operator.truediv, 1, 0)))
    assert "In another process:\nTraceback" in raised.value.__notes__[0]


@pytest.mark.parametrize("failing", [unreadable_error, unsendable_error])
def test_an_error_that_would_not_arrive_comes_as_text(failing):
    with pytest.raises(
        LithoError, match=f"(?s)failed:.*in {failing.__name__}.*(TwoPartError: cold and wet|ValueError)"
    ):
        result_of(answer_to(request_of(failing, 1)))


def test_a_result_that_cannot_be_sent_is_an_error():
    with pytest.raises(TypeError, match="pickle"):
        result_of(answer_to(request_of(unsendable_result, 1)))


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_ctrl_c_comes_after_the_block():
    before, done = signal.signal(signal.SIGINT, signal.default_int_handler), []  # a shell may have had it ignored
    with pytest.raises(KeyboardInterrupt), interrupts_held():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        done.append(True)
    signal.signal(signal.SIGINT, before)
    assert done
