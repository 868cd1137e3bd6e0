"""Passes in four colours: who waits for whom, what is alike, and what they do to the print at the seams."""

import shutil
from itertools import product
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from scenes.chip import FEW, HALO_NM, array, job, mask_digest, run, wires
from scenes.ilt import changed, with_levels

from litho_dl.core.errors import DatasetError, LithoError
from litho_dl.fullchip import passes
from litho_dl.fullchip.chip_score import chip_score
from litho_dl.fullchip.mask import mask_file, read_mask, stitched, window_mask
from litho_dl.fullchip.passes import PassStep, colour_of, latest_passes, pass_steps
from litho_dl.fullchip.plan import worker_context
from litho_dl.fullchip.run import ChipRun
from litho_dl.fullchip.tasks import Progress
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.ilt.method import load_method
from litho_dl.ilt.solve import solve_targets as solved

TILING = Tiling((0, 0, 3000, 2500), (0, 0, 3000, 2500), 512.0, 256.0)
LONGER = with_levels(changed(FEW.levels[0], steps=20), objective=FEW.objective)


@pytest.fixture(autouse=True)
def forgetful():
    worker_context.cache_clear()


@pytest.fixture(scope="module")
def twice(tmp_path_factory) -> str:
    """Digest of the mask of an uninterrupted run of `wires` in two passes."""
    folder = tmp_path_factory.mktemp("twice")
    run(job(wires(), passes=2), folder)
    return mask_digest(folder)


@pytest.fixture(scope="module")
def longer(tmp_path_factory) -> tuple[Path, ChipRun]:
    """Two passes of many steps, which no test changes, and their folder."""
    worker_context.cache_clear()
    folder = tmp_path_factory.mktemp("longer")
    return folder, run(job(wires(), passes=2, method=LONGER), folder)


@pytest.fixture
def copied(longer, tmp_path) -> ChipRun:
    """A copy of them."""
    shutil.copytree(longer[0], tmp_path, dirs_exist_ok=True)
    return longer[1]


class TestOrder:
    def test_tiles_of_a_colour_do_not_touch(self):
        for tile, other in product(TILING.tiles, TILING.tiles):
            if tile != other and other in TILING.neighbours(tile):
                assert colour_of(tile) != colour_of(other)
        assert {colour_of(tile) for tile in TILING.tiles} == {0, 1, 2, 3}

    def test_each_tile_has_its_turn_in_every_pass(self):
        seen = {tile: str(tile) for tile in TILING.tiles if tile != Tile(1, 1)}
        made = list(pass_steps(seen, TILING, 3))
        assert [step.number for step in made] == [1, 2, 2, 2, 2, 3, 3, 3, 3]
        for number in (1, 2, 3):
            turns = [tile for step in made if step.number == number for (tile,) in step.identical]
            assert sorted(turns) == sorted(seen)

    def test_what_a_tile_looks_at_is_there_and_the_latest(self):
        done = dict.fromkeys(TILING.tiles, 0)
        for step in pass_steps({tile: str(tile) for tile in TILING.tiles}, TILING, 3):
            for (tile,) in step.identical:
                if step.number > 1:
                    assert latest_passes(TILING, tile, step.number) == {o: done[o] for o in TILING.neighbours(tile)}
            done |= {tile: step.number for (tile,) in step.identical}
        assert set(done.values()) == {3}

    def test_tiles_are_alike_whose_neighbours_are(self):
        """Of an endless array the tiles of a colour are; one tile that differs makes its neighbours differ, later."""
        tiling = Tiling((0, 0, 512 * 12, 512 * 12), (0, 0, 512 * 12, 512 * 12), 512.0, 256.0)
        inner = {tile for tile in tiling.tiles if min(tile) >= 4 and max(tile) < 8}
        second = list(pass_steps(dict.fromkeys(tiling.tiles, "same"), tiling, 2))[1:]
        for step in second:
            (together,) = [tiles for tiles in step.identical if inner.intersection(tiles)]
            assert inner.intersection(together) == {tile for tile in inner if colour_of(tile) == colour_of(together[0])}
        odd = dict.fromkeys(tiling.tiles, "same") | {Tile(5, 5): "odd"}
        odd_steps = list(pass_steps(odd, tiling, 2))
        assert len(odd_steps[0].identical) == 2
        assert all(len(a.identical) >= len(b.identical) for a, b in zip(odd_steps[1:], second, strict=True))
        near = [tiles for step in odd_steps[1:] for tiles in step.identical if set(tiles) & {Tile(5, 4), Tile(6, 6)}]
        assert [len(tiles) for tiles in near] == [1, 1]

    def test_tiles_are_not_alike_whose_room_is_not(self):
        """The last column holds less than a halo of area, so that masks are cut off in the window before it."""
        tiling = Tiling((0, 0, 512 * 5 + 128, 3072), (0, 0, 512 * 5 + 128, 3072), 512.0, 256.0)
        second = list(pass_steps(dict.fromkeys(tiling.tiles, "same"), tiling, 2))[1:]
        (group,) = [tiles for step in second for tiles in step.identical if Tile(2, 2) in tiles]
        assert Tile(2, 4) not in group
        assert tiling.window(Tile(2, 4))[2] > tiling.area_nm[2]


