"""A full-chip run: whatever is finished stays, whatever is missing is made; at any time it may be killed."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from litho_dl.core.errors import DatasetError, LayoutError, LithoError
from litho_dl.core.io import atomic_path, file_digest, remove_leftovers, require_writable_folder
from litho_dl.core.lock import locked
from litho_dl.core.workers import run_tasks
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.halo import halo_nm
from litho_dl.fullchip.mask import mask_file, stitched
from litho_dl.fullchip.passes import Wave, waves
from litho_dl.fullchip.plan import MODEL, OPTICS, PLAN, TARGET, TILES, Plan, TileReport, TileTask, read_plan, write_plan
from litho_dl.fullchip.score import TileScore, make_scores, read_score, score_file
from litho_dl.fullchip.solve import make_masks
from litho_dl.fullchip.tiling import Box, Tile, Tiling, plan_tiling
from litho_dl.generators.model import Generator
from litho_dl.ilt.method import Method
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.process.files import load_kernels, save_kernels
from litho_dl.process.identity import process_digest
from litho_dl.process.model import ProcessModel

MASK_NM = 1.0  # of masks that can be drawn on any pixel: one of 4 nm that is open or not moves an edge by 0.3 nm
DAMPING = 1 / 64  # `Method.damping`, so that specks far from all edges are not a matter of what lies beyond the halo


@dataclass(frozen=True, eq=False)
class Job:
    """What to make the mask of, and how.

    Attributes:
        chip: The layer.
        process: The process, with kernels for its own field.
        method: ILT method, or None for a network's masks as they are.
        generator: Network whose masks the method refines, or None.
        steps: Of the method, after a network.
        passes: Over the tiles: alone in the first, between their neighbours' masks in the others; see `passes.waves`.
        batch: Tiles that are solved together, for a GPU's sake.
        window_nm: Only this part of the chip, in the context of what lies around it.
        core_nm: Side of the tiles' cores; None: the best.
        tolerance: Largest r.m.s. change, in units of a clear mask's intensity, that what lies beyond the halo may make
            in a tile's core; see `halo.halo_nm`.
        labels: Names for people: of layout, layer, optics and so on.
    """

    chip: Chip
    process: ProcessModel
    method: Method | None
    generator: Generator | None
    steps: int | None
    passes: int
    batch: int
    window_nm: Box | None
    core_nm: float | None
    tolerance: float
    labels: dict[str, Any]

    def __post_init__(self) -> None:
        if min(self.passes, self.batch) < 1:
            raise LithoError(f"Expected at least one pass over one tile, got {self.passes} over {self.batch}.")
        if self.passes > 1 and (self.method is None or "manhattan" in self.method.on_second_half.parameterizations):
            raise LithoError(
                "Expected an ILT method for the passes after the first, got a network alone or Manhattan masks; add "
                "--refine STEPS to a network, choose another method, or make one pass."
            )

    @property
    def tile_method(self) -> Method | None:
        """The method with what makes tiles agree with one another, where it says nothing else of that."""
        if self.method is None:
            return None
        settings: dict[str, float] = {}
        if self.method.damping is None and self.method.uses_adam:
            settings["damping"] = DAMPING
        if self.method.mask_pixel_nm is None and self.method.can_be_drawn:
            finest_nm = self.method.target_nm
            settings["mask_pixel_nm"] = finest_nm / max(1, round(finest_nm / MASK_NM))
        return self.method.model_copy(update=settings)


@dataclass(frozen=True)
class Progress:
    """How far a run is: tiles done of those in all passes, while they are solved, or of those to be scored."""

    phase: Literal["solve", "score"]
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class ChipRun:
    """A finished run.

    Attributes:
        plan: Its settings.
        mask: The stitched mask, as written.
        scores: By tile; tiles far from all shapes have none.
        tiles: How many were `solved` in this run, `found` from an earlier one, `repeated` and `empty`, in all passes.
        seconds: Wall time of `plan`, `solve`, `score` and `stitch`.
        tile_seconds: Of the tiles solved in this run, in all passes; those solved together share theirs evenly.
    """

    plan: Plan
    mask: Layout
    scores: dict[Tile, TileScore]
    tiles: dict[str, int]
    seconds: dict[str, float]
    tile_seconds: dict[Tile, float]


@dataclass(frozen=True)
class _TileRunner:
    """Who does a run's tiles, and who hears of it."""

    folder: Path
    digest: str
    device: str
    workers: int
    scheduler: str | None
    on_progress: Callable[[Progress], None]

    def solve(self, order: Sequence[Wave], batch: int) -> tuple[int, dict[Tile, float]]:
        """Makes the masks that are missing, wave by wave; returns how many, and their tiles' seconds."""
        done, total, solved = 0, sum(len(wave.alike) for wave in order), 0
        seconds: dict[Tile, float] = {}
        for wave in order:
            tiles, path = [tiles[0] for tiles in wave.alike], partial(mask_file, self.folder, number=wave.number)
            together = [tuple(tiles[start : start + batch]) for start in range(0, len(tiles), batch)]
            progress = partial(_solving, done, total)
            made = self._finish(make_masks, together, path, wave.number, progress)
            for alike in wave.alike:
                _repeat([path(tile) for tile in alike])
            done += len(tiles)
            solved += len(made)
            seconds |= {tile: seconds.get(tile, 0.0) + value for tile, value in made.items()}
        return solved, seconds

    def score(self, tiles: Sequence[Tile], number: int) -> None:
        """Makes the scores that are missing, of the masks of a pass."""
        path = partial(score_file, self.folder)
        alone = [(tile,) for tile in tiles]
        self._finish(make_scores, alone, path, number, lambda n: Progress("score", n, len(tiles)))

    def _finish(
        self,
        function: Callable[[TileTask], TileReport],
        together: Sequence[tuple[Tile, ...]],
        path: Callable[[Tile], Path],
        number: int,
        progress: Callable[[int], Progress],
    ) -> dict[Tile, float]:
        """Makes the files that are missing, one a tile, some tiles together."""
        missing = {tile for tiles in together for tile in tiles if not path(tile).exists()}
        found = sum(map(len, together)) - len(missing)
        self.on_progress(progress(found))
        if not missing:
            return {}
        tasks = [
            TileTask(str(self.folder), self.digest, tiles, number, self.device)
            for tiles in together
            if not missing.isdisjoint(tiles)
        ]
        seconds: dict[Tile, float] = {}
        for report in run_tasks(function, tasks, workers=self.workers, scheduler=self.scheduler):
            seconds |= {tile: report.seconds / len(report.tiles) for tile in missing.intersection(report.tiles)}
            self.on_progress(progress(found + len(seconds)))
        return seconds


