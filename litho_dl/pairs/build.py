"""Building a data set; an interrupted build continues with the missing shards."""

import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import FiniteFloat, TypeAdapter

from litho_dl.core.errors import DatasetError
from litho_dl.core.io import file_digest, write_csv
from litho_dl.core.lock import owned
from litho_dl.core.workers import run_tasks
from litho_dl.pairs.make import ShardReport, ShardTask, make_shard
from litho_dl.pairs.manifest import (
    CLIPS,
    MANIFEST,
    OPTICS,
    Manifest,
    ShardEntry,
    changed_files,
    read_manifest,
    shard_path,
    write_manifest,
)
from litho_dl.pairs.plan import plan_clips, read_columns, write_clips
from litho_dl.pairs.recipe import DatasetRecipe
from litho_dl.pairs.resolve import ResolvedRecipe, resolve_recipe
from litho_dl.pairs.shard import SHARDS, read_settings
from litho_dl.process.kernel_file import save_kernels
from litho_dl.runs.border import warn_of_border
from litho_dl.simulation.border import image_gap_nm

TIMING = "timing.csv"
SAVE_EVERY_S = 5.0
CHECKED = 4  # clips, those nearest to the field's border, whose distance from the field's border is checked
_TIMES = TypeAdapter(list[dict[str, FiniteFloat]])


@dataclass(frozen=True)
class Progress:
    """Progress of a build.

    Attributes:
        done: Finished clips.
        total: Number of clips.
        rejected: Clips without a pair so far, as they missed a quality limit.
        planning: True while the clips are generated; `done` counts those then.
    """

    done: int
    total: int
    rejected: int
    planning: bool = False


def build(
    recipe: DatasetRecipe,
    folder: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    device: str = "cpu",
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Manifest:
    """Makes the missing shards of a data set; files are byte-identical for any number of workers and interruptions.

    Args:
        recipe: The data set's recipe.
        folder: The data set's folder, new or with a part of the same data set.
        workers: See `core.workers.run_tasks`.
        scheduler: See `core.workers.run_tasks`; Dask's workers must see the folder under the same path.
        device: Device of the workers, as `--device`.
        on_progress: Called with the build's progress.

    Returns:
        The manifest of the finished data set.

    Raises:
        DatasetError: The folder holds another data set.
        LithoError: A file that the recipe names cannot be read.
        OutputError: The folder cannot be written or is in use, or the disk is full; finished shards stay.
    """
    with owned(folder.absolute(), SHARDS) as folder:
        resolved = resolve_recipe(recipe)
        manifest = _with_existing_shards(folder, _start_or_resume(folder, resolved, on_progress))
        timing = read_timing(folder)

        def report(manifest: Manifest) -> None:
            done = sum(entry.clips for entry in manifest.shards.values())
            on_progress(Progress(done, manifest.clips, done - manifest.pairs))

        report(manifest)
        tasks = [ShardTask(str(folder), manifest.digest, index, device) for index in manifest.missing]
        saved = time.monotonic()
        try:
            for made in run_tasks(make_shard, tasks, workers=workers, scheduler=scheduler):
                manifest = manifest.with_shard(made.index, made.entry)
                timing[made.index] = _timing_row(made)
                if time.monotonic() > saved + SAVE_EVERY_S:
                    _save(folder, manifest, timing)
                    saved = time.monotonic()
                report(manifest)
        finally:  # after a kill, the next build finds the shards without this
            _save(folder, manifest, timing)
    return manifest


def _save(folder: Path, manifest: Manifest, timing: dict[int, dict[str, float]]) -> None:
    write_manifest(folder, manifest)
    write_csv(folder / TIMING, list(timing.values()))


def read_timing(folder: Path) -> dict[int, dict[str, float]]:
    """The rows of timing.csv by shard: `shard`, `clips` and the seconds of each phase; none if it cannot be read."""
    try:
        with open(folder / TIMING, newline="", encoding="utf-8") as file:
            rows = _TIMES.validate_python(list(csv.DictReader(file)))
        return {int(row["shard"]): row for row in rows}
    except (OSError, ValueError, KeyError, csv.Error):
        return {}


def _timing_row(made: ShardReport) -> dict[str, float]:
    return {"shard": made.index, "clips": made.entry.clips, **{k: round(v, 3) for k, v in made.seconds.items()}}


def _start_or_resume(folder: Path, resolved: ResolvedRecipe, on_progress: Callable[[Progress], None]) -> Manifest:
    """Checks the folder's manifest, or writes optics, clips and manifest to a new folder, in this order."""
    if (folder / MANIFEST).exists():
        manifest = read_manifest(folder)
        if manifest.digest != resolved.digest:
            raise DatasetError(
                f"{folder}: expected an empty folder or a data set of this recipe, got one made with other settings; "
                f"choose another folder."
            )
        if changed := changed_files(folder, manifest):
            raise DatasetError(" ".join(changed))
        count = len(read_columns(folder / CLIPS, manifest.digest))
        if manifest.settings != json.loads(json.dumps(resolved.settings)) or manifest.clips != count:
            raise DatasetError(
                f"{folder / MANIFEST}: the manifest is damaged; restore it, or build into another folder."
            )
        return manifest
    if any((folder / SHARDS).glob("*.h5")):
        raise DatasetError(f"{folder}: expected an empty folder, got shards without {MANIFEST}; choose another folder.")
    (folder / TIMING).unlink(missing_ok=True)
    save_kernels(folder / OPTICS, resolved.process)
    total = sum(source.count or 0 for source in resolved.recipe.clips)
    clips = plan_clips(resolved.recipe, lambda done: on_progress(Progress(done, max(total, done), 0, planning=True)))
    field_nm = resolved.process.field_nm
    nearest = sorted((clip.layout for clip in clips), key=lambda layout: image_gap_nm(layout, field_nm))
    warn_of_border(resolved.process, nearest[:CHECKED], optimised=True)
    write_clips(folder / CLIPS, clips, resolved.digest)
    files = {name: file_digest(folder / name) for name in (CLIPS, OPTICS)}
    manifest = Manifest(resolved.settings, len(clips), files)
    write_manifest(folder, manifest)
    return manifest


def _with_existing_shards(folder: Path, manifest: Manifest) -> Manifest:
    """The manifest with exactly the shards that exist: those written just before a kill added, lost ones removed."""
    existing = {index for index in range(manifest.shard_count) if shard_path(folder, index).exists()}
    shards = {index: entry for index, entry in manifest.shards.items() if index in existing}
    for index in sorted(existing - set(shards)):
        path = shard_path(folder, index)
        try:
            settings = read_settings(path)
        except DatasetError as error:
            raise DatasetError(f"{error} Remove it.") from error
        whole = {"clips", "rejected"} <= settings.keys()
        if not whole or settings.get("digest") != manifest.digest or settings.get("shard") != index:
            raise DatasetError(f"{path}: expected shard {index} of this recipe, got another; remove it.")
        shards[index] = _entry(path, settings["clips"], settings["rejected"])
    if shards != manifest.shards:
        manifest = replace(manifest, shards=dict(sorted(shards.items())))
        write_manifest(folder, manifest)
    return manifest


def _entry(path: Path, clips: int, rejected: dict[str, int]) -> ShardEntry:
    return ShardEntry(file_digest(path), clips, clips - sum(rejected.values()), rejected)
