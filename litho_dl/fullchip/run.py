"""Full-chip runs: an interrupted run continues with the missing tiles."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from litho_dl.core.errors import LayoutError
from litho_dl.core.lock import owned
from litho_dl.core.memory import release_memory
from litho_dl.core.timing import PhaseTimer
from litho_dl.core.workers import run_tasks
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.halo import halo_nm
from litho_dl.fullchip.job import Job, start_or_resume
from litho_dl.fullchip.mask import stitched
from litho_dl.fullchip.passes import PassStep, pass_steps
from litho_dl.fullchip.plan import TILES, Phase, Plan, TileReport
from litho_dl.fullchip.score import TileScore, read_score
from litho_dl.fullchip.tasks import Progress, Work, do_task
from litho_dl.fullchip.tiling import Tile, Tiling, plan_tiling
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.mask_file import PLAIN_FORM, MaskForm, write_mask


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
        seconds: Wall time of `plan`; of `solve`, until the last mask is there; of `stitch`, until they are written as
            one; and of `score`, until the last score is there. Cores are scored from `solve` on; while the mask is
            stitched, a local worker finishes the core that it has and waits.
        tile_seconds: Seconds of the tiles solved by this call, over all passes; a batch's time is divided evenly.
        score_seconds: Seconds of the cores scored by this call.
    """

    plan: Plan
    mask: Layout
    unit_nm: float
    scores: dict[Tile, TileScore]
    tiles: dict[str, int]
    seconds: dict[str, float]
    tile_seconds: dict[Tile, float]
    score_seconds: dict[Tile, float]

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.tiles.items())
        seconds = sum(self.seconds.values())
        return f"ChipRun({self.mask}; tiles: {counts}; {seconds:.1f} s)"


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
    scored = sorted(tile for tile in contents if _has_area(tiling.inside(tile)))
    with owned(folder.absolute(), TILES) as folder:
        plan = start_or_resume(job, tiling, folder, device.partition(":")[0])
        work = Work(plan, folder, steps, scored, device)
        missing = work.missing_masks
        timer.finish("plan")
        release_memory()  # that kernels and halo were computed in, before the workers start
        seconds: dict[Phase, dict[Tile, float]] = {"solve": {}, "score": {}}
        reports = run_tasks(do_task, work.needs, needs=work.needs, workers=workers, scheduler=scheduler)
        with closing(_followed(work, reports, seconds, on_progress)) as finished:
            while work.missing_masks and next(finished, None):
                pass
            timer.finish("solve")
            mask, unit_nm = _written(job, plan, folder, mask_path, form)
            timer.finish("stitch")
            release_memory()
            for _ in finished:
                pass
        scores = {tile: read_score(folder, tile, plan.digest) for tile in scored}
        timer.finish("score")
    counts = _counts(steps, contents, tiling, missing)
    return ChipRun(plan, mask, unit_nm, scores, counts, timer.seconds, seconds["solve"], seconds["score"])


def _followed(
    work: Work,
    reports: Generator[TileReport, None, None],
    seconds: dict[Phase, dict[Tile, float]],
    on_progress: Callable[[Progress], None],
) -> Generator[TileReport, None, None]:
    """Keeps account of the tasks that finish."""
    on_progress(work.progress)
    with closing(reports):
        for report in reports:
            share, times = report.seconds / len(report.task.tiles), seconds[report.task.phase]
            for tile in work.finish(report):
                times[tile] = times.get(tile, 0.0) + share
            on_progress(work.progress)
            yield report


def _written(job: Job, plan: Plan, folder: Path, mask_path: Path, form: MaskForm) -> tuple[Layout, float]:
    """Stitches the mask and writes it; returns it, and the database unit of its file."""
    mask = stitched(folder, plan, job.passes, job.chip.name)
    drawn = job.chip.layout().clipped(plan.tiling.wanted_nm)
    return mask, write_mask(mask_path, mask, drawn, form, cell=job.chip.name, source_nm=job.chip.unit_nm, merged=True)


def _counts(steps: Sequence[PassStep], contents: dict[Tile, str], tiling: Tiling, solved: int) -> dict[str, int]:
    """`ChipRun.tiles`."""
    groups, passes = sum(len(step.identical) for step in steps), steps[-1].number
    return {
        "solved": solved,
        "found": groups - solved,
        "repeated": passes * len(contents) - groups,
        "empty": passes * (len(tiling.tiles) - len(contents)),
    }


def _tile_contents(chip: Chip, tiling: Tiling, scale: float) -> dict[Tile, str]:
    """The digests of all tiles' windows that contain shapes; EPE sites are looked at only where shapes are alike.

    Raises:
        LayoutError: None of these tiles has a part to write.
    """
    shapes = {tile: digest for tile in tiling.tiles if (digest := chip.shape_digest(tiling.window(tile)))}
    counts = Counter(shapes.values())
    contents = {
        tile: chip.content_digest(tiling.window(tile), scale) if counts[digest] > 1 else digest
        for tile, digest in shapes.items()
    }
    if not any(_has_area(tiling.inside(tile)) for tile in contents):
        wanted = ",".join(f"{edge:g}" for edge in tiling.wanted_nm)
        raise LayoutError(f"Expected shapes in the window {wanted} nm or near it, got none; move the window.")
    return contents


def _has_area(box: Box) -> bool:
    return box[0] < box[2] and box[1] < box[3]
