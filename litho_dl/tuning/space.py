"""What a study may change: dotted paths into settings, each with a range or choices."""

import re
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import Settings, known, validated

Value = bool | int | float | str
Values = dict[str, Value]  # by path
Number = int | float
Model = TypeVar("Model", bound=BaseModel)

DIGITS = 4  # of a drawn number; no setting needs more, and files stay readable
_PART = r"[^.\[\]]+(?:\[\d+\])*"


class Range(Settings):
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: The least.
        high: The largest.
        log: Draw their logarithms evenly.
        step: Only low, low + step, ..., high.
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
        """Values that settings must accept."""
        return self.low, self.high

    def __contains__(self, value: Number) -> bool:
        return self.low <= value <= self.high and (self.step is None or _whole((value - self.low) / self.step))

    def of_type(self, start: Value) -> "Range":
        """The range in the type of the value that it is to replace; ValueError if it has none."""
        if isinstance(start, bool | str):
            raise ValueError(f"expected choices for {start!r}, got a range")
        numbers = {name: value for name, value in self if name != "log" and value is not None}
        if isinstance(start, int) and not all(isinstance(value, int) for value in numbers.values()):
            raise ValueError("expected whole numbers low, high and step")
        return self.model_copy(update={name: type(start)(value) for name, value in numbers.items()})

    def drawn(self, value: Value) -> Value:
        """A value as it is used: to `DIGITS` significant digits."""
        if not isinstance(value, float):
            return value
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


class Choices(Settings):
    """One of several values."""

    choices: Annotated[tuple[Value, ...], Field(min_length=2)]

    @property
    def extremes(self) -> tuple[Value, ...]:
        """Values that settings must accept."""
        return self.choices

    def __contains__(self, value: Value) -> bool:
        return value in self.choices

    def of_type(self, start: Value) -> "Choices":
        """The choices in the type of the value that they are to replace."""
        if not isinstance(start, float):
            return self
        return Choices(choices=tuple(float(value) if type(value) is int else value for value in self.choices))

    def drawn(self, value: Value) -> Value:
        """The value as it is."""
        return value


def _kind(given: Any) -> str:
    """Which of the two a table means, so that only its own mistakes are named."""
    chosen = "choices" in given if isinstance(given, dict) else isinstance(given, Choices)
    return "choices" if chosen else "range"


Dimension = Annotated[Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_kind)]
Space = dict[str, Dimension]


def fitted(space: Space, start: BaseModel, origin: str) -> Space:
    """The space in the types of the settings that it changes.

    Every end of a range and every choice must be valid by itself, the others as in `start`.

    Args:
        space: By paths such as `levels[0].learning_rate[1]` or `objective.pvb`.
        start: The settings to begin with; their own values must lie in the space.
        origin: How errors name the space.

    Raises:
        RecipeError: A path leads nowhere, or values are of the wrong type, refused, or do not include the start's.
    """
    found: Space = {}
    for path, dimension in space.items():
        where = f"{origin}: space: {path}"
        value = value_at(start, path, where)
        try:
            found[path] = dimension.of_type(value)
        except ValueError as error:
            raise RecipeError(f"{where}: {error}.") from error
        if value not in found[path]:
            raise RecipeError(f"{where}: expected values that include the start's {value!r}; widen them.")
        for extreme in found[path].extremes:
            changed(start, {path: extreme}, f"{where} = {extreme!r}")
    return found


def value_at(settings: BaseModel, path: str, where: str) -> Value:
    """The one value that a path leads to.

    Raises:
        RecipeError: There is none.
    """
    value: Any = settings.model_dump(mode="json")
    for key in _keys(path, where):
        match value:
            case dict() if key in value:
                value = value[key]
            case list() if isinstance(key, int) and key < len(value):
                value = value[key]
            case dict():
                raise RecipeError(f"{where}: no {key!r} there; {known(str(key), value)}")
            case _:
                raise RecipeError(f"{where}: no {key!r} there; got {value!r:.60}.")
    if not isinstance(value, Value):
        raise RecipeError(f"{where}: expected one value, got {value!r:.60}; name one of its entries, or set it first.")
    return value


def changed(settings: Model, values: Values, origin: str) -> Model:
    """The settings with other values at some paths.

    Raises:
        RecipeError: They do not accept them.
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
    """`levels[0].steps` as levels, 0, steps."""
    if not re.fullmatch(rf"{_PART}(?:\.{_PART})*", path):
        raise RecipeError(f"{where}: expected a path such as levels[0].steps.")
    return [int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)]


def _whole(ratio: float) -> bool:
    return abs(ratio - round(ratio)) < 1e-6
