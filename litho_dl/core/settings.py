"""TOML settings: those that ship with the package, and the user's own files; checked with clear words."""

import difflib
import json
import re
import tomllib
from collections.abc import Collection
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, Field, ValidationError

from litho_dl.core.errors import RecipeError

Kind = Literal["optics", "ilt", "rules", "dataset", "mnist", "generators", "studies"]
NOUNS: dict[Kind, str] = {
    "optics": "optics recipe",
    "ilt": "ILT method",
    "rules": "design rules",
    "dataset": "data set recipe",
    "mnist": "benchmark",
    "generators": "training recipe",
    "studies": "study",
}
Model = TypeVar("Model", bound=BaseModel)
Share = Annotated[float, Field(ge=0, lt=1)]


class TomlTable(NamedTuple):
    """A parsed file, how errors name it, and the folder its relative paths start from (None: packaged)."""

    table: dict[str, Any]
    origin: str
    folder: Path | None


def shipped_names(kind: Kind) -> list[str]:
    """Names of the packaged files of one kind."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder(kind).iterdir() if entry.name.endswith(".toml"))


def known(name: str, names: Collection[str]) -> str:
    """`did you mean A? known: A, B.`, for messages about an unknown name."""
    close = difflib.get_close_matches(name, names, n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"known: {', '.join(names)}."


def shipped_text(kind: Kind, name: str) -> str:
    """The TOML text of a packaged file.

    Raises:
        RecipeError: No such file.
    """
    names = shipped_names(kind)
    if name not in names:
        raise RecipeError(f"No {NOUNS[kind]} or file named {name!r}; {known(name, names)} Your own file ends in .toml.")
    return (_folder(kind) / f"{name}.toml").read_text(encoding="utf-8")


def read_toml(kind: Kind, name_or_path: str | Path) -> TomlTable:
    """Reads a packaged file by name, or a file ending in .toml.

    Raises:
        RecipeError: Unknown name, unreadable file, or not TOML.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        text, origin, folder = shipped_text(kind, str(name_or_path)), f"{NOUNS[kind]} {name_or_path}", None
    else:
        text, origin, folder = _read_text(path), str(path), path.parent
    try:
        return TomlTable(tomllib.loads(text), origin, folder)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and what tomllib lets through
        raise RecipeError(f"{origin}: not valid TOML: {error}.") from error


def located(name: str, folder: Path | None, kind: Kind | None = None) -> str:
    """A file that a table names, found in the table's folder; names of what ships of a kind come first."""
    if folder is None or (kind is not None and name in shipped_names(kind)):
        return name
    return str(folder / name) if (folder / name).exists() else name


def validated(model: type[Model], table: Any, origin: str) -> Model:
    """Validates a table against a pydantic model, turning every complaint into one line of a RecipeError."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise RecipeError(f"{origin}: " + "; ".join(_explain(entry) for entry in error.errors())) from error


def toml_text(table: dict[str, Any]) -> str:
    """TOML of plain values, lists, tables and lists of tables; None is left out."""
    tables = {key: value for key, value in table.items() if isinstance(value, dict) or _is_tables(value)}
    lines = _assignments({key: value for key, value in table.items() if key not in tables})
    for key, value in tables.items():
        heading = f"[{_key(key)}]" if isinstance(value, dict) else f"[[{_key(key)}]]"
        for entry in [value] if isinstance(value, dict) else value:
            lines += ["", heading, *_assignments(entry)]
    return "\n".join(lines) + "\n"


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _assignments(table: dict[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items() if value is not None]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case _:  # JSON writes text, booleans and numbers as TOML does
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _explain(entry: Any) -> str:
    where = ".".join(str(part) if str(part).isprintable() else repr(part) for part in entry["loc"])
    if entry["type"] == "extra_forbidden":
        return f"{where}: unknown key; check the spelling"
    message = entry["msg"].removeprefix("Value error, ")
    shown = "" if entry["type"] in ("missing", "value_error") else f", got {entry['input']!r:.60}"
    return f"{where}: {message}{shown}" if where else f"{message}{shown}"


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: expected a UTF-8 text file ({error.reason} at byte {error.start}).") from error
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such file.") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}).") from error


def _folder(kind: Kind) -> Traversable:
    return resources.files("litho_dl") / "recipes" / kind
