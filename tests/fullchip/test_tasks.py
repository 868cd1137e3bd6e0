"""The tasks of a run: what waits for what, and what is done again."""

from pathlib import Path

import pytest
from scenes.chip import job, wires

from litho_dl.core.io import require_writable_folder
from litho_dl.fullchip.job import start_or_resume
from litho_dl.fullchip.mask import mask_file
from litho_dl.fullchip.passes import pass_steps
from litho_dl.fullchip.plan import TileReport, TileTask
from litho_dl.fullchip.score import score_file
from litho_dl.fullchip.tasks import Work
from litho_dl.fullchip.tiling import Tile, Tiling

TILING = Tiling((0, 0, 512 * 4, 512 * 3), (0, 0, 512 * 4, 512 * 3), 512.0, 256.0)


def work(folder: Path, *, passes: int = 1, batch: int = 1, alike: bool = False) -> Work:
    """Of 3 x 4 tiles."""
    require_writable_folder(folder / "tiles")
    plan = start_or_resume(job(wires(), passes=passes, batch=batch), TILING, folder, "cpu")
    contents = {tile: "same" if alike else str(tile) for tile in TILING.tiles}
    return Work(plan, folder, list(pass_steps(contents, TILING, passes)), TILING.tiles, "cpu")


def done(made: Work, folder: Path, task: TileTask) -> list[Tile]:
    """Makes a task's files."""
    for tile in task.tiles:
        path = mask_file(folder, tile, task.number) if task.phase == "solve" else score_file(folder, tile)
        path.write_text(str(tile))
    return made.finish(TileReport(task, 1.0))


@pytest.mark.parametrize(("passes", "batch"), [(1, 1), (2, 1), (2, 3)])
def test_a_core_waits_for_the_last_masks_around_it_alone(tmp_path, passes, batch):
    made = work(tmp_path, passes=passes, batch=batch)
    for task, needs in made.needs.items():
        masks = {(tile, other.number) for other in needs for tile in other.tiles}
        if task.phase == "score":
            (tile,) = task.tiles
            around = {(near, passes) for near in TILING.neighbours(tile)}
            assert around <= masks
            assert batch > 1 or around == masks
        elif task.number == 1:
            assert not needs
        else:
            assert {(tile, 1) for tile in task.tiles} <= masks


def test_tasks_come_after_all_that_they_need_and_cores_at_once(tmp_path):
    """The first core is scored when the second row's second tile is solved."""
    tasks = list(work(tmp_path).needs)
    places = {task: place for place, task in enumerate(tasks)}
    needs = work(tmp_path).needs
    assert all(places[other] < places[task] for task in tasks for other in needs[task])
    first = next(task for task in tasks if task.phase == "score")
    assert first.tiles == (Tile(0, 0),)
    assert tasks[tasks.index(first) - 1].tiles == (Tile(1, 1),)


def test_alike_tiles_are_copied(tmp_path):
    made = work(tmp_path, alike=True)
    solves = [task for task in made.needs if task.phase == "solve"]
    assert [task.tiles for task in solves] == [(Tile(0, 0),)]
    assert done(made, tmp_path, solves[0]) == [Tile(0, 0)]
    assert {mask_file(tmp_path, tile, 1).read_text() for tile in TILING.tiles} == {str(Tile(0, 0))}
    assert made.missing_masks == 0


def test_what_is_missing_or_older_than_its_masks_is_left(tmp_path):
    made = work(tmp_path)
    for task in made.needs:
        done(made, tmp_path, task)
    assert (made.progress.solved, made.progress.scored) == (12, 12)
    assert not work(tmp_path).needs
    mask_file(tmp_path, Tile(0, 0), 1).unlink()
    again = work(tmp_path)
    found = [(task.phase, task.tiles[0]) for task in again.needs]
    cores = [("score", tile) for tile in TILING.neighbours(Tile(0, 0))]
    assert found == [("solve", Tile(0, 0)), *cores]
    done(again, tmp_path, next(iter(again.needs)))
    assert [task.tiles[0] for task in work(tmp_path).needs] == TILING.neighbours(Tile(0, 0)), "scores are older"
