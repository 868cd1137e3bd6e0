"""The manifest `dataset.json`: the settings of a data set, and its finished shards."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, JsonValue

from litho_dl.core.dihedral import SymmetryName
from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.core.io import file_digest, plain_file, write_text
from litho_dl.core.settings import Positive
from litho_dl.core.stored import Count, Digest, Stored, checked, parse_json
from litho_dl.pairs.shard import OPTICS, SHARDS

FORMAT = "litho_dl.dataset/1"
MANIFEST = "dataset.json"
CLIPS = "clips.h5"
MOST_CLIPS = 10**7


@dataclass(frozen=True)
class ShardEntry:
    """A finished shard.

    Attributes:
        sha256: SHA-256 of the file, hexadecimal.
        clips: Number of clips it was made from.
        pairs: Number of pairs it holds.
        rejected: Number of clips without a pair, by the first quality limit they violate.
    """

    sha256: Digest
    clips: Count
    pairs: Count
    rejected: dict[str, Count]


class _Recipe(Stored):
    """What readers need of a recipe; only workers read all of it, as its keys may be those of another version."""

    description: str = ""
    optics: str
    method: str
    seed: Annotated[int, Field(ge=0)]
    pixel_nm: Positive
    shard_clips: Annotated[Count, Field(ge=1)]


class _Settings(Stored):
    """Settings of a data set, as `resolve.resolve_recipe` makes them."""

    digest: Digest
    recipe: _Recipe
    resolved: dict[str, JsonValue]
    field_nm: tuple[Positive, Positive]
    symmetries: tuple[SymmetryName, ...]


class _Files(Stored):
    """Digests of the files that all shards are made from."""

    clips: Annotated[Digest, Field(alias=CLIPS)]
    optics: Annotated[Digest, Field(alias=OPTICS)]


class _Stored(Stored):
    """The content of `dataset.json`."""

    clips: Annotated[int, Field(ge=1, le=MOST_CLIPS)]
    files: _Files
    settings: _Settings
    shards: dict[Count, ShardEntry]


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


def read_manifest(folder: Path) -> Manifest:
    """Reads a data set's manifest.

    Raises:
        DatasetError: It is missing, damaged, or of another format.
    """
    path = folder / MANIFEST
    try:
        content = plain_file(path, DatasetError).read_bytes()
    except FileNotFoundError:
        raise DatasetError(
            f"{folder}: expected a data set ({MANIFEST} in it), got none; make one with litho-dl dataset build."
        ) from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}).") from error
    table = parse_json(content, str(path), DatasetError)
    found = table.get("format") if isinstance(table, dict) else None
    if found != FORMAT:
        raise DatasetError(f"{path}: expected a data set of format {FORMAT}, got {found!r:.60}; the file is damaged.")
    stored = checked(_Stored, table, str(path), DatasetError)
    files = {CLIPS: stored.files.clips, OPTICS: stored.files.optics}
    return Manifest(table["settings"], stored.clips, files, {i: stored.shards[i] for i in sorted(stored.shards)})
