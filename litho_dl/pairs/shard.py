"""HDF5 shards of (target, mask) pairs.

Layout of a file: `target` and `mask`, uint8 (n, H, W), 255 = covered; any further images, (n, H, W), under their names;
`name`, `seed`, `pattern` and `split` of each pair; `score/NAME`, one number per pair. Root attributes: `format`, and
`settings` as JSON. Row 0 of an image is the lowest y.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.hdf5 import hdf5_bytes, open_hdf5
from litho_dl.core.io import atomic_path

FORMAT = "litho_dl.pairs/1"
SHARDS = "shards"  # subfolder of a data set
OPTICS = "optics.safetensors"  # kernels of a data set
SPLITS = ("train", "validation", "test")
IMAGES = ("target", "mask", "aerial", "print")


@dataclass(frozen=True, eq=False, repr=False)
class PairBlock:
    """Pairs in memory.

    Attributes:
        images: `target` and `mask` as coverage, uint8 (n, H, W) with 255 = covered; others such as `aerial`, float16.
        name: Names of the pairs, also in names of files.
        seed: Seeds of the generated clips, (n,); 0 for clips of a layout file.
        pattern: Pattern hashes of the clips; see `layout.pattern`.
        split: Indices into `SPLITS`, uint8 (n,).
        score: Scores by name, (n,) each.
    """

    images: dict[str, np.ndarray]
    name: list[str]
    seed: np.ndarray
    pattern: list[str]
    split: np.ndarray
    score: dict[str, np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        names = ", ".join([*self.images, *self.score])
        return f"PairBlock({len(self)} pairs: {names})"

    def __len__(self) -> int:
        return len(self.name)


def write_shard(path: str | Path, block: PairBlock, settings: Mapping[str, Any]) -> str:
    """Writes a shard atomically; the same pairs and settings give the same bytes.

    Args:
        path: The file.
        block: The pairs; there may be none.
        settings: Settings that the pairs were made with, as JSON values.

    Returns:
        SHA-256 of the file, hexadecimal.

    Raises:
        OutputError: The file cannot be written.
    """
    arrays: dict[str, np.ndarray | list[str]] = {
        **block.images,
        "name": block.name,
        "pattern": np.array(block.pattern, dtype="S64"),
        "seed": block.seed.astype(np.uint64),
        "split": block.split.astype(np.uint8),
        **{f"score/{name}": values for name, values in block.score.items()},
    }
    content = hdf5_bytes(FORMAT, {"settings": json.dumps(settings, sort_keys=True)}, arrays)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def open_shard(path: str | Path) -> AbstractContextManager[Any]:
    """Opens a shard as an `h5py.File`.

    Raises:
        DatasetError: See `core.hdf5.open_hdf5`.
    """
    return open_hdf5(path, FORMAT)


def read_settings(path: str | Path) -> dict[str, Any]:
    """Reads the settings that a shard's pairs were made with.

    Raises:
        DatasetError: The file is missing, damaged, or not a shard.
    """
    with open_shard(path) as file:
        return dict(json.loads(file.attrs["settings"]))


def read_shard(path: str | Path, images: tuple[str, ...] = IMAGES) -> PairBlock:
    """Reads all pairs of a shard.

    Args:
        path: The file.
        images: Names of the images to read; those that the shard lacks are left out.

    Returns:
        The pairs.

    Raises:
        DatasetError: The file is missing, damaged, or not a shard.
    """
    with open_shard(path) as file:
        return PairBlock(
            images={name: file[name][()] for name in images if name in file},
            name=[name.decode() for name in file["name"][()]],
            seed=file["seed"][()],
            pattern=[pattern.decode() for pattern in file["pattern"][()]],
            split=file["split"][()],
            score={name: values[()] for name, values in file.get("score", {}).items()},
        )
