"""Settings in TOML: the files that ship with the package and the user's own, validated with clear messages."""

import difflib
import tomllib
from collections.abc import Collection
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
ProperFraction = Annotated[float, Field(ge=0, lt=1)]


class Settings(BaseModel):
    """Base of all settings: frozen, with finite numbers and no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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
    """TOML of plain values, lists and tables; entries that are None are left out."""
    import tomli_w

    return tomli_w.dumps(_without_none(table))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _without_none(entry) for key, entry in value.items() if entry is not None}
    return [_without_none(entry) for entry in value] if isinstance(value, list | tuple) else value


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
