"""Files: reading images, and atomic writes (to a temporary file beside the target, synced, then renamed)."""

import csv
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.errors import LithoError, OutputError

IMAGE_SUFFIXES = (".png", ".npy", ".csv")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of cells that spreadsheets compute
LONGEST_STEM = 150  # bytes of a temporary name, of the 255 that file systems hold
_TEMPORARY = re.compile(r"\..*\.[0-9a-f]{16}\.part(\.[^.]*)?")


def read_image(path: str | Path) -> np.ndarray:
    """Reads a 2-D array from .png (as `core.png.grey_values`), .npy or .csv; the first row is the lowest y.

    Raises:
        LithoError: The file is missing, damaged, of another kind, or not 2-D numbers.
    """
    path = plain_file(path)
    if not path.is_file():
        raise LithoError(f"{path}: no such file.")
    try:
        match path.suffix.lower():
            case ".npy":
                image = np.load(path, allow_pickle=False)
            case ".csv":
                with warnings.catch_warnings(action="error"):  # an empty file
                    image = np.loadtxt(path, delimiter=",", ndmin=2)
            case ".png":
                from PIL import Image

                from litho_dl.core.png import grey_values

                with Image.open(path) as picture:
                    image = grey_values(picture, path)
            case suffix:
                raise LithoError(f"{path}: expected one of {', '.join(IMAGE_SUFFIXES)}, got {suffix or 'no suffix'}.")
    except LithoError:
        raise
    except Exception as error:  # the readers raise whatever the damaged bytes lead to
        raise LithoError(f"{path}: cannot be read as an image ({' '.join(str(error).split())}).") from error
    if image.ndim != 2 or image.size == 0 or image.dtype.kind not in "buif":
        raise LithoError(f"{path}: expected a 2-D array of numbers, got {image.dtype} of shape {image.shape}.")
    return image


def plain_file(path: str | Path, error: type[LithoError] = LithoError) -> Path:
    """Refuses pipes, sockets and devices, before they are opened: reading one may never end.

    Args:
        path: What a user named as a file to read.
        error: The error to raise.

    Returns:
        The path. It may be missing, or a folder; opening it says so at once.

    Raises:
        LithoError: It is a pipe, a socket or a device.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise error(f"{path}: expected a file, got a pipe, a socket or a device; save it as a file.")
    return path


def write_png(target: str | Path, image: np.ndarray) -> None:
    """Writes an image as a grey PNG, without flipping it: the first row of the file is the lowest y.

    Args:
        target: The file.
        image: uint8 (H, W), row 0 = lowest y.

    Raises:
        OutputError: The file cannot be written.
    """
    from PIL import Image

    with atomic_path(target) as temporary:
        # Of masks and prints, runs make files as small as a search for repetitions does, in less time.
        Image.fromarray(image).save(temporary, compress_type=zlib.Z_RLE)


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `target` that becomes `target` when the block ends without error.

    The temporary name keeps the suffix, so libraries that choose the format by suffix work. A killed run
    leaves the old file or the new one, never half of one. A link stays a link, to what is written; to a device, a pipe
    or an open file (/dev/stdout) the content is written in the end.

    Raises:
        OutputError: The folder cannot be made or the file cannot be written.
    """
    target = Path(target)
    try:
        if _is_stream(target):
            with tempfile.TemporaryDirectory() as folder:
                temporary = Path(folder) / target.name
                yield temporary
                with open(temporary, "rb") as content, open(target, "ab") as stream:
                    shutil.copyfileobj(content, stream)
            return
        place = Path(os.path.realpath(target)) if target.is_symlink() else target
        place.parent.mkdir(parents=True, exist_ok=True)
        with _beside(place) as temporary:
            yield temporary
            with open(temporary, "r+b") as written:  # Windows only syncs files that are open for writing
                os.fsync(written.fileno())
            os.replace(temporary, place)
    except OSError as error:
        raise OutputError(
            f"Cannot write {target}: {error.strerror or error}; check that the folder exists and is writable, and "
            f"that the disk is not full."
        ) from error


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A temporary path beside a file, with its suffix; whatever is left there in the end is removed."""
    stem = target.stem.encode(errors="ignore")[:LONGEST_STEM].decode(errors="ignore")
    temporary = target.with_name(f".{stem}.{secrets.token_hex(8)}.part{target.suffix}")
    try:
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _is_stream(path: Path) -> bool:
    """True for what must be written to instead of replaced: a device, a pipe, or an open file such as /dev/stdout."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISREG(mode):
        return os.path.realpath(path.parent).startswith(("/dev/fd", "/proc/")) or path.parent == Path("/dev")
    return not stat.S_ISDIR(mode)


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that killed processes left in a folder; no process may be writing there."""
    for path in folder.glob(".*.part*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink()


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        LithoError: The file cannot be read.
    """
    try:
        with open(plain_file(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise LithoError(f"{path}: no such file.") from None
    except OSError as error:
        raise LithoError(f"{path}: cannot be read ({error.strerror}).") from error


def write_text(target: str | Path, text: str) -> None:
    """Writes UTF-8 text atomically, with Unix line ends.

    Args:
        target: The file.
        text: Its content.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_csv(target: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes a table as CSV, atomically; text that a spreadsheet would compute gets a quote before it (`'=1+1`).

    Args:
        target: The file.
        rows: Values by column, one mapping a row; the columns are those of all rows, and missing values stay empty.

    Raises:
        OutputError: The file cannot be written.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_path(target) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([_cell(name) for name in columns])
        writer.writerows([_cell(row.get(name, "")) for name in columns] for row in rows)


def _cell(value: Any) -> Any:
    """A value of a table; text that begins like a formula and is not a number is quoted."""
    if not (isinstance(value, str) and value.startswith(FORMULA_STARTS)):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def unquoted(cell: str) -> str:
    """The text of a cell of `write_csv`, without the quote before what a spreadsheet would compute."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell


def require_writable_folder(folder: str | Path) -> Path:
    """Makes `folder` and checks that a file can be written there, before long work starts.

    Raises:
        OutputError: The folder cannot be made or written.
    """
    folder = Path(folder)
    probe = folder / f".write-test.{secrets.token_hex(8)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"Cannot write to {folder}: {error.strerror or error}; choose a writable folder.") from error
    return folder
