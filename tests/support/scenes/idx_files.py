"""Writing IDX files for tests."""

import gzip
import struct
from pathlib import Path

import numpy as np

from litho_dl.mnist.files import FILES


def idx_bytes(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def write_set(folder: Path, train: int = 5, test: int = 3) -> dict[str, np.ndarray]:
    """Random images and labels as four .gz files; returns what is in them."""
    rng = np.random.default_rng(0)
    shapes = [(train, 28, 28), (train,), (test, 28, 28), (test,)]
    arrays = {
        name: rng.integers(256 if len(shape) == 3 else 10, size=shape, dtype=np.uint8)
        for name, shape in zip(FILES, shapes, strict=True)
    }
    for name, values in arrays.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(values)))
    return arrays
