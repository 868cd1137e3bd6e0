"""One HDF5 shard of (target, mask) pairs.

Layout of a file: `target` and `mask`, uint8 (n, H, W), 255 = covered; any further images, (n, H, W), under their names;
`name`, `seed`, `pattern` and `split` of each pair; `score/NAME`, one number a pair. Root attributes: `format`, and
settings as JSON under `settings`. Row 0 is the lowest y.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.errors import DatasetError
from litho_dl.core.io import atomic_path

FORMAT = "litho_dl.pairs/1"
SPLITS = ("train", "validation", "test")
IMAGES = ("target", "mask", "aerial", "print")
# Measured on masks of `fast`: level 6 takes half the room of level 1 and a quarter of lzf's, and inflates as fast;
# level 9 saves another fifth but takes ten times as long to write.
COMPRESSION: dict[str, Any] = {"compression": "gzip", "compression_opts": 6}


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
    content = _file_bytes(block, settings)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _file_bytes(block: PairBlock, settings: Mapping[str, Any]) -> bytes:
    """The HDF5 file, built in memory: a disk that fills up meets one plain write."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="v110") as file:
        file.attrs["format"] = FORMAT
        file.attrs["settings"] = json.dumps(settings, sort_keys=True)
        for name, images in block.images.items():
            chunk = (1, *images.shape[1:])
            file.create_dataset(name, data=images, chunks=chunk, maxshape=(None, *images.shape[1:]), **COMPRESSION)
        text = h5py.string_dtype()
        file.create_dataset("name", data=np.array(block.name, dtype=object), dtype=text)
        file.create_dataset("pattern", data=np.array(block.pattern, dtype="S64"))
        file.create_dataset("seed", data=block.seed.astype(np.uint64))
        file.create_dataset("split", data=block.split.astype(np.uint8))
        for name, values in block.score.items():
            file.create_dataset(f"score/{name}", data=values)
    return buffer.getvalue()


def open_shard(path: str | Path) -> Any:
    """The open `h5py.File` of a shard, checked to be one.

    Raises:
        DatasetError: The file is missing, damaged, or no shard.
    """
    import h5py

    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file.") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read as HDF5; the file is damaged or cut short.") from error
    found = file.attrs.get("format")
    if found != FORMAT:
        file.close()
        raise DatasetError(f"{path}: expected a shard of format {FORMAT}, got {found!r}.")
    return file


def read_settings(path: str | Path) -> dict[str, Any]:
    """What a shard's pairs were made with.

    Raises:
        DatasetError: As `open_shard`, or the settings are damaged.
    """
    with open_shard(path) as file:
        try:
            return dict(json.loads(file.attrs["settings"]))
        except (KeyError, ValueError, OSError) as error:
            raise DatasetError(f"{path}: the shard's settings are damaged ({error}).") from error


def read_shard(path: str | Path, images: tuple[str, ...] = IMAGES) -> PairBlock:
    """All pairs of a shard, with those of the named images that it has.

    Raises:
        DatasetError: As `open_shard`, or part of the file is damaged.
    """
    with open_shard(path) as file:
        try:
            block = PairBlock(
                images={name: file[name][()] for name in images if name in file},
                name=[name.decode() for name in file["name"][()]],
                seed=file["seed"][()],
                pattern=[pattern.decode() for pattern in file["pattern"][()]],
                split=file["split"][()],
                score={name: values[()] for name, values in file.get("score", {}).items()},
            )
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            raise DatasetError(f"{path}: the shard is damaged ({' '.join(str(error).split())}).") from error
    return block