def run_fullchip(
    job: Job,
    folder: Path,
    mask_path: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    device: str = "cpu",
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> ChipRun:
    """Makes the tiles that a folder lacks, stitches them to a mask, and scores it.

    The mask's bytes are the same for any number of workers and interruptions.

    Args:
        job: What to make.
        folder: For tiles and scores; one of the same job is continued.
        mask_path: The mask's layout file.
        workers: See `core.workers.run_tasks`.
        scheduler: See `core.workers.run_tasks`; Dask's workers must see the folder under the same path.
        device: Where the workers compute, as `--device`.
        on_progress: Called as the run goes on.

    Raises:
        LayoutError: There is nothing to print, or the tiles do not fit halo and kernels; nothing is written then.
        DatasetError: The folder holds another run.
        LithoError: Tiles cannot be solved.
        OutputError: The folder cannot be written, is in use, or the disk is full; what is finished stays.
    """
    laps, last = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal last
        laps[name], last = time.perf_counter() - last, time.perf_counter()

    tiling = plan_tiling(
        job.chip.bbox_nm,
        halo_nm(job.process, job.tolerance),
        least_field_nm=max(job.process.field_nm),
        window_nm=job.window_nm,
        core_nm=job.core_nm,
    )
    seen = _seen(job.chip, tiling)
    order = list(waves(seen, tiling, job.passes))
    folder = require_writable_folder(folder.absolute())
    require_writable_folder(folder / TILES)
    with locked(folder):
        plan = _prepared(job, tiling, folder, device.partition(":")[0])
        for place in (folder, folder / TILES):
            remove_leftovers(place)
        lap("plan")
        runner = _TileRunner(folder, plan.digest, device, workers, scheduler, on_progress)
        solved, tile_seconds = runner.solve(order, job.batch)
        _forget_older(folder, tiling, job.passes)
        lap("solve")
        mask = stitched(folder, tiling, job.passes, plan.digest, job.chip.name)
        write_layout(mask_path, mask)
        lap("stitch")
        drawn = sorted(tile for tile in seen if _has_area(tiling.inside(tile)))
        runner.score(drawn, job.passes)
        scores = {tile: read_score(folder, tile, plan.digest) for tile in drawn}
        lap("score")
    groups = sum(len(wave.alike) for wave in order)
    counts = {
        "solved": solved,
        "found": groups - solved,
        "repeated": job.passes * len(seen) - groups,
        "empty": job.passes * (len(tiling.tiles) - len(seen)),
    }
    return ChipRun(plan, mask, scores, counts, laps, tile_seconds)


def _solving(before: int, total: int, done: int) -> Progress:
    return Progress("solve", before + done, total)


def _prepared(job: Job, tiling: Tiling, folder: Path, device: str) -> Plan:
    """The folder's plan; a new folder gets target, optics, network and plan, in this order."""
    wanted = folder / PLAN
    fresh = not wanted.exists()
    if fresh and any((folder / TILES).iterdir()):
        raise DatasetError(f"{folder}: expected an empty folder, got tiles without {PLAN}; choose another --out.")
    names = [TARGET, OPTICS] + [MODEL] * (job.generator is not None)
    inputs = folder if fresh else require_writable_folder(folder / "check")
    job.chip.write(inputs / TARGET)
    if not fresh and _same_optics(folder / OPTICS, job.process):
        shutil.copyfile(folder / OPTICS, inputs / OPTICS)
    else:
        save_kernels(inputs / OPTICS, job.process)
    if job.generator is not None:
        with atomic_path(inputs / MODEL) as temporary:
            shutil.copyfile(job.generator.origin, temporary)
    files = {name: file_digest(inputs / name) for name in names}
    plan = Plan(
        tiling=tiling,
        tolerance=job.tolerance,
        method=job.tile_method,
        network=job.generator is not None,
        steps=job.steps,
        passes=job.passes,
        batch=job.batch,
        device=device,
        files=files,
        labels=job.labels,
    )
    if fresh:
        write_plan(folder, plan)
        return plan
    shutil.rmtree(inputs)
    before = read_plan(folder)
    if before.digest != plan.digest:
        raise DatasetError(
            f"{folder}: expected an empty folder or a run of these settings, got one of others "
            f"({', '.join(_differing(before, plan))}); choose another --out, or remove the folder."
        )
    return plan


def _differing(one: Plan, other: Plan) -> list[str]:
    """Names of the settings in which two plans differ; of the files, the files'."""
    files = [name for name in {**one.files, **other.files} if one.files.get(name) != other.files.get(name)]
    names = [name for name, value in one.settings.items() if value != other.settings[name]]
    return sorted({*files, *names} - {"files", "labels"})


def _same_optics(path: Path, process: ProcessModel) -> bool:
    """True if a file holds a process's kernels; their last bits depend on the machine that built them."""
    try:
        stored = load_kernels(path)
    except LithoError:  # a worker says what is wrong with it
        return False
    sizes = [[(name, k.field_nm, k.spectra.shape) for name, k in own.kernels.items()] for own in (stored, process)]
    return sizes[0] == sizes[1] and process_digest(stored) == process_digest(process)


def _seen(chip: Chip, tiling: Tiling) -> dict[Tile, str]:
    """What each tile sees that sees something.

    Raises:
        LayoutError: None of them has a part that is wanted.
    """
    windows = {tile: tiling.window(tile) for tile in tiling.tiles}
    found = {tile: chip.content(window) for tile, window in windows.items() if chip.clipped(window).polygons}
    if not any(_has_area(tiling.inside(tile)) for tile in found):
        wanted = ",".join(f"{edge:g}" for edge in tiling.wanted_nm)
        raise LayoutError(f"Expected shapes in the window {wanted} nm or near it, got none; move the window.")
    return found


def _has_area(box: Box) -> bool:
    return box[0] < box[2] and box[1] < box[3]


def _repeat(masks: Sequence[Path]) -> None:
    """Copies the first tile's mask to the others, which see the same."""
    first, *others = masks
    for path in others:
        if not path.exists():
            with atomic_path(path) as temporary:
                shutil.copyfile(first, temporary)


def _forget_older(folder: Path, tiling: Tiling, number: int) -> None:
    """Removes the scores that are older than one of the masks they were made from."""
    for tile in tiling.tiles:
        score = score_file(folder, tile)
        masks = [path for near in tiling.neighbours(tile) if (path := mask_file(folder, near, number)).exists()]
        if score.exists() and any(path.stat().st_mtime_ns > score.stat().st_mtime_ns for path in masks):
            score.unlink()
