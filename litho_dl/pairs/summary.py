"""The summary of a data set: counts, splits, mean scores, sample pairs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.errors import DatasetError
from litho_dl.pairs.manifest import Manifest, shard_path
from litho_dl.pairs.shard import SPLITS, PairBlock, read_shard


def read_scores(folder: Path, manifest: Manifest) -> PairBlock:
    """Reads all pairs of the finished shards, without images.

    Args:
        folder: The data set.
        manifest: Its manifest.

    Returns:
        The pairs in order.

    Raises:
        DatasetError: There is no finished shard, or one is missing or damaged.
    """
    blocks = [read_shard(shard_path(folder, index), images=()) for index in manifest.shards]
    if not blocks:
        raise DatasetError(f"{folder}: expected finished shards, got none; run litho-dl dataset build.")
    blocks = [block for block in blocks if len(block)] or blocks[:1]
    return PairBlock(
        images={},
        name=[name for block in blocks for name in block.name],
        seed=np.concatenate([block.seed for block in blocks]),
        pattern=[pattern for block in blocks for pattern in block.pattern],
        split=np.concatenate([block.split for block in blocks]),
        score={name: np.concatenate([block.score[name] for block in blocks]) for name in blocks[0].score},
    )


def split_counts(pairs: PairBlock) -> dict[str, int]:
    """Number of pairs of each split."""
    return {name: int((pairs.split == number).sum()) for number, name in enumerate(SPLITS)}


def score_means(pairs: PairBlock) -> dict[str, float]:
    """Mean of each score."""
    return {name: float(values.mean()) for name, values in pairs.score.items() if len(values)}


@dataclass(frozen=True, eq=False, repr=False)
class SamplePair:
    """A pair: target and mask as stored, uint8 (H, W), and its scores."""

    name: str
    target: np.ndarray
    mask: np.ndarray
    score: dict[str, float]

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {value:,.4g}" for name, value in self.score.items())
        return f"SamplePair({self.name}: {scores})"


def sample_pairs(folder: Path, manifest: Manifest, count: int) -> list[SamplePair]:
    """Reads some pairs, evenly spread over a data set.

    Args:
        folder: The data set.
        manifest: Its manifest.
        count: Number of pairs; fewer if the data set has fewer.

    Returns:
        The pairs in order.

    Raises:
        DatasetError: There is no pair, or a shard is missing or damaged.
    """
    if not manifest.pairs:
        raise DatasetError(f"{folder}: expected finished pairs, got none; run litho-dl dataset build.")
    count = min(count, manifest.pairs)
    wanted = [place * manifest.pairs // count for place in range(count)]
    chosen, first = [], 0
    for index, entry in manifest.shards.items():
        rows = [place - first for place in wanted if first <= place < first + entry.pairs]
        first += entry.pairs
        if not rows:
            continue
        block = read_shard(shard_path(folder, index), images=("target", "mask"))
        for row in rows:
            score = {name: float(values[row]) for name, values in block.score.items()}
            chosen.append(SamplePair(block.name[row], block.images["target"][row], block.images["mask"][row], score))
    return chosen


def set_summary(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """Counts, splits, mean scores and settings of a data set, as plain values.

    Args:
        folder: The data set.
        manifest: Its manifest.

    Returns:
        The values by name.

    Raises:
        DatasetError: There is no finished shard, or one is damaged.
    """
    pairs = read_scores(folder, manifest)
    return {
        "folder": str(folder),
        "clips": manifest.clips,
        "shards": len(manifest.shards),
        "shards_missing": len(manifest.missing),
        "pairs": manifest.pairs,
        "rejected": manifest.rejected,
        "splits": split_counts(pairs),
        "mean_score": score_means(pairs),
        "symmetries": manifest.settings["symmetries"],
        "recipe": manifest.settings["recipe"],
    }


def set_text(folder: Path, manifest: Manifest) -> str:
    """`set_summary` as text.

    Args:
        folder: The data set.
        manifest: Its manifest.

    Returns:
        Six lines.

    Raises:
        DatasetError: There is no finished shard, or one is damaged.
    """
    summary = set_summary(folder, manifest)
    recipe = summary["recipe"]
    rejected = ", ".join(f"{count} by {name}" for name, count in summary["rejected"].items()) or "none"
    state = f"{summary['shards_missing']} shards missing" if summary["shards_missing"] else "complete"
    means = ", ".join(f"{name} {value:,.1f}" for name, value in summary["mean_score"].items())
    lines = [
        f"{folder}: {recipe['description']}".removesuffix(": "),
        f"  pairs      {summary['pairs']:,} of {summary['clips']:,} clips; rejected: {rejected}; {state}",
        "  splits     " + ", ".join(f"{name} {count:,}" for name, count in summary["splits"].items()),
        f"  scores     {means}",
        f"  made with  {recipe['method']} on {recipe['optics']}, seed {recipe['seed']}, {recipe['pixel_nm']:g} nm",
        f"  symmetries of the optics: {', '.join(summary['symmetries'])}",
    ]
    return "\n".join(lines)
