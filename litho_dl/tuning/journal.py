"""The journal of a search: Optuna's log of operations, checked line by line before Optuna reads it."""

import math
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, TypeAdapter, ValidationError

from litho_dl.core.errors import OutputError
from litho_dl.core.settings import explained
from litho_dl.tuning.trial import Score

JOURNAL = "journal.log"


def _optuna_time(text: str) -> str:
    """An ISO time, as text; Optuna converts it to local time."""
    try:
        datetime.fromisoformat(text).astimezone()
    except (OverflowError, OSError) as error:
        raise ValueError("expected a time of this era") from error
    return text


Time = Annotated[str, AfterValidator(_optuna_time)]
Index = Annotated[int, Field(ge=0, lt=2**31)]
State = Annotated[int, Field(ge=0, le=4)]
Nothing = Annotated[dict[str, JsonValue], Field(max_length=0)]
OneEntry = Annotated[dict[str, JsonValue], Field(min_length=1, max_length=1)]


class _Operation(BaseModel):
    """A line of the journal; later versions of Optuna may add entries."""

    model_config = ConfigDict(strict=True, frozen=True)

    worker_id: str


class _CreateStudy(_Operation):
    op_code: Literal[0]
    study_name: str
    directions: tuple[Literal[1], Literal[1]]


class _OfStudy(_Operation):
    op_code: Literal[2, 3]
    study_id: Index
    user_attr: OneEntry = Field(default={"": None})
    system_attr: OneEntry = Field(default={"": None})


class _Waiting(BaseModel):
    """Attributes of a trial whose values were chosen."""

    model_config = ConfigDict(strict=True)

    fixed_params: dict[str, bool | int | FiniteFloat | str] = {}


class _CreateTrial(_Operation):
    op_code: Literal[4]
    study_id: Index
    datetime_start: Time | None
    state: Literal[0, 4] = 0
    value: None = None
    values: None = None
    distributions: Nothing = {}
    params: Nothing = {}
    user_attrs: Nothing = {}
    system_attrs: _Waiting = _Waiting()
    intermediate_values: Nothing = {}


class _SetParameter(_Operation):
    op_code: Literal[5]
    trial_id: Index
    param_name: str
    param_value_internal: FiniteFloat
    distribution: str


class _SetState(_Operation):
    op_code: Literal[6]
    trial_id: Index
    state: State
    values: tuple[FiniteFloat, FiniteFloat] | None
    datetime_start: Time | None = None
    datetime_complete: Time | None = None


def _finite(score: Score) -> Score:
    """A score of numbers from zero."""
    if not all(0 <= value < math.inf for value in asdict(score).values()):
        raise ValueError("expected scores from zero")
    return score


class _Result(BaseModel):
    """Attributes that a finished trial gets from `search.Search`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    score: Annotated[Score, AfterValidator(_finite)] | None = None
    failure: str | None = None


class _SetResult(_Operation):
    op_code: Literal[8]
    trial_id: Index
    user_attr: _Result


class _SetAttribute(_Operation):
    op_code: Literal[9]
    trial_id: Index
    system_attr: OneEntry


_LINE: TypeAdapter[Any] = TypeAdapter(
    Annotated[
        _CreateStudy | _OfStudy | _CreateTrial | _SetParameter | _SetState | _SetResult | _SetAttribute,
        Field(discriminator="op_code"),
    ]
)


def require_journal(path: Path) -> None:
    """Checks each line of a journal; an incomplete last one, which another process may be writing, is left out.

    Raises:
        OutputError: It cannot be read, or a line is damaged.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: cannot be read ({error.strerror}).") from error
    for number, line in enumerate(lines, start=1):
        try:
            _LINE.validate_json(line.decode())
        except ValueError as error:
            reason = explained(error) if isinstance(error, ValidationError) else str(error)
            raise OutputError(f"{path}:{number}: the journal is damaged ({reason}); choose another folder.") from error


def clear_journal(folder: Path) -> None:
    """Removes what a killed search left beside a journal, and a last line that it did not finish."""
    for lock in folder.glob(f"{JOURNAL}.lock*"):
        lock.unlink()
    path = folder / JOURNAL
    if path.is_file() and not path.is_symlink():
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            with open(path, "r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)