class TestRuns:
    def test_files_and_counts(self, twice, tmp_path):
        told: list[Progress] = []
        made = run(job(wires(), passes=2), tmp_path, on_progress=told.append)
        assert mask_digest(tmp_path) == twice
        names = {path.name.partition("_")[0] for path in (tmp_path / "run" / "tiles").glob("*.h5")}
        assert names == {"mask", "mask2", "score"}
        assert made.tiles == {"solved": 18, "found": 0, "repeated": 0, "empty": 0}
        assert {(progress.to_solve, progress.to_score) for progress in told} == {(18, 9)}
        solved = [progress.solved for progress in told]
        assert solved == sorted(solved)
        assert (told[0].solved, told[-1]) == (0, Progress(18, 18, 9, 9))
        again = run(job(wires(), passes=2), tmp_path)
        assert again.tiles == {"solved": 0, "found": 18, "repeated": 0, "empty": 0}

    @pytest.mark.parametrize("done", [4, 12])
    def test_a_run_that_was_cut_short_ends_with_the_same_bytes(self, twice, tmp_path, done):
        def stop(progress: Progress) -> None:
            if progress.solved == done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(job(wires(), passes=2), tmp_path, on_progress=stop)
        (tmp_path / "run" / "tiles" / "mask_0000_0000.h5").unlink()  # of the first pass, when others have gone on
        assert run(job(wires(), passes=2), tmp_path).tiles["found"] == done - 1
        assert mask_digest(tmp_path) == twice

    def test_what_is_written_and_scored_is_the_last_pass(self, copied, tmp_path):
        made = copied
        masks = [stitched(tmp_path / "run", made.plan, n, "chip").area_nm2 for n in (1, 2)]
        assert made.mask.area_nm2 == masks[1] != masks[0]
        score = tmp_path / "run" / "tiles" / "score_0000_0001.h5"
        before = score.stat().st_mtime_ns
        (tmp_path / "run" / "tiles" / "mask2_0001_0001.h5").unlink()
        again = run(job(wires(), passes=2, method=LONGER), tmp_path)
        assert again.tiles["solved"] == 1
        assert score.stat().st_mtime_ns > before

    def test_later_passes(self, tmp_path):
        """The second half of the method, with probes on whole edges; the core is free, as far as the area goes."""
        calls = []

        def spied(simulator, target, pixel_nm, method, **options):
            calls.append((method, options))
            return solved(simulator, target, pixel_nm, method, **options)

        with mock.patch("litho_dl.fullchip.solve.solve_targets", spied):
            made = run(job(wires(), passes=2), tmp_path)
        whole = made.plan.method
        assert [method for method, _ in calls] == [whole] * 9 + [whole.on_second_half] * 9
        assert all("surroundings" not in options for _, options in calls[:9])
        order = [tile for step in list(pass_steps(dict.fromkeys(made.plan.tiling.tiles, ""), made.plan.tiling, 2))[1:]
                 for tiles in step.identical for tile in tiles]  # fmt: skip
        for tile, (_, options) in zip(order, calls[9:], strict=True):
            around, core = options["surroundings"], slice(32, 96)
            rows, columns = (48 if place == 2 else 64 for place in tile)  # 388 of 512 nm, on pixels of 8 nm
            expected = torch.zeros(1, 128, 128, dtype=torch.bool)
            expected[:, core, core][:, :rows, :columns] = True
            assert torch.equal(around.free, expected)
            assert around.uncounted_nm == HALO_NM / 2
            assert torch.equal(options["init"], around.mask)
            (edges,) = options["edges"]
            assert len(edges) > 0
            assert not around.mask[:, 32 + 49 :].any() or tile.row < 2, "nothing is open beyond the area"
            assert not around.mask[:, :, 32 + 49 :].any() or tile.column < 2

    def test_a_neighbour_that_is_missing(self, tmp_path):
        made = run(job(wires()), tmp_path)
        (tmp_path / "run" / "tiles" / "mask_0000_0000.h5").unlink()
        own = worker_context(str(tmp_path / "run"), made.plan.digest, "cpu")
        with pytest.raises(DatasetError, match=r"mask_0000_0000.h5: expected the mask of a tile, got no file"):
            window_mask(own, tmp_path / "run", Tile(0, 1), dict.fromkeys(own.plan.tiling.tiles[:2], 1))

    @pytest.mark.slow
    def test_workers_make_the_same_bytes(self, twice, tmp_path):
        run(job(wires(), passes=2), tmp_path, workers=2)
        assert mask_digest(tmp_path) == twice

    def test_the_print_gets_better(self, longer, tmp_path):
        """At the seams too, although nobody moves what lies on the other side at the same time."""
        scores = []
        for made in (run(job(wires(), method=LONGER), tmp_path), longer[1]):
            figures = chip_score(list(made.scores.values()), made.plan.tiling)
            assert figures.seam_epe_nm is not None
            scores.append((figures.l2_nm2 + figures.pvb_nm2, figures.seam_epe_nm))
        assert scores[0][0] > scores[1][0]
        assert scores[0][1] > scores[1][1]

    def test_a_tile_goes_on_between_its_neighbours_masks(self, copied, tmp_path):
        """The last in a pass, when the others have changed; alone it would have become something else."""
        tile, plan = Tile(1, 0), copied.plan
        second = mask_file(tmp_path / "run", tile, 2)
        found = read_mask(tmp_path / "run", tile, 2, plan)
        second.unlink()
        with mock.patch("litho_dl.fullchip.solve.latest_passes", lambda tiling, tile, number: {tile: 1}):
            run(job(wires(), passes=2, method=LONGER), tmp_path)
        alone = read_mask(tmp_path / "run", tile, 2, plan)
        assert found is not None
        assert alone is not None
        assert not np.array_equal(found[0], alone[0])

    def test_cells_are_solved_once(self, tmp_path):
        """As if each were solved: what is taken for alike is."""
        (tmp_path / "each").mkdir()
        layer = array(4, 4)
        once = run(job(layer, passes=2), tmp_path)
        with mock.patch.object(passes, "_identical_groups", lambda seen: [[tile] for tile in seen]):
            each = run(job(layer, passes=2), tmp_path / "each")
        assert each.tiles == {"solved": 50, "found": 0, "repeated": 0, "empty": 0}
        assert once.tiles["repeated"] > 12
        assert once.tiles["solved"] + once.tiles["repeated"] == 50
        assert mask_digest(tmp_path) == mask_digest(tmp_path / "each")


