"""Looking a part up by name."""

from collections.abc import Mapping
from typing import TypeVar

from litho_dl.core.errors import RecipeError

Part = TypeVar("Part")


def choose(table: Mapping[str, Part], name: str, what: str) -> Part:
    """`table[name]`.

    Raises:
        RecipeError: There is no such name; the message lists those there are.
    """
    if name not in table:
        raise RecipeError(f"Expected {what} ({', '.join(table)}), got {name!r}; choose one of these.")
    return table[name]
