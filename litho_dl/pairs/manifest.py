"""`dataset.json`: what a data set is made of, and which shards are finished."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.io import file_digest, write_text
from litho_dl.pairs.shard import OPTICS, SHARDS

FORMAT = "litho_dl.dataset/1"
MANIFEST = "dataset.json"
CLIPS = "clips.h5"


@dataclass(frozen=True)
class ShardEntry:
    """A finished shard.

    Attributes:
        sha256: Of the file, hexadecimal.
        clips: Clips that it was made of.
        pairs: Pairs that it holds.
        rejected: Pairs left out, by the limit that they missed first.
    """

    sha256: str
    clips: int
    pairs: int
    rejected: dict[str, int]


@dataclass(frozen=True)
class Manifest:
    """A data set as it stands.

    Attributes:
        settings: See `blueprint.Blueprint`.
        clips: Clips in all.
        files: SHA-256 of the files that all shards are made from, by name.
        shards: Finished shards by index.
    """

    settings: dict[str, Any]
    clips: int
    files: dict[str, str]
    shards: dict[int, ShardEntry] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of the settings that decide the bytes."""
        return str(self.settings["digest"])

    @property
    def shard_clips(self) -> int:
        """Clips of every shard but the last."""
        return int(self.settings["recipe"]["shard_clips"])

    @property
    def shard_count(self) -> int:
        """Shards when it is finished."""
        return -(-self.clips // self.shard_clips)

    @property
    def missing(self) -> list[int]:
        """Shards still to be made."""
        return [index for index in range(self.shard_count) if index not in self.shards]

    @property
    def pairs(self) -> int:
        """Pairs in the finished shards."""
        return sum(shard.pairs for shard in self.shards.values())

    @property
    def rejected(self) -> dict[str, int]:
        """Pairs left out of the finished shards, by limit."""
        names = sorted({name for shard in self.shards.values() for name in shard.rejected})
        return {name: sum(shard.rejected.get(name, 0) for shard in self.shards.values()) for name in names}

    def with_shard(self, index: int, entry: ShardEntry) -> "Manifest":
        """The manifest with one more finished shard."""
        return replace(self, shards=dict(sorted({**self.shards, index: entry}.items())))


def changed_files(folder: Path, manifest: Manifest) -> list[str]:
    """A line for each of the files that shards are made from that is not as it was written."""
    lines = []
    for name, sha256 in manifest.files.items():
        try:
            if file_digest(folder / name) != sha256:
                lines.append(f"{folder / name}: its bytes are not those that were written; restore it or build anew.")
        except LithoError as error:
            lines.append(str(error))
    return lines


def shard_path(folder: Path, index: int) -> Path:
    """Where a shard lies in a data set's folder."""
    return folder / SHARDS / f"shard-{index:05d}.h5"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest atomically."""
    table = {
        "format": FORMAT,
        "clips": manifest.clips,
        "files": manifest.files,
        "shards": {str(index): asdict(entry) for index, entry in manifest.shards.items()},
        "settings": manifest.settings,
    }
    write_text(folder / MANIFEST, json.dumps(table, indent=1, sort_keys=True) + "\n")


def _entry(table: dict[str, Any]) -> ShardEntry:
    rejected = {str(name): int(count) for name, count in table["rejected"].items()}
    return ShardEntry(str(table["sha256"]), int(table["clips"]), int(table["pairs"]), rejected)


def read_manifest(folder: Path) -> Manifest:
    """Reads a data set's manifest.

    Raises:
        DatasetError: It is missing, damaged, or of another format.
    """
    path = folder / MANIFEST
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["format"] != FORMAT:
            raise DatasetError(f"{path}: expected a data set of format {FORMAT}, got {table['format']!r}.")
        shards = {int(index): _entry(entry) for index, entry in table["shards"].items()}
        files = {name: str(table["files"][name]) for name in (CLIPS, OPTICS)}
        manifest = Manifest(dict(table["settings"]), int(table["clips"]), files, shards)
        _ = manifest.digest, manifest.shard_count, manifest.settings["symmetries"], manifest.settings["resolved"]
    except FileNotFoundError:
        raise DatasetError(
            f"{folder}: expected a data set ({MANIFEST} in it), got none; make one with litho-dl dataset build."
        ) from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise DatasetError(
            f"{path}: the manifest is damaged ({error}); restore it, or build anew elsewhere."
        ) from error
    return manifest
