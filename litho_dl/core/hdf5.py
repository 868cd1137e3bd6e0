"""HDF5 files: the same contents give the same bytes, and of strangers' files only what is in them is read.

An HDF5 file can name other files (external and soft links, virtual arrays, external storage), claim arrays that no
memory holds, and unpack without end. Here arrays are read only if they lie in the file itself, as `hdf5_bytes` writes
them, with the expected kind and shape; nothing of an array is read before that is known.
"""

import io
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from pydantic import BaseModel
from zlib_ng import zlib_ng

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.io import plain_file
from litho_dl.core.stored import checked, parse_json

# Measured on masks of `fast`: level 6 needs half the space of level 1 and a quarter of that of lzf, and is as fast to
# read; level 9 saves another fifth but takes ten times as long to write.
COMPRESSION: dict[str, Any] = {"compression": "gzip", "compression_opts": 6}
LARGEST_RATIO = 1040  # deflate packs at most 1032 bytes into one
LARGEST_ITEM = 64  # bytes
TEXTS_AT_ONCE = 16  # any of them may be as long as the file
Shape = tuple[int | None, ...]  # None: any length
Model = TypeVar("Model", bound=BaseModel)


class Chunk(NamedTuple):
    """The place of a packed part of an array: offset and size of its bytes in the file."""

    offset: int
    size: int


