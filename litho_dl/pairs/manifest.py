"""The manifest `dataset.json`: the settings of a data set, and its finished shards."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.io import file_digest, plain_file, write_text
from litho_dl.pairs.shard import OPTICS, SHARDS

FORMAT = "litho_dl.dataset/1"
MANIFEST = "dataset.json"
CLIPS = "clips.h5"


@dataclass(frozen=True)
class ShardEntry:
    """A finished shard.

    Attributes:
        sha256: SHA-256 of the file, hexadecimal.
        clips: Number of clips it was made from.
        pairs: Number of pairs it holds.
        rejected: Number of clips without a pair, by the first quality limit they violate.
    """

    sha256: str
    clips: int
    pairs: int
    rejected: dict[str, int]


@dataclass(frozen=True)
class Manifest:
    """The state of a data set.

    Attributes:
        settings: Settings as JSON; see `resolve.ResolvedRecipe`.
        clips: Number of clips.
        files: SHA-256 of the files that all shards are made from, by name.
        shards: Finished shards by index.
    """

    settings: dict[str, Any]
    clips: int
    files: dict[str, str]
    shards: dict[int, ShardEntry] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of the resolved recipe, hexadecimal."""
        return str(self.settings["digest"])

    @property
    def shard_clips(self) -> int:
        """Number of clips of every shard but the last."""
        return int(self.settings["recipe"]["shard_clips"])

    @property
    def shard_count(self) -> int:
        """Number of shards of the finished data set."""
        return -(-self.clips // self.shard_clips)

    @property
    def missing(self) -> list[int]:
        """Indices of the shards still to be made."""
        return [index for index in range(self.shard_count) if index not in self.shards]

    @property
    def pairs(self) -> int:
        """Number of pairs in the finished shards."""
        return sum(shard.pairs for shard in self.shards.values())

    @property
    def rejected(self) -> dict[str, int]:
        """Number of clips of the finished shards without a pair, by quality limit."""
        names = sorted({name for shard in self.shards.values() for name in shard.rejected})
        return {name: sum(shard.rejected.get(name, 0) for shard in self.shards.values()) for name in names}

    def with_shard(self, index: int, entry: ShardEntry) -> "Manifest":
        """Adds a finished shard.

        Args:
            index: The shard's index, from 0.
            entry: Its entry.

        Returns:
            The new manifest.
        """
        return replace(self, shards=dict(sorted({**self.shards, index: entry}.items())))


def changed_files(folder: Path, manifest: Manifest) -> list[str]:
    """Checks the files that all shards are made from.

    Args:
        folder: The data set.
        manifest: Its manifest.

    Returns:
        A message for each file that is missing or was changed.
    """
    lines = []
    for name, sha256 in manifest.files.items():
        try:
            if file_digest(folder / name) != sha256:
                lines.append(
                    f"{folder / name}: its bytes are not those that were written; restore it, or build elsewhere."
                )
        except LithoError as error:
            lines.append(str(error))
    return lines


def shard_path(folder: Path, index: int) -> Path:
    """The path of a shard.

    Args:
        folder: The data set.
        index: The shard's index, from 0.

    Returns:
        The path of its HDF5 file.
    """
    return folder / SHARDS / f"shard-{index:05d}.h5"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest atomically.

    Args:
        folder: The data set.
        manifest: Its manifest.

    Raises:
        OutputError: The file cannot be written.
    """
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
        table = json.loads(plain_file(path, DatasetError).read_text(encoding="utf-8"))
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
        raise DatasetError(f"{path}: the manifest is damaged ({error}); restore it, or build elsewhere.") from error
    return manifest
