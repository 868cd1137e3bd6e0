"""The numbers of a recipe by dotted keys, such as `resist.threshold`: what is there, and recipes with other values."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import suggestion, validated
from litho_dl.optics.pupil import HIGHEST_NOLL
from litho_dl.process.recipe import Recipe, RecipeCorner

DOSE, FOCUS, THRESHOLD = "corners.nominal.dose", "corners.nominal.defocus_nm", "resist.threshold"
SHORT = {"dose": DOSE, "focus_nm": FOCUS}  # what users may write
NUMERICAL = ("kernels", "scale", "corners")  # no physics; of the corners, the nominal one alone is free
WAVES = "pupil.zernike_waves"


def full_key(key: str, recipe: Recipe) -> str:
    """A key as recipes spell it: `dose` and `focus_nm` are those of the nominal corner, and `Z9` is 9.

    Args:
        key: What a user wrote.
        recipe: The recipe whose numbers are free.

    Raises:
        RecipeError: The recipe has no such number.
    """
    full = SHORT.get(key, key)
    noll = re.fullmatch(rf"{re.escape(WAVES)}\.[Zz]?(\d{{1,4}})", full)
    if noll and 1 <= int(noll[1]) <= HIGHEST_NOLL and recipe.pupil.imaging != "spot":
        return f"{WAVES}.Z{int(noll[1])}"
    known = known_keys(recipe)
    if full not in known:
        raise RecipeError(f"--fit: the recipe has no number {key!r}; {suggestion(key, (*known, f'{WAVES}.Z9'))}")
    return full


def known_keys(recipe: Recipe) -> list[str]:
    """The numbers of a recipe that can be fitted, but for aberrations that it lacks."""
    parts = (name for name in Recipe.model_fields if name not in NUMERICAL)
    return [key for part in parts for key in _numbers(getattr(recipe, part), part)] + [DOSE, FOCUS]


def _numbers(value: Any, key: str) -> Iterator[str]:
    """The keys of all floats in a value."""
    if isinstance(value, float):
        yield key
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _numbers(getattr(value, name), f"{key}.{name}")
    elif isinstance(value, Mapping):
        for name, entry in value.items():
            yield from _numbers(entry, f"{key}.Z{name}" if key == WAVES else f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _numbers(entry, f"{key}.{index}")


def value_of(recipe: Recipe, key: str) -> float:
    """The number at a key; 0 for an aberration that the recipe lacks."""
    value: Any = recipe
    for part in key.split("."):
        if isinstance(value, BaseModel):
            value = getattr(value, part)
        elif isinstance(value, Mapping):
            value = value.get(int(part[1:]), 0.0) if part[1:].isdigit() else value[part]
        else:
            value = value[int(part)]
    return float(value)


def with_values(recipe: Recipe, values: Mapping[str, float]) -> Recipe:
    """A recipe with other numbers at some keys; of the corners, all follow the nominal one.

    Args:
        recipe: The recipe.
        values: By full keys. A dose multiplies those of the other corners too, and a focus is added to theirs.

    Raises:
        RecipeError: The numbers make no valid recipe.
    """
    table = recipe.model_dump()
    for key, value in values.items():
        if key not in (DOSE, FOCUS):
            _put(table, key.split("."), float(value))
    nominal = recipe.corners["nominal"]
    factor = values.get(DOSE, nominal.dose) / nominal.dose
    shift_nm = values.get(FOCUS, nominal.defocus_nm) - nominal.defocus_nm
    table["corners"] = {
        name: {"dose": corner.dose * factor, "defocus_nm": corner.defocus_nm + shift_nm}
        for name, corner in recipe.corners.items()
    }
    return validated(Recipe, table, recipe.description)


def _put(table: Any, path: list[str], value: float) -> None:
    """Sets a value inside tables and lists, which are copied; a table that is left out at its defaults is made."""
    here, *rest = path
    place: Any = here
    if isinstance(table, dict):
        place = int(here[1:]) if here[1:].isdigit() and here[0] == "Z" else here
        entry = table.get(place, {})
    else:
        place = int(here)
        entry = table[place]
    if rest:
        table[place] = entry = dict(entry) if isinstance(entry, Mapping) else list(entry)
        _put(entry, rest, value)
    else:
        table[place] = value


def limits(recipe: Recipe, key: str) -> tuple[float, float]:
    """The least and the largest value at a key that the recipe's model allows, by themselves; infinite if unbounded."""
    inside: Any = recipe
    path = key.split(".")
    annotations: list[Any] = []
    for part in path[:-1]:
        inside = getattr(inside, part, None) if isinstance(inside, BaseModel) else _entry(inside, part)
    if isinstance(inside, BaseModel):
        annotations = list(type(inside).model_fields[path[-1]].metadata)
    if key.startswith(WAVES):
        return -100.0, 100.0
    if key in (DOSE, FOCUS):
        annotations = list(RecipeCorner.model_fields[path[-1]].metadata)
    low = [getattr(own, name) for own in annotations for name in ("ge", "gt") if getattr(own, name, None) is not None]
    high = [getattr(own, name) for own in annotations for name in ("le", "lt") if getattr(own, name, None) is not None]
    return max(map(float, low), default=-float("inf")), min(map(float, high), default=float("inf"))


def _entry(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    return value[int(part)]
