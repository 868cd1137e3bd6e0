"""Damaged files of every kind, and the readers that must read or refuse them; run as a program, the fuzz test.

    python -m scenes.damage FIRST LAST SEED FOLDER [KIND...]

Each input is a small valid file with some random damage. Its reader may return or raise a `LithoError`, within seconds
and 2 GB, and writes nothing outside FOLDER. The program prints one JSON line for each fault, and on standard error the
number of each input before it is read: one that hangs outside Python, or crashes, ends it.
"""

import contextlib
import gzip
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

LONGEST_S = 10
MOST_BYTES = 2 * 2**30
ODD_TEXTS = (
    *(b"NaN", b"-1", b"0", b"1e999", b"null", b"[]", b"{}", b'""', b"true", b"-Infinity", b'"../x"', b"\\u0000"),
    *(b"9" * 30, b"9" * 5000, b"[" * 5000, b"\xff\xfe", b"\0" * 16, b"1e308", b"-0.0", b"\n", b"'=1+1", b"2147483648"),
)
ODD_VALUES = (None, True, -1, 0, 1, 0.5, 1e308, -1e308, 10**25, "", "x", "../x", "\udcff", [], [1], {}, {"a": 1})


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: The name of the damaged file, in a folder with what else its reader needs.
        read: Reads it.
    """

    name: str
    read: Callable[[Path], object]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Some bytes with one to four random faults."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        content = rng.choice(FAULTS)(content, rng)
    return content


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 3, 20))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _removed(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.choice((1, 2, 8, 64, 1000)) :]


def _inserted(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return (
        content[:start] + rng.choice((rng.choice(ODD_TEXTS), rng.randbytes(rng.choice((1, 4, 30))))) + content[start:]
    )


def _doubled(content: bytes, rng: random.Random) -> bytes:
    start, size = rng.randrange(len(content) + 1), rng.choice((4, 40, 400, len(content)))
    return content[: start + size] + content[start : start + size] * rng.choice((1, 1, 30)) + content[start + size :]


def _overwritten(content: bytes, rng: random.Random) -> bytes:
    size = rng.choice((1, 2, 4, 8))
    start = rng.randrange(max(1, len(content) - size + 1))
    return content[:start] + rng.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * size + content[start + size :]


def _renumbered(content: bytes, rng: random.Random) -> bytes:
    """A number of a text is replaced."""
    numbers = list(re.finditer(rb"-?\d[\d.]*(?:[eE][+-]?\d+)?", content))
    if not numbers:
        return _flipped(content, rng)
    chosen = rng.choice(numbers)
    return content[: chosen.start()] + rng.choice(ODD_TEXTS) + content[chosen.end() :]


def _revalued(content: bytes, rng: random.Random) -> bytes:
    """A value of a JSON text is replaced by one of another kind; so the text stays JSON."""
    try:
        table = json.loads(content)
    except (ValueError, RecursionError):
        return _renumbered(content, rng)
    places: list[tuple[Any, Any]] = []
    waiting = [table]
    while waiting:
        value = waiting.pop()
        items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
        places += [(value, key) for key, _ in items]
        waiting += [entry for _, entry in items]
    if places:
        holder, key = rng.choice(places)
        if isinstance(holder, dict) and rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(ODD_VALUES)
    return json.dumps(table).encode()


FAULTS = (_flipped, _cut, _removed, _inserted, _doubled, _overwritten, _renumbered, _revalued, _revalued)


def damaged_file(path: Path, rng: random.Random) -> None:
    """Damages a file in place; one that is compressed, half of the times inside."""
    content = path.read_bytes()
    if path.suffix == ".gz" and rng.random() < 0.5:
        path.write_bytes(gzip.compress(damaged(gzip.decompress(content), rng)))
    elif path.suffix == ".log":  # lines of JSON
        lines = content.splitlines(keepends=True)
        chosen = rng.randrange(len(lines))
        lines[chosen] = damaged(lines[chosen], rng)
        path.write_bytes(b"".join(lines))
    else:
        path.write_bytes(damaged(content, rng))


class TooSlowError(Exception):
    """A reader that takes too long."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """A block that may take some seconds."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_S)
    signal.setitimer(signal.ITIMER_PROF, 2 * LONGEST_S)  # ends the process, if Python does not get to `stop`
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGALRM, before)


def watch_writes(allowed: list[Path], found: list[str]) -> None:
    """Notes every file that Python opens for writing, makes, moves or links outside some folders, from now on."""
    roots = [str(path.resolve()) for path in allowed]
    places = {"open": 0, "os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1}

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in places or (event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            return
        if isinstance(arguments[places[event]], int):
            return
        place = os.path.realpath(os.fsdecode(arguments[places[event]]))
        if place != os.devnull and not any(place == root or place.startswith(f"{root}/") for root in roots):
            found.append(f"{event} {place}")

    sys.addaudithook(note)


def limit_memory() -> None:
    """The process may take 2 GB more than now."""
    used = int(re.search(r"VmData:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + MOST_BYTES, used + MOST_BYTES))


def fault_of(kind: Kind, path: Path) -> str | None:
    """What is wrong with how a damaged file is read; None if nothing is."""
    from litho_dl.core.errors import LithoError

    begun = time.monotonic()
    try:
        with limited(), warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            kind.read(path)
    except LithoError as error:
        text = str(error)
        if "\n" in text:
            return f"more than one line: {text!r:.300}"
        if len(text) > 4000:
            return f"{len(text)} characters: {text:.300}"
    except TooSlowError:
        return f"slow: {traceback.format_exc()[-600:]}"
    except BaseException:
        return traceback.format_exc()[-1500:]
    return f"{time.monotonic() - begun:.1f} s" if time.monotonic() > begun + LONGEST_S else None


def main(first: int, last: int, seed: int, folder: Path, names: list[str]) -> None:
    """Reads damaged files `first` to `last` - 1 of a seed, and prints the faults."""
    import torch

    from scenes.damaged_kinds import make_kinds

    torch.set_num_threads(1)
    good = folder / "good"
    kinds = make_kinds(good)
    chosen = [kinds[name] for name in names or kinds]
    work, temporary = folder / "work", folder / "temporary"
    temporary.mkdir()
    tempfile.tempdir = os.environ["MPLCONFIGDIR"] = str(temporary)
    outside: list[str] = []
    watch_writes([folder], outside)
    limit_memory()
    for index in range(first, last):
        rng = random.Random(f"{seed} {index}")
        kind = chosen[index % len(chosen)]
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree((good / kind.name).parent, work)
        path = work / Path(kind.name).name
        damaged_file(path, rng)
        print(json.dumps({"index": index, "kind": kind.name}), file=sys.stderr, flush=True)
        outside.clear()
        fault = fault_of(kind, path)
        if fault is None and outside:
            fault = f"writes: {outside}"
        if fault is not None:
            kept = folder / f"fault-{index}"
            shutil.copytree(work, kept, dirs_exist_ok=True)
            print(json.dumps({"index": index, "kind": kind.name, "fault": fault, "kept": str(kept)}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), Path(sys.argv[4]), sys.argv[5:])
