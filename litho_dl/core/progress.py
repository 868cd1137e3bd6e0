"""Progress of long work on standard error: a bar on a terminal, otherwise a line from time to time."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int, int, float | str], None]
LINE_EVERY_S = 30.0  # where there is no terminal


@contextmanager
def progress_bar(description: str, *, time_left: bool = True) -> Iterator[Advance]:
    """Shows a bar on standard error, or lines if that is no terminal.

    Args:
        description: Text before the bar.
        time_left: Show the time left, estimated from the pace so far.

    Yields:
        `advance(done, total, note)`, which updates the bar; the note is a text, or a number.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        with _lines(description) as advance:
            yield advance
        return
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    if time_left:
        columns.append(TimeRemainingColumn())
    columns.append(TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=None, note="")
        yield lambda done, total, value: progress.update(task, completed=done, total=total, note=_note(value))


@contextmanager
def _lines(description: str) -> Iterator[Advance]:
    """Writes a line now, another whenever the last one is `LINE_EVERY_S` old, and, if any followed, a last one."""
    print(f"{description} ...", file=sys.stderr)
    last, written, state = time.monotonic(), "", ""

    def advance(done: int, total: int, value: float | str) -> None:
        nonlocal last, written, state
        state = f"{description}: {done} of {total}, {_note(value)}".rstrip(", ")
        if (now := time.monotonic()) >= last + LINE_EVERY_S:
            print(state, file=sys.stderr)
            last, written = now, state

    yield advance
    if written and written != state:
        print(state, file=sys.stderr)


def _note(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.0f}"
