"""Export of a data set for other programs, as PNG files or NPZ arrays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from litho_dl.core.errors import DatasetError
from litho_dl.core.io import atomic_path, write_csv, write_png
from litho_dl.core.lock import LOCK, owned
from litho_dl.pairs.manifest import read_manifest, shard_path
from litho_dl.pairs.shard import SPLITS, PairBlock, read_shard
from litho_dl.pairs.verify import repeated

OnShard = Callable[[int, int], None]


def pair_table(block: PairBlock) -> list[dict[str, object]]:
    """A row per pair: name, split, seed, pattern hash and scores."""
    return [
        {
            "name": block.name[i],
            "split": SPLITS[block.split[i]],
            "seed": int(block.seed[i]),
            "pattern": block.pattern[i],
            **{name: f"{values[i]:.12g}" for name, values in block.score.items()},
        }
        for i in range(len(block))
    ]


def finished_shards(folder: Path, on_shard: OnShard) -> Iterator[PairBlock]:
    """Yields the pairs of each finished shard in order.

    Args:
        folder: The data set.
        on_shard: Called with the number of shards read and the number of shards.

    Yields:
        The pairs of a shard.

    Raises:
        DatasetError: There is no data set, no finished shard, or one is damaged.
    """
    manifest, names = read_manifest(folder), set[str]()
    if not manifest.pairs:
        raise DatasetError(f"{folder}: expected finished pairs, got none; run litho-dl dataset build.")
    for done, index in enumerate(manifest.shards, start=1):
        block = read_shard(shard_path(folder, index))
        if doubled := repeated(block, names):
            raise DatasetError(f"{shard_path(folder, index)}: the name {doubled[0]} occurs twice; build the set anew.")
        yield block
        on_shard(done, len(manifest.shards))


def export_png(folder: Path, out: Path, on_shard: OnShard = lambda done, total: None) -> int:
    """Writes OUT/SPLIT/IMAGE/NAME.png (0 to 255, first row = lowest y) and OUT/pairs.csv.

    Aerial images are written as 255 min(I, 1).

    Args:
        folder: The data set.
        out: The folder to write, new or empty.
        on_shard: Called with the number of shards done and the number of shards.

    Returns:
        The number of pairs.

    Raises:
        DatasetError: As `finished_shards`, or OUT is not empty.
        OutputError: The folder cannot be written.
    """
    with _new(out):
        rows: list[dict[str, object]] = []
        for block in finished_shards(folder, on_shard):
            rows += pair_table(block)
            for name, images in block.images.items():
                for i, image in enumerate(images):
                    grey = image if image.dtype == np.uint8 else np.rint(image.astype(np.float32).clip(0, 1) * 255)
                    write_png(out / SPLITS[block.split[i]] / name / f"{block.name[i]}.png", grey.astype(np.uint8))
        write_csv(out / "pairs.csv", rows)
    return len(rows)


def export_npz(folder: Path, out: Path, on_shard: OnShard = lambda done, total: None) -> int:
    """Writes OUT/SPLIT/00000.npz ... with images (n, H, W) and `name` for each shard, and OUT/pairs.csv.

    Args:
        folder: The data set.
        out: The folder to write, new or empty.
        on_shard: Called with the number of shards done and the number of shards.

    Returns:
        The number of pairs.

    Raises:
        DatasetError: As `finished_shards`, or OUT is not empty.
        OutputError: The folder cannot be written.
    """
    with _new(out):
        rows: list[dict[str, object]] = []
        for number, block in enumerate(finished_shards(folder, on_shard)):
            rows += pair_table(block)
            for split in np.unique(block.split):
                own = block.split == split
                images = {name: values[own] for name, values in block.images.items()}
                with atomic_path(out / SPLITS[split] / f"{number:05d}.npz") as temporary:
                    np.savez_compressed(temporary, name=np.array(block.name)[own], **images)
        write_csv(out / "pairs.csv", rows)
    return len(rows)


@contextmanager
def _new(out: Path) -> Iterator[None]:
    """Owns the folder of an export, and refuses to mix two."""
    with owned(out):
        if {path.name for path in out.iterdir()} - {LOCK}:
            raise DatasetError(f"{out}: expected an empty folder, got files in it; choose another folder.")
        yield
