"""Pictures that a second process draws."""

import os

import pytest

from litho_dl.core.errors import OutputError
from litho_dl.core.second_process import at_once
from litho_dl.viz.drawing import drawing_process


def test_no_process_is_started_for_no_pictures():
    with drawing_process(wanted=False) as call:
        assert call is at_once


def test_a_process_that_is_ended_is_told_with_what_to_do():
    with pytest.raises(OutputError, match=r"ended from outside.*without pictures"), drawing_process() as call:
        call(os._exit, 1)
