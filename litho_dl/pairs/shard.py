"""One HDF5 shard of (target, mask) pairs.

Layout of a file: `target` and `mask`, uint8 (n, H, W), 255 = covered; any further images, (n, H, W), under their names;
`name`, `seed`, `pattern` and `split` of each pair; `score/NAME`, one number a pair. Root attributes: `format`, and
settings as JSON under `settings`. Row 0 is the lowest y.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.hdf5 import file_bytes, opened
from litho_dl.core.io import atomic_path

FORMAT = "litho_dl.pairs/1"
SHARDS = "shards"  # the folder of a data set that holds them
OPTICS = "optics.safetensors"  # the kernels that its masks are for
SPLITS = ("train", "validation", "test")
IMAGES = ("target", "mask", "aerial", "print")


@dataclass(frozen=True, eq=False)
class PairBlock:
    """Pairs, in order.

    Attributes:
        images: `target` and `mask` as coverage, uint8 (n, H, W) with 255 = covered, and more such as `aerial`, float16.
        name: What files made from a pair are called.
        seed: What the clip was drawn from; 0 for clips of a layout file.
        pattern: Pattern hash of the clip (see `layout.pattern`).
        split: Index into `SPLITS`, uint8 (n,).
        score: Figures of the scorecard, (n,) each.
    """

    images: dict[str, np.ndarray]
    name: list[str]
    seed: np.ndarray
    pattern: list[str]
    split: np.ndarray
    score: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.name)


def write_shard(path: str | Path, block: PairBlock, settings: Mapping[str, Any]) -> str:
    """Writes a shard atomically; the same pairs and settings give the same bytes.

    Args:
        path: The file.
        block: Its pairs; there may be none.
        settings: What the pairs were made with; JSON.

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
    content = file_bytes(FORMAT, {"settings": json.dumps(settings, sort_keys=True)}, arrays)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def open_shard(path: str | Path) -> AbstractContextManager[Any]:
    """The open `h5py.File` of a shard, checked to be one.

    Raises:
        DatasetError: See `core.hdf5.opened`.
    """
    return opened(path, FORMAT)


def read_settings(path: str | Path) -> dict[str, Any]:
    """What a shard's pairs were made with.

    Raises:
        DatasetError: The file is missing, damaged, or no shard.
    """
    with open_shard(path) as file:
        return dict(json.loads(file.attrs["settings"]))


def read_shard(path: str | Path, images: tuple[str, ...] = IMAGES) -> PairBlock:
    """All pairs of a shard, with those of the named images that it has.

    Raises:
        DatasetError: The file is missing, damaged, or no shard.
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
