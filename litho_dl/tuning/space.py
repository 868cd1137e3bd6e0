"""Search spaces: dotted paths into settings, each with a range or choices."""

import re
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import Settings, suggestion, validated

Value = bool | int | float | str
Values = dict[str, Value]  # by path
Number = int | float
Model = TypeVar("Model", bound=BaseModel)

DIGITS = 4  # significant digits of sampled numbers, which keeps files readable
_PART = r"[^.\[\]]+(?:\[\d{1,6}\])*"


class Range(Settings):
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: Smallest value.
        high: Largest value.
        log: Sample the logarithm uniformly.
        step: Restrict the values to low, low + step, ..., high.
    """

    low: Number
    high: Number
    log: bool = False
    step: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0 and no step")
        if self.step is not None and not _whole((self.high - self.low) / self.step):
            raise ValueError(f"high must be low and a whole number of steps, got {self.low:g} + n x {self.step:g}")
        return self

    @property
    def extremes(self) -> tuple[Value, ...]:
        """The values for which the settings are validated."""
        return self.low, self.high

    def __contains__(self, value: Number) -> bool:
        return self.low <= value <= self.high and (self.step is None or _whole((value - self.low) / self.step))

    def of_type(self, start: Value) -> "Range":
        """The range in the type of the value that it replaces; ValueError for bool and str."""
        if isinstance(start, bool | str):
            raise ValueError(f"expected choices for {start!r}, got a range")
        numbers = {name: value for name, value in self if name != "log" and value is not None}
        if isinstance(start, int) and not all(isinstance(value, int) for value in numbers.values()):
            raise ValueError("expected whole numbers low, high and step")
        return self.model_copy(update={name: type(start)(value) for name, value in numbers.items()})

    def rounded(self, value: Value) -> Value:
        """A sampled value rounded to `DIGITS` significant digits."""
        if not isinstance(value, float):
            return value
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


class Choices(Settings):
    """One of several values."""

    choices: Annotated[tuple[Value, ...], Field(min_length=2)]

    @property
    def extremes(self) -> tuple[Value, ...]:
        """The values for which the settings are validated."""
        return self.choices

    def __contains__(self, value: Value) -> bool:
        return value in self.choices

    def of_type(self, start: Value) -> "Choices":
        """The choices in the type of the value that they replace."""
        if not isinstance(start, float):
            return self
        return Choices(choices=tuple(float(value) if type(value) is int else value for value in self.choices))

    def rounded(self, value: Value) -> Value:
        """The value itself."""
        return value


def _kind(given: Any) -> str:
    """The kind of dimension that a table describes, so that validation reports only errors of this kind."""
    chosen = "choices" in given if isinstance(given, dict) else isinstance(given, Choices)
    return "choices" if chosen else "range"


Dimension = Annotated[Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)]
Space = dict[str, Dimension]


def checked_space(space: Space, start: BaseModel, origin: str) -> Space:
    """Validates a search space, and converts it to the types of the settings that it changes.

    Both ends of each range and every choice must be valid, with all other settings as in `start`.

    Args:
        space: Dimensions by path, such as `levels[0].learning_rate[1]` or `objective.pvb`.
        start: The settings of the first trial; their values must lie in the space.
        origin: Name of the space in error messages.

    Returns:
        The converted space.

    Raises:
        RecipeError: A path does not exist, or values have the wrong type, are invalid, or do not include the start's.
    """
    checked: Space = {}
    for path, dimension in space.items():
        where = f"{origin}: space: {path}"
        value = value_at(start, path, where)
        try:
            checked[path] = dimension.of_type(value)
        except ValueError as error:
            raise RecipeError(f"{where}: {error}.") from error
        if value not in checked[path]:
            raise RecipeError(f"{where}: expected values that include the start's {value!r}; widen them.")
        for extreme in checked[path].extremes:
            with_values(start, {path: extreme}, f"{where} = {extreme!r}")
    return checked


def value_at(settings: BaseModel, path: str, where: str) -> Value:
    """The value at a path.

    Args:
        settings: The settings.
        path: The path, such as `levels[0].steps`.
        where: Prefix of error messages.

    Returns:
        The value.

    Raises:
        RecipeError: The path does not exist, or leads to several values.
    """
    value: Any = settings.model_dump(mode="json")
    for key in _keys(path, where):
        match value:
            case dict() if key in value:
                value = value[key]
            case list() if isinstance(key, int) and key < len(value):
                value = value[key]
            case dict():
                raise RecipeError(f"{where}: no {key!r} there; {suggestion(str(key), value)}")
            case _:
                raise RecipeError(f"{where}: no {key!r} there; got {value!r:.60}.")
    if not isinstance(value, Value):
        raise RecipeError(f"{where}: expected one value, got {value!r:.60}; name one of its entries, or set it first.")
    return value


def with_values(settings: Model, values: Values, origin: str) -> Model:
    """Replaces values at some paths.

    Args:
        settings: The settings to start from.
        values: New values by path.
        origin: Prefix of error messages.

    Returns:
        The new settings, of the same type.

    Raises:
        RecipeError: The values are not valid.
    """
    table = settings.model_dump(mode="json")
    for path, value in values.items():
        *keys, last = _keys(path, origin)
        inner: Any = table
        for key in keys:
            inner = inner[key]
        inner[last] = value
    return validated(type(settings), table, origin)


def _keys(path: str, where: str) -> list[str | int]:
    """The keys of a path: `levels[0].steps` as levels, 0, steps."""
    if not re.fullmatch(rf"{_PART}(?:\.{_PART})*", path):
        raise RecipeError(f"{where}: expected a path such as levels[0].steps.")
    return [int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d{1,6})\]", path)]


def _whole(ratio: float) -> bool:
    return abs(ratio - round(ratio)) < 1e-6
