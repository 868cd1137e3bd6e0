"""README.md and docs/ as tests see them: blocks of code with a note on each, run small or checked.

A comment before a block says what is done with it:

    <!-- not run: why -->   its commands and options must exist, no more
    <!-- slow -->           run by the slow tests, else as above
    <!-- file: NAME -->     written to that file; other blocks use it

All blocks of a page share a folder, with the repository's layouts in it, and its Python blocks their names; commands
share nothing else. To be quick, tests take two steps where recipes say more, few clips and one method where commands
do, coarse sources and few kernels where no network depends on them, and coarse figures.
"""

import contextlib
import glob
import io
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import click

from litho_dl.cli.main import cli
from litho_dl.core import settings
from litho_dl.ilt.objective import TERMS
from litho_dl.models.registry import GENERATORS
from litho_dl.process import cache, model
from scenes.command_line import coarse_figures, litho
from scenes.places import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = {
    str(path.relative_to(REPOSITORY)): path
    for path in (REPOSITORY / "README.md", REPOSITORY / "examples" / "README.md", *sorted(DOCS.rglob("*.md")))
    if not {"_build", "generated"} & set(path.parts)
}
BLOCK = re.compile(r"(?:^<!-- (?P<note>.+?) -->\n)?^```(?P<language>python|sh|toml)\n(?P<body>.*?)^```$", re.M | re.S)
FEWER = {"--count": "2", "--refine": "2", "--methods": "fast", "--trials": "1", "--workers": "1"}
STEPS = re.compile(r"^(steps|epochs) = \d+", re.M)
KERNELS = re.compile(r"^(source_samples = \d+\ncount = \d+|edge_error_nm = [\d.]+)$", re.M)
TRAINED_FOR = ("iccad13-like",)  # by networks that ship, which know their optics
TABLES: tuple[dict[str, Any], ...] = (TERMS, GENERATORS)  # that plugins add to
SHIPPED = [dict(table) for table in TABLES]
NOT_OURS = ("klayout", "dask", "echo", "export", ".")


class Block(NamedTuple):
    """A block of code, and what the comment before it says."""

    language: str
    body: str
    note: str

    @property
    def file(self) -> str | None:
        return self.note.removeprefix("file: ") if self.note.startswith("file: ") else None


def blocks(page: Path) -> list[Block]:
    """A page's blocks in order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["language"], match["body"], match["note"] or "") for match in found]


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command, comments left out."""
    for line in block.body.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def smaller(toml: str) -> str:
    """Settings with two steps or epochs wherever they say how many."""
    return STEPS.sub(r"\1 = 2", toml)


def smaller_packaged(text: Callable[[str, str], str]) -> Callable[[str, str], str]:
    """Recipes that ship, in two steps, with coarse sources and few kernels."""

    def made(kind: str, name: str) -> str:
        toml = smaller(text(kind, name))
        coarse = kind == "optics" and name not in TRAINED_FOR
        return KERNELS.sub("source_samples = 21\ncount = 12", toml) if coarse else toml

    return made


@contextlib.contextmanager
def small_settings() -> Iterator[None]:
    """Recipes that ship made small, kernels built once, one worker, coarse figures."""
    text, build = smaller_packaged(settings.packaged_text), remembered(model.build_process)
    with (
        coarse_figures(),
        mock.patch.object(settings, "packaged_text", text),
        mock.patch("litho_dl.cli.recipes.packaged_text", text),
        mock.patch.object(cache, "build_process", build),
        mock.patch.object(model, "build_process", build),
        mock.patch("os.sched_getaffinity", return_value={0}),
    ):
        yield


BUILT: dict[str, model.ProcessModel] = {}


def remembered(build: Callable[..., model.ProcessModel]) -> Callable[..., model.ProcessModel]:
    """`build_process` that builds the same kernels once."""

    def once(recipe: Any, **options: Any) -> model.ProcessModel:
        key = f"{recipe.model_dump_json()} {options}"
        if key not in BUILT:
            BUILT[key] = build(recipe, **options)
        return BUILT[key]

    return once


def run_page(page: Path, slow: bool) -> None:
    """Runs a page's blocks in the working folder."""
    names: dict[str, Any] = {"__name__": "docs"}
    for block in blocks(page):
        if block.file is not None:
            Path(block.file).write_text(smaller(block.body) if block.language == "toml" else block.body)
        elif block.note.startswith("not run: ") or (block.note == "slow" and not slow):
            check(block)
        elif block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block.body, str(page), "exec"), names)
        else:
            for words in commands(block):
                run(words)


def run(words: list[str]) -> None:
    """Runs a command, ours in this process."""
    if words[0] != "litho-dl":
        line = " ".join(word if word in (">", ">>") else shlex.quote(word) for word in words)
        subprocess.run(line, shell=True, check=True, timeout=60)
        return
    words, target = (words[:-2], Path(words[-1])) if ">" in words else (words, None)
    fewer = [FEWER.get(before, word) for before, word in pairwise(words)]
    with own_tables():
        result = litho(*(name for word in fewer for name in (sorted(glob.glob(word)) or [word])))
    assert result.code == 0, f"{shlex.join(words)}\n{result.err}"
    if target is not None:
        target.write_text(result.out)


@contextlib.contextmanager
def own_tables() -> Iterator[None]:
    """Tables as a process finds them, without what plugins registered before or within."""
    before = [dict(table) for table in TABLES]
    _fill(SHIPPED)
    try:
        yield
    finally:
        _fill(before)


def _fill(parts: list[dict[str, Any]]) -> None:
    for table, kept in zip(TABLES, parts, strict=True):
        table.clear()
        table.update(kept)


def check(block: Block) -> None:
    """Commands, scripts, make targets and their options must exist, and Python must compile."""
    if block.language == "python":
        compile(block.body, "docs", "exec")
        return
    assert block.language == "sh"
    for words in commands(block):
        match words:
            case ["litho-dl", *rest]:
                parse(rest)
            case ["torchrun", *rest]:
                parse([word for word in rest[rest.index("litho_dl.cli.main") + 1 :] if word != "--"])
            case ["python", script, *rest]:
                text = "".join(path.read_text() for path in (REPOSITORY / script).parent.glob("*.py"))
                assert (REPOSITORY / script).is_file(), script
                assert all(f'"{word}"' in text for word in rest if word.startswith("--")), words
            case ["make", target]:
                assert f"\n{target}:" in (REPOSITORY / "Makefile").read_text(), target
            case ["pip", "install", package]:
                extras = re.findall(r"\w+", package.partition("[")[2])
                assert all(f"\n{extra} = [" in (REPOSITORY / "pyproject.toml").read_text() for extra in extras), package
            case ["eval", command]:
                parse(shlex.split(command.strip("$()"))[1:])
            case [name, *_]:
                assert name in NOT_OURS, f"{name}: neither run nor checked"


def parse(words: list[str]) -> None:
    """Parses a command line as click does, without running it; UsageError if it is wrong."""
    words = words[: words.index(">")] if ">" in words else words
    command: click.Command = cli
    context = command.make_context("litho-dl", list(words))
    while isinstance(command, click.Group):
        name, inner, words = command.resolve_command(context, [*context._protected_args, *context.args])
        assert inner is not None
        command, context = inner, inner.make_context(name, list(words), parent=context)
