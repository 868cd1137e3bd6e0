"""Parts of your own in the package's tables, and the Python files that add them."""

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TypeVar

from litho_dl.core.errors import RecipeError

Part = TypeVar("Part")


def register(table: dict[str, Part], name: str) -> Callable[[Part], Part]:
    """Adds what it decorates to one of the package's tables, such as `ilt.objective.TERMS`, under a new name.

    Raises:
        RecipeError: The table has the name.
    """
    if name in table:
        raise RecipeError(f"Expected a new name, got {name!r}, which is there ({', '.join(table)}); choose another.")

    def added(part: Part) -> Part:
        table[name] = part
        return part

    return added


def load_plugin(path: str | Path) -> None:
    """Runs a Python file that registers parts.

    Raises:
        RecipeError: There is no such file, or it does not end in .py.
        Exception: What the file raises.
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
