"""The tasks of a run: which tiles are to be solved and which cores to be scored, and what each waits for."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from litho_dl.core.io import atomic_path
from litho_dl.fullchip.mask import mask_file
from litho_dl.fullchip.passes import PassStep, latest_passes
from litho_dl.fullchip.plan import Phase, Plan, TileReport, TileTask
from litho_dl.fullchip.score import make_scores, score_file
from litho_dl.fullchip.solve import make_masks
from litho_dl.fullchip.tiling import Tile


def do_task(task: TileTask) -> TileReport:
    """Solves or scores tiles.

    Raises:
        LithoError: The run's files are damaged, or the tiles cannot be solved, scored or written.
    """
    return make_masks(task) if task.phase == "solve" else make_scores(task)


@dataclass(frozen=True)
class Progress:
    """Progress of a run.

    Attributes:
        solved: Number of solved tiles, over all passes; of tiles that are alike one is solved.
        to_solve: Number of tiles to solve in all.
        scored: Number of scored tiles.
        to_score: Number of tiles to score in all.
    """

    solved: int
    to_solve: int
    scored: int
    to_score: int


class Work:
    """What is left to do in a run's folder.

    Masks of tiles that are alike are copied: of each group, only the first is solved.

    Args:
        plan: The run's plan.
        folder: The run's folder.
        steps: The steps of all passes.
        scored: The tiles whose cores are scored.
        device: Device of the workers, as `--device`.

    Attributes:
        needs: The tasks in order, each with the tasks that must be finished before it starts. A core is scored as soon
            as the masks of its tile and of its neighbours are there.
    """

    def __init__(
        self, plan: Plan, folder: Path, steps: Sequence[PassStep], scored: Sequence[Tile], device: str
    ) -> None:
        self._plan, self._folder, self._device = plan, folder, device
        self._alike = {(group[0], step.number): group for step in steps for group in step.identical}
        self._makers: dict[tuple[Tile, int], TileTask] = {}  # of masks that are missing, copies included
        self._masks = {mask for mask in self._alike if not mask_file(folder, *mask).exists()}
        self.needs = {task: needs for step in steps for task, needs in self._solve_tasks(step)}
        for mask in self._alike.keys() - self._masks:
            self._copy(*mask)
        scores = dict(task for tile in scored for task in self._score_tasks(tile))
        self._scores = len(scores)
        self._totals = len(self._alike), len(scored)
        self.needs = in_order(self.needs | scores)

    @property
    def missing_masks(self) -> int:
        """Number of tiles that are still to be solved, over all passes."""
        return len(self._masks)

    @property
    def progress(self) -> Progress:
        """What is done."""
        to_solve, to_score = self._totals
        return Progress(to_solve - len(self._masks), to_solve, to_score - self._scores, to_score)

    def finish(self, report: TileReport) -> list[Tile]:
        """Notes what a task has made, and copies masks to tiles that are alike.

        Args:
            report: The finished task.

        Returns:
            The tiles of the task that had no mask, or were scored.
        """
        task = report.task
        if task.phase == "score":
            self._scores -= len(task.tiles)
            return list(task.tiles)
        made = [tile for tile in task.tiles if (tile, task.number) in self._masks]
        for tile in made:
            self._masks.remove((tile, task.number))
            self._copy(tile, task.number)
        return made

    def _solve_tasks(self, step: PassStep) -> Iterable[tuple[TileTask, set[TileTask]]]:
        """The batches of a step in which a mask is missing, and what they need."""
        tiling, size = self._plan.tiling, self._plan.batch
        tiles = [group[0] for group in step.identical]
        for batch in (tuple(tiles[start : start + size]) for start in range(0, len(tiles), size)):
            missing = [tile for tile in batch if (tile, step.number) in self._masks]
            if missing:
                task = self._task("solve", batch, step.number)
                around = (latest_passes(tiling, tile, step.number) for tile in batch if step.number > 1)
                yield task, self._makers_of(mask for passes in around for mask in passes.items())
                alike = (other for tile in missing for other in self._alike[tile, step.number])
                self._makers |= {(other, step.number): task for other in alike}

    def _score_tasks(self, tile: Tile) -> Iterable[tuple[TileTask, set[TileTask]]]:
        """The task that scores a tile, if its score is missing or older than one of the masks around it."""
        number, score = self._plan.passes, score_file(self._folder, tile)
        near = [(other, number) for other in self._plan.tiling.neighbours(tile)]
        waiting, masks = (
            self._makers_of(near),
            [path for mask in near if (path := mask_file(self._folder, *mask)).exists()],
        )
        made = score.stat().st_mtime_ns if score.exists() else -1
        if waiting or not masks or made < max(path.stat().st_mtime_ns for path in masks):
            yield self._task("score", (tile,), number), waiting

    def _makers_of(self, masks: Iterable[tuple[Tile, int]]) -> set[TileTask]:
        return {self._makers[mask] for mask in masks if mask in self._makers}

    def _task(self, phase: Phase, tiles: tuple[Tile, ...], number: int) -> TileTask:
        return TileTask(phase, str(self._folder), self._plan.digest, tiles, number, self._device)

    def _copy(self, tile: Tile, number: int) -> None:
        """Copies a tile's mask to the tiles that are alike."""
        first, *others = (mask_file(self._folder, other, number) for other in self._alike[tile, number])
        for path in others:
            if not path.exists():
                with atomic_path(path) as temporary:
                    shutil.copyfile(first, temporary)


def in_order(needs: dict[TileTask, set[TileTask]]) -> dict[TileTask, set[TileTask]]:
    """Tasks, each with those that it needs, as they are to be started: a core right after the last mask it needs."""
    places = {task: place for place, task in enumerate(needs)}

    def place(task: TileTask) -> tuple[int, bool]:
        if task.phase == "solve":
            return places[task], False
        return max((places[other] for other in needs[task]), default=-1), True

    return {task: needs[task] for task in sorted(needs, key=place)}
