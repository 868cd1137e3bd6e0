"""Pages that are generated: the examples with what they print and draw, every command's help, and the results."""

import contextlib
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from litho_dl.cli.main import COMMANDS, cli

EXAMPLES, LAYOUTS, RESULTS = (Path(__file__).parents[1] / name for name in ("examples", "layouts", "results"))
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


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    return f"```text\n{command.get_help(context)}\n```"


def make_pages(folder: Path) -> None:
    """Writes all of them into a folder of the documentation's source."""
    for path in sorted(EXAMPLES.glob("*.py")):
        example_page(path.read_text(encoding="utf-8"), folder / f"{path.stem}.md", folder / "work" / path.stem)
    (folder / "commands.md").write_text(commands_page(), encoding="utf-8")
    shutil.copytree(RESULTS, folder / "results", dirs_exist_ok=True)
