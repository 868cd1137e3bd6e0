"""Settings in TOML: files that ship with the package and the user's own, validated with clear messages."""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticKnownError
from pydantic_core.core_schema import no_info_before_validator_function

from litho_dl.core.errors import RecipeError
from litho_dl.core.io import plain_file

Kind = Literal["optics", "ilt", "rules", "dataset", "mnist", "generators", "studies", "stacks"]
NOUNS: dict[Kind, str] = {
    "optics": "optics recipe",
    "ilt": "ILT method",
    "rules": "design rules",
    "dataset": "data set recipe",
    "mnist": "benchmark",
    "generators": "training recipe",
    "studies": "study",
    "stacks": "mask stack",
}
UNKNOWN_KEY, NO_CHOICE = "extra_forbidden", "literal_error"  # pydantic's names of the faults
QUOTED = re.compile(r"'([^']*)'")
HIDDEN_TAGS = {"<threshold>", "<chemical>"}  # of alternatives that one key chooses between; a file has none
MOST_FAULTS, LONGEST_PART, LONGEST_MESSAGE = 8, 80, 400  # messages may quote a stranger's file
Model = TypeVar("Model", bound=BaseModel)
# Bounds beyond which nobody can mean a value: a misplaced exponent is refused before work starts.
Positive = Annotated[float, Field(gt=0, le=1e12)]
Length = Annotated[float, Field(ge=1e-3, le=1e6)]  # nm
Rate = Annotated[float, Field(gt=0, le=1e6)]
Slope = Annotated[float, Field(gt=0, le=1e6)]
Weight = Annotated[float, Field(ge=0, le=1e9)]
Fraction = Annotated[float, Field(ge=0, le=1)]
# Digests of what settings made do not depend on keys that are not set.
LEFT_OUT_IF_NONE: Any = Field(exclude_if=lambda value: value is None)
ProperFraction = Annotated[float, Field(ge=0, lt=1)]


def _number(fault: Literal["int_type", "float_type"]) -> Callable[[Any], Any]:
    """A check that lets everything pass but text, which pydantic would read as a number."""

    def checked(value: Any) -> Any:
        if isinstance(value, str):
            raise PydanticKnownError(fault)
        return value

    return checked


NUMBERS = {"int": _number("int_type"), "float": _number("float_type")}


def _refusing_text(schema: Any, own: type[BaseModel]) -> Any:
    """The schema of a model with `NUMBERS` before its numbers.

    Keys of tables, which are text in TOML, stay as they are; models in its fields have schemas of their own.
    """
    if isinstance(schema, list):
        return [_refusing_text(part, own) for part in schema]
    if not isinstance(schema, dict) or (schema.get("type") == "model" and schema["cls"] is not own):
        return schema
    kind = schema.get("type")  # no text in a table of fields of which one is named `type`
    if isinstance(kind, str) and kind in NUMBERS:
        return no_info_before_validator_function(NUMBERS[kind], schema)
    return {key: part if key == "keys_schema" else _refusing_text(part, own) for key, part in schema.items()}


class Settings(BaseModel):
    """Base of all settings: frozen, with finite numbers, which no text stands for, and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _refusing_text(handler(source), cls)


class TomlTable(NamedTuple):
    """A parsed TOML file.

    Attributes:
        table: Its content.
        origin: Its name in error messages.
        folder: The folder that its relative paths start from; None for a file of the package.
    """

    table: dict[str, Any]
    origin: str
    folder: Path | None


def packaged_names(kind: Kind) -> list[str]:
    """Names of the packaged files of one kind."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder(kind).iterdir() if entry.name.endswith(".toml"))


