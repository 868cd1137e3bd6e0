"""Pages that are generated: the examples with what they print and draw, commands, keys of methods, and the results."""

import contextlib
import inspect
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from pydantic import BaseModel

from litho_dl.cli.main import COMMANDS, cli
from litho_dl.ilt.assists import Assists, Bars
from litho_dl.ilt.fragmentation import Fragmentation
from litho_dl.ilt.method import Level, Method, Rules, WindowCorner
from litho_dl.ilt.objective import TERMS

EXAMPLES, LAYOUTS, RESULTS = (Path(__file__).parents[1] / name for name in ("examples", "layouts", "results"))
METHOD_TABLES: dict[str, type[BaseModel]] = {
    "The method": Method,
    "`[[levels]]`": Level,
    "`[[corners]]`, of the term `through_window`": WindowCorner,
    "`[rules]`, at wafer scale": Rules,
    "`[fragments]`, of `manhattan`": Fragmentation,
    "`[assists]`": Assists,
    "`[assists.bars]`": Bars,
}
FAR = 1e6  # limits beyond it only refuse what nobody means
KEYS_HEAD = """A method file has these keys; `litho-dl recipes NAME` prints one that ships. What they do depends on the
parameterization:

| key | `pixel` | `multilevel` | `levelset` | `curvilinear` | `manhattan` |
|---|---|---|---|---|---|
| a parameter is | a value per pixel: open where positive | a value per 2 x 2 pixels, interpolated | the signed \
distance to the edge, nm | a cubic spline's value per 4 x 4 pixels | the outward move of a fragment, nm |
| `learning_rate` | step, of values that start at -1/2 to 1/2 | as `pixel` | step, nm | as `pixel` | `adam`: step, nm; \
`feedback`: share of the edge placement error that a move corrects |
| `mask_sharpness` | slope of the mask's sigmoid | as `pixel` | slope per nm | as `pixel` | no effect: exact coverage |
| `pixel_nm` | smallest detail | half of the control spacing | a mask pixel; edges lie between | a quarter of the \
control spacing | pixel of the image; edges move by 1 nm |
| `mask_pixel_nm` | not allowed | pixel of written masks | pixel of written masks | pixel of written masks | not \
allowed: 1 nm |
| `optimizer` | `sgd`, `adam`, `lbfgs` | the same | the same | the same | `feedback`, `adam` |
| `rules` | the terms `width`, `space`, `area`, and `clean` | the same | the same | the same | least width and space \
after moves; least width, area and space of assist features |
| iterations | `steps` of each level | the same | the same | the same | the same |
"""
CELL = re.compile(r"^# %%(.*)\n", re.MULTILINE)


class Cell(NamedTuple):
    """A part of an example: text in Markdown, or code."""

    is_text: bool
    body: str


class Output(NamedTuple):
    """What a cell of code printed, and the pictures it wrote."""

    text: str
    pictures: list[Path]


def cells(script: str) -> list[Cell]:
    """The cells of a script in the percent format."""
    parts = CELL.split(script)[1:]
    found = []
    for head, body in zip(parts[::2], parts[1::2], strict=True):
        is_text = "[markdown]" in head
        found.append(Cell(is_text, re.sub(r"^# ?", "", body, flags=re.MULTILINE).strip() if is_text else body.strip()))
    return found


def run(script: str, folder: Path) -> Iterator[tuple[Cell, Output]]:
    """Runs an example's cells in a folder that has the repository's layouts."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "layouts").exists():
        (folder / "layouts").symlink_to(LAYOUTS, target_is_directory=True)
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(folder):
        for cell in cells(script):
            before = _pictures()
            printed = io.StringIO()
            if not cell.is_text:
                with contextlib.redirect_stdout(printed):
                    exec(compile(cell.body, "example", "exec"), names)
            written = [path for path, changed in _pictures().items() if before.get(path) != changed]
            yield cell, Output(printed.getvalue(), [folder / path for path in written])


def _pictures() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted(Path("runs").rglob("*.png"))}


def example_page(script: str, page: Path, work: Path) -> None:
    """Runs an example and writes it as a page in MyST Markdown."""
    parts = []
    for cell, output in run(script, work):
        parts.append(cell.body if cell.is_text else f"```python\n{cell.body}\n```")
        if output.text:
            parts.append(f"```text\n{output.text.rstrip()}\n```")
        parts += [f"![]({os.path.relpath(picture, page.parent)})" for picture in output.pictures]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def commands_page() -> str:
    """The help of every command, as `--help` prints it."""
    parts = ["# All commands", _help(cli, "litho-dl")]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        parts += [f"## {name}", _help(command, f"litho-dl {name}")]
        for inner, part in getattr(command, "commands", {}).items():
            parts += [f"### {name} {inner}", _help(part, f"litho-dl {name} {inner}")]
    return "\n\n".join(parts) + "\n"


def method_keys_page() -> str:
    """The keys of a method file: values, default and meaning, from the settings' models; objective terms."""
    parts = ["# Keys of methods", KEYS_HEAD]
    for heading, model in METHOD_TABLES.items():
        parts += [f"## {heading}", _keys_table(model)]
    terms = [f"| `{name}` | {_first_sentence(term)} |" for name, term in TERMS.items()]
    parts += ["## Terms of `objective`", "\n".join(["| term | what, in nm² a clip |", "|---|---|", *terms])]
    return "\n\n".join(parts) + "\n"


def _keys_table(model: type[BaseModel]) -> str:
    """The fields of a model as a table."""
    properties = model.model_json_schema()["properties"]
    meanings = _attributes(model)
    rows = ["| key | values | default | what |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _toml(field.default)
        rows.append(f"| `{name}` | {_values(properties[name])} | {default} | {meanings[name]} |")
    return "\n".join(rows)


def _values(schema: dict[str, Any]) -> str:
    """The values that a JSON schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(_values(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "prefixItems" in schema:
        return f"two values, first and last step: {_values(schema['prefixItems'][0])}"
    if "$ref" in schema:
        return "a table"
    if schema["type"] == "array":
        return "tables"
    limits = {"exclusiveMinimum": "> ", "minimum": "≥ ", "exclusiveMaximum": "< ", "maximum": "≤ "}
    bounds = [f"{sign}{schema[key]:g}" for key, sign in limits.items() if abs(schema.get(key, FAR)) < FAR]
    kinds = {"integer": "whole number", "boolean": "true, false", "string": "text", "object": "table"}
    return " ".join([kinds.get(schema["type"], schema["type"]), ", ".join(bounds)]).strip()


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """What a docstring says of each attribute."""
    _, _, text = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")
    entries = re.split(r"^    (?=\w+: )", text, flags=re.MULTILINE)[1:]
    return {name: " ".join(said.split()) for name, _, said in (entry.partition(": ") for entry in entries)}


def _first_sentence(term: Callable[..., Any]) -> str:
    return inspect.cleandoc(term.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    return f"```text\n{command.get_help(context)}\n```"


def make_pages(folder: Path) -> None:
    """Writes all of them into a folder of the documentation's source."""
    for path in sorted(EXAMPLES.glob("*.py")):
        example_page(path.read_text(encoding="utf-8"), folder / f"{path.stem}.md", folder / "work" / path.stem)
    (folder / "commands.md").write_text(commands_page(), encoding="utf-8")
    (folder / "method_keys.md").write_text(method_keys_page(), encoding="utf-8")
    shutil.copytree(RESULTS, folder / "results", dirs_exist_ok=True)