class StoredArray:
    """An array of a file, which was checked but not read yet.

    Attributes:
        shape: Its shape.
        dtype: Type of its numbers.
        chunk: Shape of its packed parts.
        chunks: Their places, by the index of their first number.
    """

    def __init__(self, data: Any, chunks: dict[tuple[int, ...], Chunk]) -> None:
        """Takes an `h5py.Dataset` and the places of its chunks, which were checked."""
        self._data, self.chunks = data, chunks
        self.shape: tuple[int, ...] = data.shape
        self.chunk: tuple[int, ...] = data.chunks
        self.dtype: np.dtype[Any] = data.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Rows `start` to `stop` - 1, or to the last one.

        Raises:
            ValueError: A chunk does not unpack to its size.
        """
        stop = len(self) if stop is None else min(stop, len(self))
        found = np.zeros((max(stop - start, 0), *self.shape[1:]), self.dtype)
        room = math.prod(self.chunk) * self.dtype.itemsize
        for index in self.chunks:
            low, high = max(index[0], start), min(index[0] + self.chunk[0], stop)
            if low >= high:
                continue
            packed = self._data.id.read_direct_chunk(index)[1]
            part = _numbers(inflated(packed, room), self.dtype).reshape(self.chunk)
            inside = tuple(slice(0, side - first) for first, side in zip(index[1:], self.shape[1:], strict=True))
            place = tuple(slice(first, first + side) for first, side in zip(index[1:], self.chunk[1:], strict=True))
            found[(slice(low - start, high - start), *place)] = part[(slice(low - index[0], high - index[0]), *inside)]
        return found


class StoredFile:
    """An open file, of which only attributes and arrays that it holds itself are read."""

    def __init__(self, file: Any, path: Path) -> None:
        """Takes an open `h5py.File` and its path."""
        self._file, self._path, self._size = file, path, path.stat().st_size

    def attribute(self, name: str) -> str:
        """A text attribute of the root; DatasetError if there is none."""
        value = self._file.attrs.get(name)
        if not isinstance(value, str):
            raise DatasetError(f"{self._path}: expected the text {name}, got {value!r:.60}; the file is damaged.")
        return value

    def settings(self, model: type[Model], name: str = "settings") -> Model:
        """The JSON attribute `settings`, by its schema; DatasetError if it does not fit."""
        return checked(model, self.json(name), f"{self._path}, {name}", DatasetError)

    def json(self, name: str = "settings") -> Any:
        """The JSON attribute `settings` as plain values; DatasetError if it is not JSON."""
        return parse_json(self.attribute(name), f"{self._path}, {name}", DatasetError)

    def __contains__(self, name: str) -> bool:
        return name in self.names()

    def names(self, group: str = "") -> list[str]:
        """Names in the root, or in a group of it; none if there is no such group."""
        import h5py

        if not group:
            return list(self._file)
        if group not in list(self._file):
            return []
        found = self._found(group)
        self._require(group, isinstance(found, h5py.Group), "a group", type(found).__name__)
        return list(found)

    def array(self, name: str, kinds: str, shape: Shape) -> StoredArray:
        """An array of numbers.

        Args:
            name: Its name, such as `target` or `score/l2_nm2`.
            kinds: Allowed kinds of numbers, as the codes of `numpy.dtype.kind`.
            shape: Its shape; None for a side of any length.

        Returns:
            The array, which can be read.

        Raises:
            DatasetError: There is none in the file itself, it is of another kind or shape, or it cannot be so large.
        """
        import h5py

        data = self._found(name)
        self._require(name, isinstance(data, h5py.Dataset), "an array", type(data).__name__)
        plain = data.dtype.kind in kinds and data.dtype.itemsize <= LARGEST_ITEM
        self._require(name, plain, f"numbers of kind {kinds}", data.dtype)
        fits = len(data.shape) == len(shape) and all(
            want in (None, side) for want, side in zip(shape, data.shape, strict=True)
        )
        self._require(name, fits, f"the shape {_text(shape)}", _text(data.shape))
        made = data.id.get_create_plist()
        filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
        packed = made.get_layout() == h5py.h5d.CHUNKED and filters == [h5py.h5z.FILTER_DEFLATE]
        self._require(name, packed, "an array packed by gzip in this file", "another layout")
        return StoredArray(data, self._chunks(name, data))

    def texts(self, name: str, count: int | None = None) -> list[str]:
        """A list of texts.

        Args:
            name: Its name.
            count: Number of texts; None: any.

        Returns:
            The texts.

        Raises:
            DatasetError: There is none in the file itself, it is not of texts or of another length.
        """
        import h5py

        data = self._found(name)
        is_text = isinstance(data, h5py.Dataset) and h5py.check_string_dtype(data.dtype) is not None
        self._require(name, is_text and data.ndim == 1, "a list of texts", getattr(data, "dtype", "a group"))
        self._require(name, count in (None, len(data)), f"{count} texts", len(data))
        made = data.id.get_create_plist()
        inside = made.get_layout() in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT) and made.get_external_count() == 0
        self._require(name, inside and len(data) <= self._size, "texts in this file", f"{len(data)} elsewhere")
        found: list[bytes] = []
        for start in range(0, len(data), TEXTS_AT_ONCE):
            found += [bytes(text) for text in data[start : start + TEXTS_AT_ONCE]]
            self._require(name, sum(map(len, found[-TEXTS_AT_ONCE:])) <= self._size, "texts in this file", "more")
        return [text.decode() for text in found]

    def _found(self, name: str) -> Any:
        """The array or group of a name, each part of which is a hard link: others may lead out of the file."""
        import h5py

        found = self._file
        for part in name.split("/"):
            link = found.get(part, getlink=True) if isinstance(found, h5py.Group) else None
            self._require(name, isinstance(link, h5py.HardLink), "an array in this file", type(link).__name__)
            found = found[part]
        return found

    def _chunks(self, name: str, data: Any) -> dict[tuple[int, ...], Chunk]:
        """The places of an array's chunks; all must exist, lie apart in the file, and be able to hold their numbers."""
        whole = math.prod(-(-side // chunk) for side, chunk in zip(data.shape, data.chunks, strict=True))
        room = math.prod(data.chunks) * data.dtype.itemsize
        self._require(name, whole <= self._size and room <= LARGEST_RATIO * self._size, "a size that fits", data.shape)
        found: dict[tuple[int, ...], Chunk] = {}
        unfiltered: list[int] = []

        def add(info: Any) -> None:
            found[info.chunk_offset] = Chunk(info.byte_offset, info.size)
            if info.filter_mask:
                unfiltered.append(info.filter_mask)

        data.id.chunk_iter(add)
        lie_inside = all(chunk.offset >= 0 and chunk.offset + chunk.size <= self._size for chunk in found.values())
        self._require(name, len(found) == whole and lie_inside and not unfiltered, f"{whole} chunks", len(found))
        holding = all(room <= LARGEST_RATIO * chunk.size for chunk in found.values())
        apart = sum(chunk.size for chunk in found.values()) <= self._size
        self._require(name, holding and apart, "a size that fits", data.shape)
        return found

    def _require(self, name: str, holds: bool, expected: str, got: object) -> None:
        if not holds:
            raise DatasetError(f"{self._path}: expected {expected} for {name}, got {got}; the file is damaged.")


@contextmanager
def open_hdf5(path: str | Path, kind: str) -> Iterator[StoredFile]:
    """Opens a file for reading, after checking its format.

    Args:
        path: The file.
        kind: The value that its attribute `format` must have.

    Yields:
        The open file.

    Raises:
        DatasetError: The file is missing, damaged, cut short or of another kind, or reading it inside the block fails.
    """
    import h5py

    try:
        with h5py.File(plain_file(path, DatasetError), "r") as file:
            found = file.attrs.get("format")
            if not isinstance(found, str) or found != kind or file.userblock_size:
                raise DatasetError(f"{path}: expected a file of format {kind}, got {found!r:.60}.")
            yield StoredFile(file, Path(path))
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file.") from None
    except (LithoError, MemoryError):
        raise
    except Exception as error:  # h5py raises whatever the damaged bytes lead to
        if getattr(error, "errno", None):
            raise DatasetError(f"{path}: cannot be read ({os.strerror(error.errno)}).") from error  # type: ignore[attr-defined]
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path}: cannot be read as HDF5; the file is damaged or cut short ({reason}).") from error


def inflated(packed: bytes, room: int) -> bytes:
    """Unpacks a chunk, never to more than its size.

    Args:
        packed: A zlib stream.
        room: Number of bytes that it must unpack to.

    Returns:
        The bytes.

    Raises:
        ValueError: It is damaged, or unpacks to another number of bytes.
    """
    stream = zlib_ng.decompressobj()
    try:
        content = stream.decompress(packed, room)
        content += stream.decompress(stream.unconsumed_tail, 1)
    except zlib_ng.error as error:  # type: ignore[misc]
        raise ValueError(f"a packed part is damaged: {error}") from error
    if len(content) != room or not stream.eof:
        raise ValueError(f"a packed part has another size than {room} bytes")
    return content


def _numbers(content: bytes, dtype: np.dtype[Any]) -> np.ndarray:
    """Bytes as numbers; truth values are any byte but 0, since NumPy takes only 0 and 1."""
    return np.frombuffer(content, np.uint8) != 0 if dtype.kind == "b" else np.frombuffer(content, dtype)


def _text(shape: Shape) -> str:
    return f"({', '.join('n' if side is None else str(side) for side in shape)})"


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
