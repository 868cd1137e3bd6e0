"""Verification of a data set on disk: checksums and contents."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.io import file_digest
from litho_dl.pairs.manifest import CLIPS, MANIFEST, Manifest, ShardEntry, changed_files, read_manifest, shard_path
from litho_dl.pairs.plan import read_columns
from litho_dl.pairs.shard import SHARDS, PairBlock, read_settings, read_shard


def verify(folder: Path, on_shard: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
    """Checks a data set; shards that an unfinished build has not made yet are no fault.

    Finds changed and missing files, shards of other recipes, shards that are not in the manifest, pairs that do not
    belong to their clips, and duplicate patterns.

    Args:
        folder: The data set.
        on_shard: Called with the number of shards checked and the number of shards.

    Returns:
        A message for each fault.

    Raises:
        DatasetError: There is no manifest, or it is damaged.
    """
    manifest = read_manifest(folder)
    faults = changed_files(folder, manifest)
    clips = None
    if not faults:
        clips = read_columns(folder / CLIPS, manifest.digest)
        if len(clips) != manifest.clips:
            faults.append(f"{folder / MANIFEST}: expected {len(clips)} clips, got {manifest.clips}.")
    listed = {shard_path(folder, index) for index in manifest.shards}
    faults += [f"{path}: not in the manifest." for path in sorted((folder / SHARDS).glob("*.h5")) if path not in listed]
    patterns, names = set[str](), set[str]()
    for done, (index, entry) in enumerate(manifest.shards.items(), start=1):
        path = shard_path(folder, index)
        try:
            block = _checked(path, index, entry, manifest)
        except LithoError as error:
            faults.append(str(error))
        else:
            if clips is not None:
                first = index * manifest.shard_clips
                planned = set(clips[first : first + manifest.shard_clips])
                found = zip(block.name, block.seed.tolist(), block.pattern, strict=True)
                faults += [f"{path}: {pair[0]} does not belong to its clip." for pair in found if pair not in planned]
            faults += [
                f"{path}: the pattern of {block.name[row]} occurs twice." for row in _duplicates(block, patterns)
            ]
            faults += [f"{path}: the name {name} occurs twice." for name in repeated(block, names)]
        on_shard(done, len(manifest.shards))
    return faults


def _checked(path: Path, index: int, entry: ShardEntry, manifest: Manifest) -> PairBlock:
    """Reads a shard's pairs; raises DatasetError if something is wrong with it."""
    changed = file_digest(path) != entry.sha256
    settings = read_settings(path)
    if any(settings.get(name) != value for name, value in manifest.settings.items()):
        raise DatasetError(f"{path}: a shard of another recipe; remove it and build again.")
    if settings.get("shard") != index:
        raise DatasetError(f"{path}: expected shard {index}, got shard {settings.get('shard')}; remove it.")
    if changed:
        raise DatasetError(f"{path}: its bytes are not those that were written; remove it and build again.")
    block = read_shard(path)
    written = (settings.get("clips"), len(block), settings.get("rejected"))
    if written != (entry.clips, entry.pairs, entry.rejected):
        raise DatasetError(
            f"{path}: expected {entry.clips} clips, {entry.pairs} pairs and {entry.rejected} rejected, got {written}."
        )
    empty = [
        block.name[i] for i in range(len(block)) if not all(np.any(block.images[n][i]) for n in ("target", "mask"))
    ]
    if empty:
        raise DatasetError(f"{path}: empty target or mask of {', '.join(empty)}.")
    return block


def repeated(block: PairBlock, names: set[str]) -> list[str]:
    """Names of pairs that are in `names`, or twice in the block, whose names are added.

    Args:
        block: The pairs of a shard.
        names: Names of the shards before.

    Returns:
        The names that would be those of two files.
    """
    found = []
    for name in block.name:
        if name in names:
            found.append(name)
        names.add(name)
    return found


def _duplicates(block: PairBlock, patterns: set[str]) -> list[int]:
    """Rows whose pattern hash is in `patterns`, to which the block's are added."""
    rows = [row for row, pattern in enumerate(block.pattern) if pattern in patterns]
    patterns.update(block.pattern)
    return rows