class TestBatches:
    def test_tiles_solved_together_are_those_solved_alone(self, tmp_path):
        for batch in (1, 4):
            run(job(wires(), batch=batch, passes=2), tmp_path / str(batch))
        plans = {b: run(job(wires(), batch=b, passes=2), tmp_path / str(b)).plan for b in (1, 4)}
        assert plans[1].digest != plans[4].digest
        for tile in product(range(3), range(3)):
            cores = [read_mask(tmp_path / str(b) / "run", Tile(*tile), 2, plans[b]) for b in (1, 4)]
            assert (cores[0][0] != cores[1][0]).mean() < 0.01

    def test_only_what_is_missing_is_written_again(self, tmp_path):
        run(job(wires(), batch=4), tmp_path)
        before, files = (
            mask_digest(tmp_path),
            {p: p.stat().st_mtime_ns for p in (tmp_path / "run" / "tiles").glob("mask_*")},
        )
        gone = tmp_path / "run" / "tiles" / "mask_0000_0001.h5"
        gone.unlink()
        assert run(job(wires(), batch=4), tmp_path).tiles["found"] == 8
        assert mask_digest(tmp_path) == before
        assert {path for path, time in files.items() if path.stat().st_mtime_ns != time} == {gone}

    def test_a_batch_is_solved_at_once(self, tmp_path):
        sizes = []

        def solve_targets(simulator, target, *args, **options):
            sizes.append(len(target))
            return solved(simulator, target, *args, **options)

        with mock.patch("litho_dl.fullchip.solve.solve_targets", solve_targets):
            run(job(wires(), batch=4), tmp_path)
            (tmp_path / "run" / "tiles" / "mask_0001_0002.h5").unlink()
            run(job(wires(), batch=4), tmp_path)
        assert sizes == [4, 4, 1, 4], "one that is missing is made in its batch"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_a_gpu(tmp_path):
    """They print as the CPU's tiles do, and a tile that is made again is the same."""
    figures = []
    for device, batch in (("cpu", 1), ("cuda", 4)):
        folder = tmp_path / device
        made = run(job(wires(), batch=batch, passes=2, method=LONGER), folder, device=device)
        figures.append(chip_score(list(made.scores.values()), made.plan.tiling))
    assert figures[1].l2_nm2 + figures[1].pvb_nm2 == pytest.approx(figures[0].l2_nm2 + figures[0].pvb_nm2, rel=0.05)
    before = mask_digest(tmp_path / "cuda")
    (tmp_path / "cuda" / "run" / "tiles" / "mask2_0002_0002.h5").unlink()
    run(job(wires(), batch=4, passes=2, method=LONGER), tmp_path / "cuda", device="cuda")
    assert mask_digest(tmp_path / "cuda") == before


@pytest.mark.parametrize(
    "changes",
    [
        {"method": None, "steps": None, "passes": 2},
        {"method": load_method("opc").model_copy(update={"levels": load_method("opc").levels[1:]}), "passes": 2},
        {"passes": 0},
        {"batch": 0},
    ],
)
def test_jobs_that_cannot_be(changes):
    with pytest.raises(LithoError, match=r"Expected (an ILT method for the passes|at least one pass)"):
        job(wires(), **changes)


def test_a_wave_is_what_it_says():
    assert list(pass_steps({Tile(0, 0): "a", Tile(0, 1): "a", Tile(1, 0): "b"}, TILING, 1)) == [
        PassStep(1, [[Tile(0, 0), Tile(0, 1)], [Tile(1, 0)]])
    ]
