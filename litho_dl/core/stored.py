"""JSON that a command wrote and another reads back: checked by a schema, as anything may stand there by then."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from litho_dl.core.errors import LithoError
from litho_dl.core.settings import explained

Count = Annotated[int, Field(ge=0, lt=2**31)]
AnyFloat = Annotated[float, Field(allow_inf_nan=True)]  # of what was measured
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

LARGEST = 2**64


class Stored(BaseModel):
    """Base of what is read back: frozen, with finite numbers; entries of later versions are ignored."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def parse_json(content: str | bytes, origin: str, error: type[LithoError], *, finite: bool = True) -> Any:
    """The value of a JSON text.

    Args:
        content: The text, or its UTF-8 bytes.
        origin: Its name in error messages.
        error: Class of the error.
        finite: Whether NaN and infinity are refused.

    Returns:
        Plain values, lists and tables.

    Raises:
        LithoError: It is not JSON, is nested too deeply, or holds whole numbers of more than 64 bits.
    """
    try:
        value = from_json(content, allow_inf_nan=not finite)
        _require_small_numbers(value)
    except ValueError as fault:
        raise error(f"{origin}: the file is damaged, not JSON ({fault}); restore it or remove it.") from fault
    return value


def _require_small_numbers(value: Any) -> None:
    """Refuses whole numbers that are no floating-point numbers; `from_json` limits the depth."""
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError("a number of more than 64 bits")
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _require_small_numbers(entry)


def checked(model: type[Model], table: Any, origin: str, error: type[LithoError]) -> Model:
    """Validates what was read back.

    Args:
        model: The schema.
        table: The value, as parsed.
        origin: Its name in error messages.
        error: Class of the error.

    Returns:
        The model's object.

    Raises:
        LithoError: It does not fit the schema; one line names all faults.
    """
    try:
        return model.model_validate(table)
    except ValidationError as fault:
        raise error(f"{origin}: the file is damaged ({explained(fault)}); restore it or remove it.") from fault
