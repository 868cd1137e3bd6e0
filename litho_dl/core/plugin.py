"""Plugins: Python files that register objective terms, networks and other parts of the user's own."""

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TypeVar

from litho_dl.core.errors import RecipeError

Part = TypeVar("Part")


def register(table: dict[str, Part], name: str) -> Callable[[Part], Part]:
    """A decorator that adds a function or class to one of the package's tables under a new name.

    Args:
        table: The table, such as `ilt.objective.TERMS`.
        name: The new name.

    Returns:
        The decorator, which returns what it decorates.

    Raises:
        RecipeError: The table already has the name.
    """
    if name in table:
        raise RecipeError(f"Expected a new name, got {name!r}, which is taken ({', '.join(table)}); choose another.")

    def added(part: Part) -> Part:
        table[name] = part
        return part

    return added


def load_plugin(path: str | Path) -> None:
    """Runs a Python file that registers parts by `register`.

    Raises:
        RecipeError: There is no such file, or its name does not end in .py.
        Exception: Whatever the file raises.
    """
    path = Path(path)
    if path.suffix != ".py" or not path.is_file():
        raise RecipeError(f"{path}: expected a Python file, got none; its name ends in .py.")
    name = f"litho_dl_plugin_{path.stem}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
