"""Checks of the types of arguments at the public border, by their names."""

from collections.abc import Callable, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.errors import LithoError


def require_paths(**values: Any) -> None:
    """Checks that arguments are paths.

    Raises:
        LithoError: One is neither a string nor a `Path`.
    """
    _require(values, lambda value: isinstance(value, str | Path), "a path")


def require_texts(**values: Any) -> None:
    """Checks that arguments are strings or None.

    Raises:
        LithoError: One is not.
    """
    _require(values, lambda value: value is None or isinstance(value, str), "a string")


def require_numbers(**values: Any) -> None:
    """Checks that arguments are real numbers or None.

    Raises:
        LithoError: One is not.
    """
    _require(values, lambda value: value is None or _is_number(value), "a number")


def require_whole(**values: Any) -> None:
    """Checks that arguments are whole numbers of at least 1.

    Raises:
        LithoError: One is not.
    """
    _require(values, lambda value: _is_number(value) and value == int(value) >= 1, "a whole number of at least 1")


def require_functions(**values: Any) -> None:
    """Checks that arguments can be called or are None.

    Raises:
        LithoError: One is not.
    """
    _require(values, lambda value: value is None or callable(value), "a function")


def require_boxes(**values: Any) -> None:
    """Checks that arguments are sequences of numbers or None; how many is left to those who use them.

    Raises:
        LithoError: One is not.
    """

    def is_box(value: Any) -> bool:
        return value is None or (isinstance(value, Sequence | np.ndarray) and all(map(_is_number, value)))

    _require(values, is_box, "four numbers x0, y0, x1, y1 in nm")


def require_sequences(**values: Any) -> None:
    """Checks that arguments are sequences, but not strings.

    Raises:
        LithoError: One is not.
    """
    _require(values, lambda value: isinstance(value, Sequence | np.ndarray) and not isinstance(value, str), "a list")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _require(values: dict[str, Any], fits: Callable[[Any], bool], wanted: str) -> None:
    for name, value in values.items():
        if not fits(value):
            shown = f" {value!r:.40}" if isinstance(value, str | int | float) else ""
            raise LithoError(f"Expected {name} as {wanted}, got {type(value).__name__}{shown}.")
