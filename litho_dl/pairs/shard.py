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

from litho_dl.core.dihedral import SymmetryName
from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import Grid
from litho_dl.core.hdf5 import StoredArray, StoredFile, hdf5_bytes, open_hdf5
from litho_dl.core.io import atomic_path
from litho_dl.core.naming import require_name
from litho_dl.core.settings import Positive
from litho_dl.core.stored import Count, Stored

FORMAT = "litho_dl.pairs/1"
SHARDS = "shards"  # subfolder of a data set
OPTICS = "optics.safetensors"  # kernels of a data set
SPLITS = ("train", "validation", "test")
IMAGES = ("target", "mask", "aerial", "print")


class _ShardRecipe(Stored):
    """What a shard's reader needs of the recipe."""

    pixel_nm: Positive | None = None
    shard_clips: Count | None = None


class ShardSettings(Stored):
    """What the readers of a shard need of its settings; shards that other programs wrote may lack it.

    Attributes:
        digest: Digest of the resolved recipe.
        recipe: Pixel and number of clips.
        field_nm: (height, width) of the field.
        symmetries: Names of symmetries of the optics; see `core.dihedral`.
        shard: Index of the shard.
        clips: Number of clips it was made from.
        rejected: Number of clips without a pair, by quality limit.
    """

    digest: str | None = None
    recipe: _ShardRecipe
    field_nm: tuple[Positive, Positive] | None = None
    symmetries: tuple[SymmetryName, ...] | None = None
    shard: Count | None = None
    clips: Count | None = None
    rejected: dict[str, Count] | None = None

    @property
    def shape(self) -> tuple[int | None, int | None]:
        """(H, W) of the images; None where the settings do not say."""
        if self.field_nm is None or self.recipe.pixel_nm is None:
            return None, None
        return Grid.of_field(self.field_nm, self.recipe.pixel_nm).shape


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


def open_shard(path: str | Path) -> AbstractContextManager[StoredFile]:
    """Opens a shard.

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
        file.settings(ShardSettings)
        return dict(file.json())


def image_array(file: StoredFile, name: str, count: int | None = None) -> StoredArray:
    """The images of a shard under a name, whose shape is that of its settings; not read yet.

    Args:
        file: The shard.
        name: One of `IMAGES`.
        count: Number of pairs; None: any.

    Returns:
        The array (n, H, W).

    Raises:
        DatasetError: It is not in the shard, or its type or shape is another.
    """
    settings = file.settings(ShardSettings)
    most = settings.recipe.shard_clips
    images = file.array(name, "f" if name == "aerial" else "u", (count, *settings.shape))
    if images.dtype.itemsize > 2 or (most is not None and len(images) > most):
        raise DatasetError(f"Expected at most {most} {name} images of 1 or 2 bytes, got {images.dtype}{images.shape}.")
    return images


def read_shard(path: str | Path, images: tuple[str, ...] = IMAGES) -> PairBlock:
    """Reads all pairs of a shard.

    Args:
        path: The file.
        images: Names of the images to read; those that the shard lacks are left out.

    Returns:
        The pairs.

    Raises:
        DatasetError: The file is missing, damaged, or not a shard, or a name cannot be part of a file name.
    """
    with open_shard(path) as file:
        split = file.array("split", "u", (None,)).read()
        count = len(split)
        if count and split.max() >= len(SPLITS):
            raise DatasetError(f"{path}: expected splits below {len(SPLITS)}, got {split.max()}; the file is damaged.")
        stored = {name: image_array(file, name, count) for name in images if name in file}
        scores = {
            require_name(name, "the name of a score", DatasetError): file.array(f"score/{name}", "f", (count,))
            for name in file.names("score")
        }
        return PairBlock(
            images={name: array.read() for name, array in stored.items()},
            name=[
                require_name(name, f"{path}: the name of a pair", DatasetError) for name in file.texts("name", count)
            ],
            seed=file.array("seed", "u", (count,)).read(),
            pattern=[pattern.decode() for pattern in file.array("pattern", "S", (count,)).read()],
            split=split,
            score={name: array.read() for name, array in scores.items()},
        )
