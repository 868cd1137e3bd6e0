"""Checks a data set on disk, byte for byte and by its contents."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.data.pairs import PairBlock, read_settings, read_shard
from litho_dl.dataset.manifest import CLIPS, OPTICS, SHARDS, Manifest, ShardEntry, read_manifest, shard_path
from litho_dl.dataset.plan import read_clips
from litho_dl.process.files import load_kernels


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error


def verify(folder: Path, on_shard: Callable[[int, int], None] = lambda done, total: None) -> list[str]:
    """What is wrong with a data set, one line each; missing shards of an unfinished build are no fault.

    Finds changed and missing files, shards of other recipes, shards that nobody lists, pairs that are not those of
    their clips, and patterns that come twice.

    Raises:
        DatasetError: There is no manifest, or it is damaged.
    """
    manifest = read_manifest(folder)
    faults: list[str] = []
    clips = None
    try:
        clips = read_clips(folder / CLIPS, manifest.digest, 0, manifest.clips)
        load_kernels(folder / OPTICS)
    except LithoError as error:
        faults.append(str(error))
    listed = {shard_path(folder, index) for index in manifest.shards}
    faults += [f"{path}: not in the manifest." for path in sorted((folder / SHARDS).glob("*.h5")) if path not in listed]
    seen: set[str] = set()
    for done, (index, entry) in enumerate(manifest.shards.items(), start=1):
        path = shard_path(folder, index)
        try:
            block = _checked(path, index, entry, manifest)
        except DatasetError as error:
            faults.append(str(error))
        else:
            if clips is not None:
                first = index * manifest.shard_clips
                planned = {clip.name: (clip.seed, clip.pattern) for clip in clips[first : first + manifest.shard_clips]}
                found = zip(block.name, zip(block.seed.tolist(), block.pattern, strict=True), strict=True)
                faults += [f"{path}: {name} is not of its clip." for name, own in found if planned.get(name) != own]
            faults += [f"{path}: the pattern of {block.name[place]} came before." for place in _repeats(block, seen)]
        on_shard(done, len(manifest.shards))
    return faults


def _checked(path: Path, index: int, entry: ShardEntry, manifest: Manifest) -> PairBlock:
    """A shard's pairs; DatasetError says what is wrong with it."""
    digest = file_digest(path)
    settings = read_settings(path)
    if settings.get("digest") != manifest.digest:
        raise DatasetError(f"{path}: a shard of another recipe; remove it and build again.")
    if settings.get("shard") != index:
        raise DatasetError(f"{path}: expected shard {index}, got shard {settings.get('shard')}; remove it.")
    if digest != entry.sha256:
        raise DatasetError(f"{path}: its bytes are not those that were written; remove it and build again.")
    block = read_shard(path)
    if len(block) != entry.pairs or any(len(images) != entry.pairs for images in block.images.values()):
        raise DatasetError(f"{path}: expected {entry.pairs} pairs, got {len(block)}.")
    empty = [
        block.name[i] for i in range(len(block)) if not all(np.any(block.images[n][i]) for n in ("target", "mask"))
    ]
    if empty:
        raise DatasetError(f"{path}: empty target or mask of {', '.join(empty)}.")
    return block


def _repeats(block: PairBlock, seen: set[str]) -> list[int]:
    """Places of patterns that are already seen; the others are seen from now on."""
    places = [place for place, pattern in enumerate(block.pattern) if pattern in seen]
    seen.update(block.pattern)
    return places
