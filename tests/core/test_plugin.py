"""Registering what a user wrote."""

import pytest

from litho_dl.core.errors import RecipeError
from litho_dl.core.plugin import register


def test_register_adds_and_gives_back():
    table = {"a": abs}
    assert register(table, "b")(max) is max
    assert table == {"a": abs, "b": max}


def test_register_refuses_a_known_name():
    table = {"a": abs}
    with pytest.raises(RecipeError, match="'a', which is taken"):
        register(table, "a")
    assert table == {"a": abs}
