"""Full-chip runs: an interrupted run continues with the missing tiles."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from litho_dl.core.errors import LayoutError
from litho_dl.core.io import atomic_path
from litho_dl.core.lock import owned
from litho_dl.core.timing import PhaseTimer
from litho_dl.core.workers import run_tasks
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.halo import halo_nm
from litho_dl.fullchip.job import Job, start_or_resume
from litho_dl.fullchip.mask import mask_file, stitched
from litho_dl.fullchip.passes import PassStep, pass_steps
from litho_dl.fullchip.plan import TILES, Plan, TileReport, TileTask
from litho_dl.fullchip.score import TileScore, make_scores, read_score, score_file
from litho_dl.fullchip.solve import make_masks
from litho_dl.fullchip.tiling import Tile, Tiling, plan_tiling
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.mask_file import PLAIN_FORM, MaskForm, write_mask


@dataclass(frozen=True)
class Progress:
    """Progress of a run.

    Attributes:
        phase: Whether tiles are solved or scored.
        done: Number of finished tiles, over all passes.
        total: Number of tiles, over all passes.
    """

    phase: Literal["solve", "score"]
    done: int
    total: int


@dataclass(frozen=True, eq=False, repr=False)
class ChipRun:
    """A finished run.

    Attributes:
        plan: The plan.
        mask: The stitched mask, as written.
        unit_nm: Database unit of its file.
        scores: Scores by tile; tiles without shapes in their windows have none.
        tiles: Numbers of tiles over all passes: `solved` by this call, `found` from an earlier one, `repeated`, which
            are copies of identical tiles, and `empty`.
        seconds: Wall time of `plan`, `solve`, `stitch` and `score`.
        tile_seconds: Seconds of the tiles solved by this call, over all passes; a batch's time is divided evenly.
    """

    plan: Plan
    mask: Layout
    unit_nm: float
    scores: dict[Tile, TileScore]
    tiles: dict[str, int]
    seconds: dict[str, float]
    tile_seconds: dict[Tile, float]

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.tiles.items())
        seconds = sum(self.seconds.values())
        return f"ChipRun({self.mask}; tiles: {counts}; {seconds:.1f} s)"


@dataclass(frozen=True)
class _TileRunner:
    """Solves and scores the tiles of a run on its workers.

    Attributes:
        folder: The run's folder.
        digest: Digest of the run's plan.
        device: Device of the workers, as `--device`.
        workers: See `core.workers.run_tasks`.
        scheduler: See `core.workers.run_tasks`.
        on_progress: Called with the run's progress.
    """

    folder: Path
    digest: str
    device: str
    workers: int
    scheduler: str | None
    on_progress: Callable[[Progress], None]

    def solve(self, steps: Sequence[PassStep], batch: int) -> tuple[int, dict[Tile, float]]:
        """Makes the missing masks of each step in turn; returns their number, and the seconds of each tile."""
        done, total, solved = 0, sum(len(step.identical) for step in steps), 0
        seconds: dict[Tile, float] = {}
        for step in steps:
            tiles, path = [tiles[0] for tiles in step.identical], partial(mask_file, self.folder, number=step.number)
            batches = [tuple(tiles[start : start + batch]) for start in range(0, len(tiles), batch)]
            progress = partial(_solve_progress, done, total)
            made = self._make(make_masks, batches, path, step.number, progress)
            for group in step.identical:
                _copy_first([path(tile) for tile in group])
            done += len(tiles)
            solved += len(made)
            seconds |= {tile: seconds.get(tile, 0.0) + value for tile, value in made.items()}
        return solved, seconds

    def score(self, tiles: Sequence[Tile], number: int) -> None:
        """Makes the missing scores of the masks of a pass."""
        path = partial(score_file, self.folder)
        batches = [(tile,) for tile in tiles]
        self._make(make_scores, batches, path, number, lambda n: Progress("score", n, len(tiles)))

    def _make(
        self,
        function: Callable[[TileTask], TileReport],
        batches: Sequence[tuple[Tile, ...]],
        path: Callable[[Tile], Path],
        number: int,
        progress: Callable[[int], Progress],
    ) -> dict[Tile, float]:
        """Makes the missing files of some batches of tiles; returns the seconds of each tile that had none."""
        missing = {tile for tiles in batches for tile in tiles if not path(tile).exists()}
        found = sum(map(len, batches)) - len(missing)
        self.on_progress(progress(found))
        if not missing:
            return {}
        tasks = [
            TileTask(str(self.folder), self.digest, tiles, number, self.device)
            for tiles in batches
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
    form: MaskForm = PLAIN_FORM,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> ChipRun:
    """Solves the missing tiles of a chip, stitches them to one mask, and scores it.

    The mask is byte-identical for any number of workers and interruptions.

    Args:
        job: The job.
        folder: Folder for tiles and scores, new or of an interrupted run of the same job.
        mask_path: The mask's layout file.
        workers: See `core.workers.run_tasks`.
        scheduler: See `core.workers.run_tasks`; Dask's workers must see the folder under the same path.
        device: Device of the workers, as `--device`.
        form: Layers of the mask's file.
        on_progress: Called with the run's progress.

    Returns:
        The finished run.

    Raises:
        LayoutError: There are no shapes, or the tiles do not fit halo and kernels; nothing is written then.
        DatasetError: The folder holds another run.
        LithoError: Tiles cannot be solved.
        OutputError: The folder cannot be written, is in use, or the disk is full; finished tiles stay.
    """
    timer = PhaseTimer()
    tiling = plan_tiling(
        job.chip.bbox_nm,
        halo_nm(job.process, job.tolerance),
        least_field_nm=max(job.process.field_nm),
        window_nm=job.window_nm,
        core_nm=job.core_nm,
        scale=job.process.scale,
    )
    contents = _tile_contents(job.chip, tiling, job.process.scale)
    steps = list(pass_steps(contents, tiling, job.passes))
    with owned(folder.absolute(), TILES) as folder:
        plan = start_or_resume(job, tiling, folder, device.partition(":")[0])
        timer.finish("plan")
        runner = _TileRunner(folder, plan.digest, device, workers, scheduler, on_progress)
        solved, tile_seconds = runner.solve(steps, job.batch)
        _remove_outdated_scores(folder, tiling, job.passes)
        timer.finish("solve")
        mask = stitched(folder, plan, job.passes, job.chip.name)
        drawn = job.chip.layout().clipped(tiling.wanted_nm)
        unit_nm = write_mask(mask_path, mask, drawn, form, cell=job.chip.name, source_nm=job.chip.unit_nm)
        timer.finish("stitch")
        scored = sorted(tile for tile in contents if _has_area(tiling.inside(tile)))
        runner.score(scored, job.passes)
        scores = {tile: read_score(folder, tile, plan.digest) for tile in scored}
        timer.finish("score")
    return ChipRun(plan, mask, unit_nm, scores, _counts(steps, contents, tiling, solved), timer.seconds, tile_seconds)


def _counts(steps: Sequence[PassStep], contents: dict[Tile, str], tiling: Tiling, solved: int) -> dict[str, int]:
    """`ChipRun.tiles`."""
    groups, passes = sum(len(step.identical) for step in steps), steps[-1].number
    return {
        "solved": solved,
        "found": groups - solved,
        "repeated": passes * len(contents) - groups,
        "empty": passes * (len(tiling.tiles) - len(contents)),
    }


def _solve_progress(before: int, total: int, done: int) -> Progress:
    return Progress("solve", before + done, total)


def _tile_contents(chip: Chip, tiling: Tiling, scale: float) -> dict[Tile, str]:
    """The digests of all tiles' windows that contain shapes.

    Raises:
        LayoutError: None of these tiles has a part to write.
    """
    windows = {tile: tiling.window(tile) for tile in tiling.tiles}
    contents = {
        tile: chip.content_digest(window, scale) for tile, window in windows.items() if chip.clipped(window).polygons
    }
    if not any(_has_area(tiling.inside(tile)) for tile in contents):
        wanted = ",".join(f"{edge:g}" for edge in tiling.wanted_nm)
        raise LayoutError(f"Expected shapes in the window {wanted} nm or near it, got none; move the window.")
    return contents


def _has_area(box: Box) -> bool:
    return box[0] < box[2] and box[1] < box[3]


def _copy_first(masks: Sequence[Path]) -> None:
    """Copies the first mask of a group of identical tiles to the others."""
    first, *others = masks
    for path in others:
        if not path.exists():
            with atomic_path(path) as temporary:
                shutil.copyfile(first, temporary)


def _remove_outdated_scores(folder: Path, tiling: Tiling, number: int) -> None:
    """Removes scores that are older than a mask that they were computed from."""
    for tile in tiling.tiles:
        score = score_file(folder, tile)
        masks = [path for near in tiling.neighbours(tile) if (path := mask_file(folder, near, number)).exists()]
        if score.exists() and any(path.stat().st_mtime_ns > score.stat().st_mtime_ns for path in masks):
            score.unlink()
