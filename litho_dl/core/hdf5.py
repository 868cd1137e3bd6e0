"""HDF5 files: the same contents give the same bytes, and a file that cannot be read is a `DatasetError`."""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.io import plain_file

# Measured on masks of `fast`: level 6 needs half the space of level 1 and a quarter of that of lzf, and is as fast to
# read; level 9 saves another fifth but takes ten times as long to write.
COMPRESSION: dict[str, Any] = {"compression": "gzip", "compression_opts": 6}


@contextmanager
def open_hdf5(path: str | Path, kind: str) -> Iterator[Any]:
    """Opens a file for reading, after checking its format.

    Args:
        path: The file.
        kind: The value that its attribute `format` must have.

    Yields:
        The open `h5py.File`.

    Raises:
        DatasetError: The file is missing, damaged, cut short or of another kind, or reading it inside the block fails.
    """
    import h5py

    try:
        with h5py.File(plain_file(path, DatasetError), "r") as file:
            found = file.attrs.get("format")
            if found != kind:
                raise DatasetError(f"{path}: expected a file of format {kind}, got {found!r}.")
            yield file
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file.") from None
    except (LithoError, MemoryError):
        raise
    except Exception as error:  # h5py raises whatever the damaged bytes lead to
        if getattr(error, "errno", None):
            raise DatasetError(f"{path}: cannot be read ({os.strerror(error.errno)}).") from error  # type: ignore[attr-defined]
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path}: cannot be read as HDF5; the file is damaged or cut short ({reason}).") from error


def hdf5_bytes(kind: str, attributes: Mapping[str, str], arrays: Mapping[str, np.ndarray | list[str]]) -> bytes:
    """The content of an HDF5 file, made in memory, so that a full disk can interrupt only one plain write.

    Args:
        kind: Value of the attribute `format`, which `open_hdf5` checks.
        attributes: Further attributes of the root.
        arrays: Data sets by name: lists of text, or arrays of numbers, which are compressed, images (n, H, W) one by
            one.

    Returns:
        The bytes of the file.
    """
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="v110") as file:
        file.attrs.update({"format": kind, **attributes})
        for name, values in arrays.items():
            if isinstance(values, list):
                file.create_dataset(name, data=np.array(values, dtype=object), dtype=h5py.string_dtype())
            else:
                chunk = (1, *values.shape[1:]) if values.ndim == 3 else None
                longest = (None, *values.shape[1:])
                file.create_dataset(name, data=values, chunks=chunk, maxshape=longest, **COMPRESSION)
            file.flush()  # chunks get their place now, not when Python lets go of the data set
    return buffer.getvalue()
