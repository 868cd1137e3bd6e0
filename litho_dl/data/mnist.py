"""MNIST, handwritten digits: read from its four files, or downloaded."""

import gzip
import hashlib
import http.client
import urllib.request
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from litho_dl.core.errors import DatasetError
from litho_dl.core.io import atomic_path
from litho_dl.data.idx import read_idx

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
FILES = {  # SHA-256 of what is in the .gz
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TIMEOUT_S = 30


@dataclass(frozen=True, eq=False)
class Mnist:
    """Images, uint8 (n, 28, 28) with 255 = ink and row 0 at the top, and their digits, uint8 (n,), 0 ... 9."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    def training_digest(self) -> str:
        """SHA-256 of the training images and labels, hexadecimal."""
        digest = hashlib.sha256(self.train_images.numpy().tobytes())
        digest.update(self.train_labels.numpy().tobytes())
        return digest.hexdigest()


def load_mnist(data_dir: str | Path, download: bool = False, mirrors: Sequence[str] = MIRRORS) -> Mnist:
    """Reads MNIST, or any other set in its format, from a folder.

    Args:
        data_dir: Holds `train-images-idx3-ubyte` and the three others, plain or as .gz; `.idx3-ubyte` will do as well.
        download: Fetch what is missing.
        mirrors: Where from: folders of .gz files as URLs that end in a slash, tried in turn.

    Raises:
        DatasetError: A file is missing, damaged, or does not belong to the others, or no mirror gives it.
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
    """The file of that name in any of its spellings."""
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
    """Fetches one file and checks its content."""
    failures = []
    for mirror in mirrors:
        url = f"{mirror}{name}.gz"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
                packed = response.read()
            digest = hashlib.sha256(gzip.decompress(packed)).hexdigest()
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
