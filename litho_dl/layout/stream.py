"""Opening GDSII and OASIS files: format check, gzip, damage, cells that hold themselves."""

import gzip
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from litho_dl.core.errors import LayoutError
from litho_dl.core.io import plain_file

if TYPE_CHECKING:
    import klayout.db as db

NM_PER_MICRON = 1000.0
LEAST_SECONDS, OASIS_BYTES_PER_SECOND = 3, 2**20  # a tenth of what klayout reads
LEAST_MEMORY_BYTES, LARGEST_GROWTH = 2**31, 200
_READ = """
import resource, sys
seconds, most_bytes = int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import klayout.db as db
db.Layout(False).read(sys.argv[1])
"""
DBU_NM_RANGE = (1e-4, 1e4)
INT32_MAX = 2**31 - 1
MOST_UNPACKED_BYTES = 2**30
BLOCK_BYTES = 2**20
GZIP_MAGIC = b"\x1f\x8b"
GDS_MAGIC = b"\x00\x06\x00\x02"
OASIS_MAGIC = b"%SEMI-OASIS\r\n"


def load_stream(path: str | Path) -> "db.Layout":
    """The whole file as a read-only klayout layout; arrays of shapes stay arrays.

    Raises:
        LayoutError: The file is missing, damaged, neither GDSII nor OASIS, or a cell holds itself.
    """
    import klayout.db as db

    options = db.LoadLayoutOptions()
    options.warn_level = 0
    source = db.Layout(False)
    with _unpacked(path) as plain:
        _require_readable(plain, path)
        try:
            source.read(str(plain), options)
            source.update()
        except (RuntimeError, UnicodeDecodeError) as error:
            loop = _loop(source)
            if loop:
                raise LayoutError(
                    f"{path}: Expected cells that do not hold themselves, got the loop {' > '.join(loop)}; break it."
                ) from error
            reason = " ".join(str(error).replace(str(plain), str(path)).split())[:200]
            raise LayoutError(f"{path}: Expected an undamaged GDSII or OASIS file, got: {reason}") from error
    return source


def cell_name(cell: "db.Cell") -> str:
    """The cell's name, or its number if the name is not UTF-8."""
    try:
        return cell.name
    except RuntimeError:
        return f"cell-{cell.cell_index()}"


def units_per_nm(dbu_micron: float, path: str | Path) -> float:
    """Database units in one nm, free of the rounding noise of 1e-4 micron.

    Args:
        dbu_micron: The database unit.
        path: The file, for the message.

    Raises:
        LayoutError: The unit is not one of a layout.
    """
    dbu_nm = dbu_micron * NM_PER_MICRON
    low, high = DBU_NM_RANGE
    if not low * (1 - 1e-9) <= dbu_nm <= high:
        raise LayoutError(f"{path}: Expected a database unit from {low:g} to {high:g} nm, got {dbu_nm:g} nm.")
    units = 1 / dbu_nm
    return float(round(units)) if abs(units - round(units)) < 1e-9 * units else units


def _loop(source: "db.Layout") -> list[str]:
    """Names of cells of which each holds the next, from one cell back to itself; empty if there is no such loop."""
    source.start_changes()  # klayout cannot sort such cells, and would try to for each question
    cells = {cell.cell_index(): cell for cell in source.each_cell()}
    below = {index: sorted({one.cell_index for one in cell.each_inst()}) for index, cell in cells.items()}
    done: set[int] = set()
    for start in below:
        trail: list[int] = []
        waiting = [(start, 0)]
        while waiting:
            index, depth = waiting.pop()
            del trail[depth:]
            if index in trail:
                return [cell_name(cells[one]) for one in (*trail[trail.index(index) :], index)]
            if index not in done:
                trail.append(index)
                done.add(index)
                waiting += [(child, depth + 1) for child in below[index]]
    return []


@contextmanager
def _unpacked(path: str | Path) -> Iterator[Path]:
    """The file itself, or a temporary unzipped copy (Python verifies the checksum, klayout does not)."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            plain = plain_file(path, LayoutError)
            with open(path, "rb") as file:
                start = file.read(len(OASIS_MAGIC))
            if start.startswith(GZIP_MAGIC):
                plain = Path(folder) / "stream"
                _unpack(path, plain)
            else:
                _require_magic(start, path)
        except FileNotFoundError:
            raise LayoutError(f"{path}: no such file.") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise LayoutError(f"{path}: Expected a readable GDSII or OASIS file, got: {reason}; check it.") from error
        yield plain


def _require_readable(plain: Path, path: str | Path) -> None:
    """Refuses an OASIS file that another process cannot read with bounded time and memory.

    klayout's reader never ends on some damaged files, and unpacks compressed blocks to any size.
    """
    with open(plain, "rb") as file:
        is_oasis = file.read(len(OASIS_MAGIC)) == OASIS_MAGIC
    if not is_oasis or find_spec("resource") is None:
        return
    state = plain.stat()
    if not _ends(str(plain), state.st_mtime_ns, state.st_size):
        seconds, most_bytes = _limits(state.st_size)
        raise LayoutError(
            f"{path}: Expected an undamaged OASIS file, got one that cannot be read in {seconds} s of computing and "
            f"{most_bytes >> 20:,} MB; check it, or write it as GDSII."
        )


def _limits(size: int) -> tuple[int, int]:
    """Seconds of computing and bytes of memory that may be spent on a file of so many bytes."""
    return LEAST_SECONDS + size // OASIS_BYTES_PER_SECOND, LEAST_MEMORY_BYTES + LARGEST_GROWTH * size


@lru_cache(maxsize=64)
def _ends(plain: str, changed_ns: int, size: int) -> bool:
    """Whether another process reads a file, as it was when it was last changed, within its limits."""
    command = (sys.executable, "-P", "-c", _READ, plain, *map(str, _limits(size)))
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return not (found.returncode < 0 or b"bad_alloc" in found.stderr or b"MemoryError" in found.stderr)


def _unpack(path: str | Path, plain: Path) -> None:
    """Unzips a file, up to MOST_UNPACKED_BYTES, after checking the format of what is in it."""
    size = 0
    with gzip.open(path) as packed, open(plain, "wb") as unpacked:
        while block := packed.read(BLOCK_BYTES):
            if not size:
                _require_magic(block, path)
            size += len(block)
            if size > MOST_UNPACKED_BYTES:
                raise LayoutError(
                    f"{path}: Expected at most {MOST_UNPACKED_BYTES:,} bytes when unzipped, got more; check the file, "
                    f"and unzip it yourself."
                )
            unpacked.write(block)
    if not size:
        _require_magic(b"", path)


def _require_magic(start: bytes, path: str | Path) -> None:
    """Refuses other formats, which klayout would try to guess."""
    if not start.startswith((GDS_MAGIC, OASIS_MAGIC)):
        got = f"a file that starts with {start[:8]!r}" if start else "an empty file"
        raise LayoutError(f"{path}: Expected a GDSII or OASIS file, got {got}; check the format.")
