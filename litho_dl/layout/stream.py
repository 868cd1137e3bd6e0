"""Opening GDSII and OASIS files: format check, gzip, damage."""

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from litho_dl.core.errors import LayoutError

if TYPE_CHECKING:
    import klayout.db as db

GZIP_MAGIC = b"\x1f\x8b"
GDS_MAGIC = b"\x00\x06\x00\x02"
OASIS_MAGIC = b"%SEMI-OASIS\r\n"


def load_stream(path: str | Path) -> "db.Layout":
    """The whole file as a read-only klayout layout; arrays of shapes stay arrays.

    Raises:
        LayoutError: The file is missing, damaged, or neither GDSII nor OASIS.
    """
    import klayout.db as db

    options = db.LoadLayoutOptions()
    options.warn_level = 0
    source = db.Layout(False)
    with _unpacked(path) as plain:
        _require_magic(plain, path)
        try:
            source.read(str(plain), options)
            source.update()
        except (RuntimeError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).replace(str(plain), str(path)).split())[:200]
            raise LayoutError(f"{path}: Expected an undamaged GDSII or OASIS file, got: {reason}") from error
    return source


@contextmanager
def _unpacked(path: str | Path) -> Iterator[Path]:
    """The file itself, or a temporary unzipped copy (Python verifies the checksum, klayout does not)."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(path)
        try:
            with open(path, "rb") as file:
                zipped = file.read(2) == GZIP_MAGIC
            if zipped:
                plain = Path(folder) / "stream"
                with gzip.open(path) as packed, open(plain, "wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
        except FileNotFoundError:
            raise LayoutError(f"{path}: no such file.") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise LayoutError(f"{path}: Expected a readable GDSII or OASIS file, got: {reason}; check it.") from error
        yield plain


def _require_magic(plain: Path, path: str | Path) -> None:
    """Refuses other formats, which klayout would try to guess."""
    with open(plain, "rb") as file:
        start = file.read(len(OASIS_MAGIC))
    if not start.startswith((GDS_MAGIC, OASIS_MAGIC)):
        got = f"a file that starts with {start[:8]!r}" if start else "an empty file"
        raise LayoutError(f"{path}: Expected a GDSII or OASIS file, got {got}; check the format.")
