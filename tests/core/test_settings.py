"""Settings as TOML text, and what is told of faults in them."""

import tomllib
from typing import Literal

import numpy as np
import pytest
from pydantic import Field

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import Settings, toml_text, validated


def test_toml_leaves_out_none_at_any_depth():
    table = {"a": None, "b": 0, "part": {"c": None, "d": ""}, "rows": [{"e": 1, "f": None}, {"g": ({"h": None},)}]}
    assert tomllib.loads(toml_text(table)) == {"b": 0, "part": {"d": ""}, "rows": [{"e": 1}, {"g": [{}]}]}


class Wheel(Settings):
    radius_mm: float
    spokes: int = 0
    type: Literal["front", "rear"] | None = None


class Bicycle(Settings):
    name: str
    wheels: tuple[Wheel, ...]
    gears: dict[int, float] = Field(default_factory=dict)
    size: float | Literal["large"] = "large"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"nmae": "a", "wheels": [{"radius_mm": 1}]}, "nmae: unknown key; did you mean name?"),
        ({"name": "a", "wheels": [{"radius": 1}]}, "wheels.0.radius: unknown key; did you mean radius_mm?"),
        ({"name": "a", "wheels": [{"radius_mm": 1}], "colour": 1}, "colour: unknown key; check the spelling"),
        (
            {"name": "a", "spokes": 3, "wheels": [{"radius_mm": 1}]},
            "spokes: unknown key in this table; it belongs to another one",
        ),
        ({"nmae": "a"}, "wheels: Field required; nmae: unknown key; did you mean name?"),
    ],
)
def test_a_misspelt_key_is_one_fault(table, message):
    with pytest.raises(RecipeError) as raised:
        validated(Bicycle, table, "mine")
    assert str(raised.value) == f"mine: {message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wheels": [{"radius_mm": "340"}]}, "wheels.0.radius_mm: Input should be a valid number, got '340'"),
        ({"wheels": [{"radius_mm": 1, "spokes": "36"}]}, "wheels.0.spokes: Input should be a valid integer, got '36'"),
        ({"wheels": [{"radius_mm": 1, "spokes": [36]}]}, "wheels.0.spokes: Input should be a valid integer, got [36]"),
        ({"gears": {"1": "2.5"}}, "gears.1: Input should be a valid number, got '2.5'"),
        (
            {"wheels": [{"radius_mm": "1", "spokes": "36"}]},
            "wheels.0.radius_mm: Input should be a valid number, got '1'; "
            "wheels.0.spokes: Input should be a valid integer, got '36'",
        ),
    ],
)
def test_text_is_no_number(changes, message):
    with pytest.raises(RecipeError) as raised:
        validated(Bicycle, {"name": "a", "wheels": []} | changes, "mine")
    assert str(raised.value) == f"mine: {message}"


def test_numbers_of_any_kind_are_numbers():
    wheels = [{"radius_mm": 340, "spokes": 36.0}, {"radius_mm": np.float32(0.5), "spokes": np.int64(3)}]
    found = validated(Bicycle, {"name": "1", "wheels": wheels, "gears": {"1": 2}, "size": 3}, "mine")
    assert [(wheel.radius_mm, wheel.spokes) for wheel in found.wheels] == [(340.0, 36), (0.5, 3)]
    assert (found.name, found.gears, found.size) == ("1", {1: 2.0}, 3.0)
    assert validated(Bicycle, {"name": "a", "wheels": [], "size": "large"}, "mine").size == "large"


@pytest.mark.parametrize(("given", "hint"), [("frnt", "; did you mean front?"), ("left", ""), (5, "")])
def test_a_misspelt_choice_is_told_with_the_nearest(given, hint):
    with pytest.raises(RecipeError) as raised:
        validated(Wheel, {"radius_mm": 1, "type": given}, "mine")
    assert str(raised.value) == f"mine: type: Input should be 'front' or 'rear', got {given!r}{hint}"
