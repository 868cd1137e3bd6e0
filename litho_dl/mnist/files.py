"""MNIST, a data set of handwritten digits: reading and downloading its four files."""

import gzip
import hashlib
import http.client
import io
import math
import struct
import urllib.request
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import DatasetError
from litho_dl.core.io import atomic_path, plain_file

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
FILES = {  # SHA-256 of the unpacked contents
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TIMEOUT_S = 30
GZIP = b"\x1f\x8b"
UNSIGNED_BYTES = 0x08  # type code in an IDX file
MAX_AXES = 8
LARGEST_BYTES = 2**28  # five times the training images


@dataclass(frozen=True, eq=False, repr=False)
class Mnist:
    """The training and test images of MNIST, or of a data set in its format.

    Attributes:
        train_images: uint8 (n, 28, 28), 255 = ink, row 0 at the top.
        train_labels: Their digits, uint8 (n,), 0 ... 9.
        test_images: As `train_images`.
        test_labels: As `train_labels`.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    def __repr__(self) -> str:
        return f"Mnist({len(self.train_labels):,} training images, {len(self.test_labels):,} test images)"

    def training_digest(self) -> str:
        """SHA-256 of the training images and labels, hexadecimal."""
        digest = hashlib.sha256(self.train_images.numpy().tobytes())
        digest.update(self.train_labels.numpy().tobytes())
        return digest.hexdigest()


def load_mnist(data_dir: str | Path, download: bool = False, mirrors: Sequence[str] = MIRRORS) -> Mnist:
    """Reads MNIST, or another data set in its format, from a folder.

    Args:
        data_dir: Folder of `train-images-idx3-ubyte` and the three other files, plain or as .gz; names with
            `.idx3-ubyte` are accepted too.
        download: Whether to download missing files.
        mirrors: URLs of folders of the .gz files, ending in a slash, tried in turn.

    Returns:
        The images and labels.

    Raises:
        DatasetError: A file is missing, damaged, inconsistent with the others, or cannot be downloaded.
        OutputError: The folder cannot be written.
    """
    folder = Path(data_dir)
    found = {name: _find(folder, name) for name in FILES}
    missing = [name for name, path in found.items() if path is None]
    if missing and not download:
        raise DatasetError(
            f"{folder}: expected MNIST, got no {', '.join(missing)}; pass --download (download=True) to fetch it, or "
            f"{_by_hand(folder, missing)}"
        )
    paths = [path or _download(folder, name, mirrors) for name, path in found.items()]
    return Mnist(*_read_pair(*paths[:2]), *_read_pair(*paths[2:]))


def _find(folder: Path, name: str) -> Path | None:
    """The file of this name in any spelling; None if there is none."""
    spellings = (name, name.replace("-idx", ".idx"))
    paths = (folder / f"{spelling}{suffix}" for spelling in spellings for suffix in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def _read_pair(images_path: Path, labels_path: Path) -> tuple[Tensor, Tensor]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.shape[1:] != (28, 28):
        raise DatasetError(f"{images_path}: expected images of 28 x 28 pixels, got values of {tuple(images.shape)}.")
    if labels.shape != images.shape[:1]:
        raise DatasetError(f"{labels_path}: expected {len(images)} labels, got values of {tuple(labels.shape)}.")
    if len(labels) == 0 or labels.max() > 9:
        raise DatasetError(f"{labels_path}: expected digits 0 to 9, got {labels.max() if len(labels) else 'none'}.")
    return images, labels


def _by_hand(folder: Path, names: Iterable[str]) -> str:
    return f"put {', '.join(f'{name}.gz' for name in names)} into {folder} by hand, from {MIRRORS[0]}."


def _download(folder: Path, name: str, mirrors: Sequence[str]) -> Path:
    """Downloads a file and checks its SHA-256."""
    failures = []
    for mirror in mirrors:
        url = f"{mirror}{name}.gz"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
                packed = response.read(LARGEST_BYTES)
            content = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(LARGEST_BYTES)
            digest = hashlib.sha256(content).hexdigest()
        except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
            failures.append(f"{url}: {error}")
            continue
        if digest == FILES[name]:
            path = folder / f"{name}.gz"
            with atomic_path(path) as temporary:
                temporary.write_bytes(packed)
            return path
        failures.append(f"{url}: wrong content, SHA-256 {digest}")
    raise DatasetError(f"{name} cannot be downloaded ({'; '.join(failures)}); {_by_hand(folder, FILES)}")


def read_idx(path: str | Path) -> Tensor:
    """Reads an IDX file of unsigned bytes, plain or gzip, as a uint8 tensor of the shape it states.

    Raises:
        DatasetError: The file is missing, damaged, truncated, or of another type.

    Source: http://yann.lecun.com/exdb/mnist
    """
    try:
        content = plain_file(path, DatasetError).read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    if content.startswith(GZIP):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(LARGEST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise DatasetError(f"{path}: damaged gzip file ({error}); fetch it again.") from error
    if len(content) > LARGEST_BYTES:
        raise DatasetError(f"{path}: expected at most {LARGEST_BYTES:,} bytes, got more; fetch it again.")
    if len(content) < 4 or content[:2] != b"\0\0" or content[3] == 0:
        raise DatasetError(f"{path}: expected an IDX file (00 00 TYPE AXES), got {content[:4].hex(' ') or 'nothing'}.")
    if content[2] != UNSIGNED_BYTES:
        raise DatasetError(f"{path}: expected unsigned bytes (type 08), got type {content[2]:02x}.")
    axes = content[3]
    if axes > MAX_AXES:
        raise DatasetError(
            f"{path}: expected at most {MAX_AXES} axes, got {axes}; the file is damaged: fetch it again."
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
