"""Settings as TOML text, and what is told of faults in them."""

import tomllib

import pytest

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import Settings, toml_text, validated


def test_toml_leaves_out_none_at_any_depth():
    table = {"a": None, "b": 0, "part": {"c": None, "d": ""}, "rows": [{"e": 1, "f": None}, {"g": ({"h": None},)}]}
    assert tomllib.loads(toml_text(table)) == {"b": 0, "part": {"d": ""}, "rows": [{"e": 1}, {"g": [{}]}]}


class Wheel(Settings):
    radius_mm: float
    spokes: int = 0


class Bicycle(Settings):
    name: str
    wheels: tuple[Wheel, ...]


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
