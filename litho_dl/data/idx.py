"""IDX files, in which MNIST comes: two zero bytes, a type, the number of axes, their sizes, then the values."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import DatasetError

GZIP = b"\x1f\x8b"
UNSIGNED_BYTES = 0x08
MOST_AXES = 8


def read_idx(path: str | Path) -> Tensor:
    """Reads unsigned bytes, uint8 of the shape that the file states, from an IDX file, plain or gzip.

    Raises:
        DatasetError: The file is missing, damaged, cut short, or of another kind.

    Source: http://yann.lecun.com/exdb/mnist
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    if content.startswith(GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DatasetError(f"{path}: damaged gzip file ({error}); fetch it again.") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[3] == 0:
        raise DatasetError(f"{path}: expected an IDX file (00 00 TYPE AXES), got {content[:4].hex(' ') or 'nothing'}.")
    if content[2] != UNSIGNED_BYTES:
        raise DatasetError(f"{path}: expected unsigned bytes (type 08), got type {content[2]:02x}.")
    axes = content[3]
    if axes > MOST_AXES:
        raise DatasetError(
            f"{path}: expected at most {MOST_AXES} axes, got {axes}; the file is damaged: fetch it again."
        )
    if len(content) < 4 + 4 * axes:
        raise DatasetError(
            f"{path}: expected the sizes of {axes} axes, got {len(content)} bytes; the file is cut short."
        )
    shape = struct.unpack_from(f">{axes}I", content, 4)
    values = np.frombuffer(content, np.uint8)[4 + 4 * axes :]
    if len(values) != math.prod(shape):
        said = " x ".join(map(str, shape))
        raise DatasetError(f"{path}: expected {said} values, got {len(values)}; the file is damaged: fetch it again.")
    return torch.from_numpy(values.reshape(shape).copy())