def suggestion(name: str, names: Collection[str]) -> str:
    """The hint of an error message about an unknown name: `did you mean A? known: A, B.`

    Args:
        name: The unknown name.
        names: The known names.

    Returns:
        The hint; without the question if no known name is similar.
    """
    close = difflib.get_close_matches(name, names, n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"known: {', '.join(names)}."


def packaged_text(kind: Kind, name: str) -> str:
    """The TOML text of a packaged file.

    Args:
        kind: What the file describes.
        name: Its name, without `.toml`.

    Returns:
        The text.

    Raises:
        RecipeError: There is no such file.
    """
    names = packaged_names(kind)
    if name not in names:
        raise RecipeError(
            f"No {NOUNS[kind]} or file named {name!r}; {suggestion(name, names)} Your own file ends in .toml."
        )
    return (_folder(kind) / f"{name}.toml").read_text(encoding="utf-8")


def read_toml(kind: Kind, name_or_path: str | Path) -> TomlTable:
    """Reads a packaged file by name, or a file ending in .toml.

    Args:
        kind: What the file describes.
        name_or_path: The name of a packaged file, or a path that ends in .toml.

    Returns:
        The parsed file.

    Raises:
        RecipeError: Unknown name, unreadable file, or not TOML.
    """
    if not isinstance(name_or_path, str | Path):
        got = type(name_or_path).__name__
        raise RecipeError(f"Expected the name of a packaged {NOUNS[kind]} or the path of a .toml file, got {got}.")
    path = Path(name_or_path)
    if path.suffix != ".toml":
        text, origin, folder = packaged_text(kind, str(name_or_path)), f"{NOUNS[kind]} {name_or_path}", None
    else:
        text, origin, folder = _read_text(path), str(path), path.parent
    try:
        return TomlTable(tomllib.loads(text), origin, folder)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and others that tomllib does not wrap
        raise RecipeError(f"{origin}: not valid TOML: {error}.") from error


def resolve_name(name: str, folder: Path | None, kind: Kind | None = None) -> str:
    """The file that a TOML table names, looked up beside the table; packaged names take precedence.

    Args:
        name: A name or relative path in the table.
        folder: The table's folder; None for a table of the package.
        kind: Kind of packaged file that the name may stand for; None: no packaged file.

    Returns:
        The path in the folder if it exists there, otherwise the name itself.
    """
    if folder is None or (kind is not None and name in packaged_names(kind)):
        return name
    return str(folder / name) if (folder / name).exists() else name


def validated(model: type[Model], table: Any, origin: str) -> Model:
    """Validates a table against a pydantic model.

    Args:
        model: The model.
        table: The table, as parsed.
        origin: The table's name in error messages.

    Returns:
        The model's object.

    Raises:
        RecipeError: The table is invalid; one line names all faults, but not those that a misspelt key leads to.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise RecipeError(f"{origin}: {explained(error, model)}") from error


def explained(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """The faults that a validation found, on one line; of many, the first ones.

    Args:
        error: The error.
        model: The model of the table, whose keys are named where others are misspelt; None: one that takes any key.

    Returns:
        The text.
    """
    entries: list[Any] = list(error.errors())
    known = [] if model is None else sorted(set(_keys(model)))
    meant = {entry["loc"]: _meant(entry["loc"][-1], known) for entry in entries if entry["type"] == UNKNOWN_KEY}
    spelt = {(*loc[:-1], key) for loc, key in meant.items()}  # these keys are missing only as they are misspelt
    faults = [entry for entry in entries if not (entry["type"] == "missing" and entry["loc"] in spelt)]
    inside = {entry["loc"][: len(entry["loc"]) - 1 - cut] for entry in faults for cut in range(len(entry["loc"]))}
    faults = [entry for entry in faults if not (entry["type"] == "too_short" and entry["loc"] in inside)]
    texts = [_explain(entry, meant.get(entry["loc"], "")) for entry in faults]
    more = f"; {len(texts) - MOST_FAULTS} more" if len(texts) > MOST_FAULTS else ""
    return "; ".join(texts[:MOST_FAULTS]) + more


def load_settings(model: type[Model], kind: Kind, name_or_path: str | Path) -> Model:
    """Loads settings that ship with the package by name, or a file ending in .toml.

    Args:
        model: The pydantic model of the settings.
        kind: What the settings describe.
        name_or_path: The name of a packaged file, or a path that ends in .toml.

    Returns:
        The validated settings.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, _ = read_toml(kind, name_or_path)
    return validated(model, table, origin)


def toml_text(table: dict[str, Any]) -> str:
    """The TOML text of plain values, lists and tables; entries that are None are left out."""
    import tomli_w

    return tomli_w.dumps(_without_none(table))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_none(entry) for key, entry in value.items() if entry is not None}
    return [_without_none(entry) for entry in value] if isinstance(value, list | tuple) else value


def _keys(annotation: Any) -> Iterator[str]:
    """The keys of a model and of those in its fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield name
            yield from _keys(field.annotation)
    for part in get_args(annotation):
        yield from _keys(part)


def _meant(key: Any, known: Sequence[str]) -> str:
    """The known key that a misspelt one resembles most; empty if there is none."""
    return next(iter(difflib.get_close_matches(str(key), known, n=1)), "")


def _explain(entry: Any, meant: str) -> str:
    parts = (str(part)[:LONGEST_PART] for part in entry["loc"] if part not in HIDDEN_TAGS)
    where = ".".join(part if part.isprintable() else repr(part) for part in parts)
    if entry["type"] == UNKNOWN_KEY:
        if meant == entry["loc"][-1]:
            return f"{where}: unknown key in this table; it belongs to another one"
        return f"{where}: unknown key; " + (f"did you mean {meant}?" if meant else "check the spelling")
    message = entry["msg"].removeprefix("Value error, ")[:LONGEST_MESSAGE]
    shown = "" if entry["type"] in ("missing", "value_error") else f", got {entry['input']!r:.60}"
    if entry["type"] == NO_CHOICE and (nearest := _meant(entry["input"], QUOTED.findall(entry["ctx"]["expected"]))):
        shown += f"; did you mean {nearest}?"
    return f"{where}: {message}{shown}" if where else f"{message}{shown}"


def _read_text(path: Path) -> str:
    try:
        return plain_file(path, RecipeError).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: expected a UTF-8 text file ({error.reason} at byte {error.start}).") from error
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such file.") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}).") from error


def _folder(kind: Kind) -> Traversable:
    return resources.files("litho_dl") / "recipes" / kind
