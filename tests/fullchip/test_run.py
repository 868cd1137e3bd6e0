"""Full-chip runs: however they are cut short, repeated or shared out, the same mask; nothing of another run used."""

import importlib.util
import json
import shutil
from itertools import pairwise
from pathlib import Path
from unittest import mock

import h5py
import klayout.db
import numpy as np
import pytest
from scenes.chip import FEW, array, chip, job, mask_digest, run, wires
from scenes.ilt import SIMPLE, changed, with_levels
from scenes.shapes import box

from litho_dl.core.errors import DatasetError, LayoutError, LithoError, OutputError
from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.plan import worker_context
from litho_dl.fullchip.run import ChipRun
from litho_dl.fullchip.tasks import Progress
from litho_dl.fullchip.tiling import Tile
from litho_dl.ilt.method import Method, load_method
from litho_dl.layout.gds import write_gds
from litho_dl.layout.layout import Layout
from litho_dl.layout.mask_file import MaskForm, read_mask

HAS_DASK = importlib.util.find_spec("distributed") is not None


@pytest.fixture(autouse=True)
def forgetful():
    """Every test reads the run's files as a new process does."""
    worker_context.cache_clear()


def by_site(made: ChipRun) -> dict[tuple[float, float], float]:
    """Edge placement errors by place."""
    scores = made.scores.values()
    return {(x, y): e for s in scores for (x, y), e in zip(s.sites_nm.tolist(), s.epe_nm.tolist(), strict=True)}


def tiles_of(folder: Path, kind: str = "mask") -> dict[str, int]:
    """Tile files and when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "run" / "tiles").glob(f"{kind}_*.h5")}


@pytest.fixture(scope="module")
def whole_folder(tmp_path_factory) -> Path:
    """The folder of `whole`."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(whole_folder) -> tuple[str, ChipRun]:
    """Digest of the mask of an uninterrupted run of `wires`, and the run; no test changes its files."""
    worker_context.cache_clear()
    made = run(job(wires()), whole_folder)
    return mask_digest(whole_folder), made


@pytest.fixture
def finished(whole, whole_folder, tmp_path) -> ChipRun:
    """The run whose files are copied to the test's folder."""
    shutil.copytree(whole_folder, tmp_path, dirs_exist_ok=True)
    return whole[1]


class TestResume:
    @pytest.mark.parametrize(("phase", "done"), [("solved", 0), ("solved", 4), ("scored", 2), ("scored", 8)])
    def test_what_is_finished_stays(self, whole, tmp_path, phase, done):
        stopped = []

        def stop(progress: Progress) -> None:
            if getattr(progress, phase) == done:
                stopped.append(progress)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(job(wires()), tmp_path, on_progress=stop)
        before = {**tiles_of(tmp_path), **tiles_of(tmp_path, "score")}
        assert len(before) == stopped[0].solved + stopped[0].scored
        half = tmp_path / "run" / "tiles" / f".mask_0002_0002.{8 * 'ab'}.part.h5"
        half.touch()
        again = run(job(wires()), tmp_path)
        assert not half.exists()
        after = {**tiles_of(tmp_path), **tiles_of(tmp_path, "score")}
        assert {name: after[name] for name in before} == before
        assert mask_digest(tmp_path) == whole[0]
        found = len([name for name in before if name.startswith("mask")])
        assert again.tiles == {"solved": 9 - found, "found": found, "repeated": 0, "empty": 0}
        assert len(again.tile_seconds) == 9 - found
        assert again.scores.keys() == whole[1].scores.keys()

    def test_progress(self, tmp_path):
        told: list[Progress] = []
        for _ in range(2):
            run(job(wires()), tmp_path, on_progress=told.append)
        assert told[0] == Progress(0, 9, 0, 9)
        assert told[-2:] == 2 * [Progress(9, 9, 9, 9)], "the second run finds all"
        steps = [(b.solved - a.solved, b.scored - a.scored) for a, b in pairwise(told[:-1])]
        assert sorted(steps) == 9 * [(0, 1)] + 9 * [(1, 0)]

    def test_names_for_people_do_not_make_another_run(self, finished, tmp_path):
        again = run(job(wires(), labels={"layout": "copy.gds"}), tmp_path)
        assert again.tiles["found"] == 9

    def test_the_same_run_elsewhere_has_the_same_bytes(self, whole, tmp_path):
        run(job(wires()), tmp_path)
        assert mask_digest(tmp_path) == whole[0]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"workers": 2}, id="processes", marks=pytest.mark.slow),
        pytest.param(
            {"workers": 2, "scheduler": "local"},
            id="Dask",
            marks=[pytest.mark.slow, pytest.mark.skipif(not HAS_DASK, reason="Dask is an extra")],
        ),
    ],
)
def test_other_workers_make_the_same_bytes(whole, tmp_path, options):
    made = run(job(wires()), tmp_path, **options)
    assert mask_digest(tmp_path) == whole[0]
    for tile, score in whole[1].scores.items():
        np.testing.assert_array_equal(made.scores[tile].epe_nm, score.epe_nm)
        assert made.scores[tile].l2_nm2 == score.l2_nm2


class TestMethods:
    """What tiles of a chip add to a method, so that they agree."""

    @pytest.mark.parametrize(
        ("mask_nm", "image_nm", "mask_pixel_nm"), [(8, 8, 1), (0.8, 0.8, 0.8), (3.2, 1.6, 0.8), (4, 8, 1)]
    )
    def test_masks_that_can_be_drawn_are_drawn_finely(self, mask_nm, image_nm, mask_pixel_nm):
        """On a part of what later passes start from."""
        level = changed(SIMPLE.levels[1], pixel_nm=mask_nm, image_pixel_nm=image_nm)
        fine = with_levels(level, parameterization="multilevel")
        made = job(wires(), method=fine).tile_method
        assert made == fine.model_copy(update={"mask_pixel_nm": pytest.approx(mask_pixel_nm), "damping": 1 / 64})
        assert Method.model_validate(made.model_dump()) == made

    def test_what_a_method_says_itself_stays(self):
        own = with_levels(SIMPLE.levels[1], parameterization="multilevel", mask_pixel_nm=4.0, damping=0.0)
        assert job(wires(), method=own).tile_method == own
        assert job(wires(), method=None).tile_method is None

    def test_others_stay_as_they_are(self):
        assert job(wires()).tile_method == FEW.model_copy(update={"damping": 1 / 64})
        assert job(wires(), method=load_method("mosaic")).tile_method == load_method("mosaic")
        assert job(wires(), method=load_method("curvilinear")).tile_method.mask_pixel_nm == 1.0

    def test_masks_lie_on_the_fine_grid(self, tmp_path):
        """In all tiles and passes."""
        level = changed(SIMPLE.levels[1], steps=6, learning_rate=0.3)
        made = run(job(wires(), method=with_levels(level, parameterization="multilevel"), passes=2), tmp_path)
        files = sorted((tmp_path / "run" / "tiles").glob("mask*.h5"))
        pixels = set()
        for path in files:
            with h5py.File(path) as file:
                pixels.add((json.loads(file.attrs["settings"])["pixel_nm"], file["mask"].shape))
        assert pixels == {(1.0, (1, 512, 512))}
        corners = np.concatenate([polygon.hull for polygon in made.mask.polygons])
        assert (corners % 8 != 0).any()


class TestRepeated:
    def test_cells_are_solved_once(self, tmp_path):
        """Tiles of an array at its pitch are alike but for those at its border; each solved makes the same mask."""
        layer = array(3, 3)
        (tmp_path / "each").mkdir()
        once = run(job(layer), tmp_path)
        with mock.patch.object(Chip, "content_digest", lambda self, window, scale: str(window)):
            each = run(job(layer), tmp_path / "each")
        assert each.tiles == {"solved": 16, "found": 0, "repeated": 0, "empty": 0}
        assert once.tiles["repeated"] >= 3
        assert once.tiles["solved"] + once.tiles["repeated"] == 16
        assert mask_digest(tmp_path) == mask_digest(tmp_path / "each")
        assert len(tiles_of(tmp_path)) == 16

    def test_tiles_that_see_nothing_are_left_out(self, tmp_path):
        made = run(job(chip(box(0, 0, 100, 100), box(3000, 0, 3100, 100))), tmp_path)
        assert made.tiles["empty"] > 2
        assert len(tiles_of(tmp_path)) == made.tiles["solved"] + made.tiles["repeated"]
        assert len(made.plan.tiling.tiles) == sum(made.tiles.values())
        assert made.mask.clipped((700, -200, 2300, 300)).polygons == ()


class TestWindow:
    WINDOW = (104.0, 200.0, 504.0, 704.0)  # on the mask pixels of the whole layout's run

    def test_only_the_window_is_written(self, tmp_path):
        made = run(job(wires(), window_nm=self.WINDOW), tmp_path)
        x0, y0, x1, y1 = made.mask.bbox_nm
        assert (x0, y0) >= self.WINDOW[:2]
        assert (x1, y1) <= self.WINDOW[2:]
        assert read_mask(tmp_path / "mask.oas").bbox_nm == made.mask.bbox_nm

    def test_it_prints_as_in_the_whole_layout(self, whole, tmp_path):
        x0, y0, x1, y1 = self.WINDOW
        known, found = by_site(whole[1]), by_site(run(job(wires(), window_nm=self.WINDOW), tmp_path))
        assert found.keys() == {(x, y) for x, y in known if x0 <= x <= x1 and y0 <= y <= y1}
        assert np.median([abs(found[site] - known[site]) for site in found]) < 0.5

    @pytest.mark.parametrize(
        ("layer", "window"),
        [
            pytest.param(wires(), (5000.0, 0.0, 6000.0, 900.0), id="far away"),
            pytest.param(wires(), (1e6, 0.0, 1e6 + 900, 900.0), id="beyond klayout's integers"),
            pytest.param(chip(box(2000, 0, 2200, 99)), (1200.0, 0.0, 1300.0, 99.0), id="seen by what is not wanted"),
        ],
    )
    def test_a_window_without_shapes_leaves_nothing_behind(self, tmp_path, layer, window):
        with pytest.raises(LayoutError, match=r"Expected shapes in the window .* or near it, got none; move"):
            run(job(layer, window_nm=window), tmp_path)
        assert list(tmp_path.iterdir()) == []


OTHERS = {
    "method": {"method": with_levels(changed(FEW.levels[0], steps=5))},
    "tolerance": {"tolerance": 2e-3},
    "layout": {"layer": chip(*wires().whole((0, 0, 900, 900)), box(800, 880, 880, 900))},
    "tile": {"core_nm": 1024.0},
    "window": {"window_nm": (0.0, 0.0, 900.0, 900.0)},
}


class TestRefused:
    @pytest.mark.parametrize("other", OTHERS)
    def test_another_job_in_the_same_folder(self, finished, tmp_path, other):
        files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.name != ".lock"}
        what = {"layout": r"target\.oas", "method": "method", "tolerance": "tolerance"}.get(other, "tiling")
        with pytest.raises(
            DatasetError, match=rf"of these settings, got one of others \({what}\); choose another folder"
        ):
            run(job(**{"layer": wires()} | OTHERS[other]), tmp_path)
        assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if path.name != ".lock"}

    def damaged(self, folder: Path, name: str, change) -> str:
        """The error of a second run after a change of one file's bytes."""
        path = folder / "run" / name
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(LithoError) as error:
            run(job(wires()), folder)
        assert "\n" not in str(error.value)
        return str(error.value)

    def test_damaged_files(self, finished, tmp_path):
        tile = "tiles/mask_0001_0001.h5"
        good = (tmp_path / "run" / tile).read_bytes()
        assert f"{tile}: cannot be read as HDF5" in self.damaged(tmp_path, tile, lambda old: old[:200])
        (tmp_path / "run" / tile).write_bytes(good)
        run(job(wires()), tmp_path)  # the scores that are older than this mask
        score = "tiles/score_0001_0001.h5"
        assert f"{score}: cannot be read as HDF5" in self.damaged(tmp_path, score, lambda old: old[:-9])
        (tmp_path / "run" / score).unlink()
        assert run(job(wires()), tmp_path).tiles["found"] == 9

    @pytest.mark.parametrize("name", ["target.oas", "optics.safetensors"])
    def test_changed_inputs(self, finished, tmp_path, name):
        (tmp_path / "run" / "tiles" / "mask_0000_0000.h5").unlink()
        worker_context.cache_clear()
        error = self.damaged(tmp_path, name, lambda old: old + b" ")
        assert f"{name}: its bytes are not those that were written; remove the folder" in error

    def test_tiles_of_another_run(self, finished, tmp_path):
        (tmp_path / "other").mkdir()
        run(job(wires(), tolerance=2e-3), tmp_path / "other")
        for kind in ("mask", "score"):
            name = f"tiles/{kind}_0000_0001.h5"
            foreign = (tmp_path / "other" / "run" / name).read_bytes()
            kept = (tmp_path / "run" / name).read_bytes()
            assert "of this run, got another's; remove it" in self.damaged(tmp_path, name, lambda old, new=foreign: new)
            (tmp_path / "run" / name).write_bytes(kept)
            run(job(wires()), tmp_path)  # the scores that are older than this mask

    def test_scores_older_than_a_mask_are_made_again(self, finished, tmp_path):
        first = finished
        score = tmp_path / "run" / "tiles" / "score_0000_0001.h5"
        made = score.stat().st_mtime_ns
        (tmp_path / "run" / "tiles" / "mask_0001_0001.h5").unlink()
        again = run(job(wires()), tmp_path)
        assert again.tiles["solved"] == 1
        assert score.stat().st_mtime_ns > made
        assert again.scores[(0, 1)].l2_nm2 == first.scores[(0, 1)].l2_nm2

    def test_plans(self, finished, tmp_path):
        good = (tmp_path / "run" / "plan.json").read_bytes()
        table = json.loads(good)

        def edited(**changes) -> bytes:
            return json.dumps(table | changes).encode()

        cases = {
            edited(tolerance=0.5): "changed by hand",
            edited(version="0.0.1"): "the folder is of another version",
            edited(format="litho_dl.fullchip/3"): "the folder is of another version; expected litho_dl.fullchip/5",
            edited(files=None): "the file is damaged (files: ",
            edited(tiling={}): "the file is damaged (tiling.wanted_nm: Field required",
            good[:50]: "the file is damaged, not JSON",
            good.replace(
                b'"passes": 1', b'"passes": ' + b"9" * 400
            ): "the file is damaged, not JSON (a number of more than 64 bits)",
            good.replace(b'"passes": 1', b'"passes": NaN'): "the file is damaged",
            edited(tiling=table["tiling"] | {"area_nm": [-1e300, 0, 1, 1]}): "the file is damaged (tiling.area_nm",
            edited(tiling=table["tiling"] | {"halo_nm": 5000.0}): "a tile whose core is at least as wide as its halo",
            b"[" * 100_000: "the file is damaged, not JSON",
            b"[]": "the file is damaged",
        }
        for text, message in cases.items():
            assert message in self.damaged(tmp_path, "plan.json", lambda old, text=text: text)
        (tmp_path / "run" / "plan.json").unlink()
        with pytest.raises(DatasetError, match=r"got tiles without plan.json; choose another folder"):
            run(job(wires()), tmp_path)
        (tmp_path / "run" / "plan.json").write_bytes(good)
        assert run(job(wires()), tmp_path).tiles["found"] == 9

    def test_a_folder_that_is_in_use(self, tmp_path):
        import fcntl

        (tmp_path / "run").mkdir()
        with open(tmp_path / "run" / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(OutputError, match="another process is writing here"):
                run(job(wires()), tmp_path)
        assert run(job(wires()), tmp_path).tiles["solved"] == 9

    def test_a_folder_that_cannot_be_written(self, tmp_path):
        (tmp_path / "run").touch()
        with pytest.raises(OutputError, match="Cannot write to"):
            run(job(wires()), tmp_path)


def test_stitched_layout_is_what_is_returned(whole, finished, tmp_path):
    """And lies where the layer lies."""
    made = finished
    written = read_mask(tmp_path / "mask.oas")
    assert Layout("written", written.polygons).area_nm2 == made.mask.area_nm2
    assert made.mask.area_nm2 == pytest.approx(Layout("target", wires().whole((0, 0, 900, 900))).area_nm2, rel=0.3)
    assert whole[1].scores.keys() == {Tile(row, column) for row in range(3) for column in range(3)}


def test_the_masks_file_has_the_layers_unit_and_cell_of_its_layer(finished, tmp_path):
    """What overlaps the layer is on one layer, the rest of the mask on another; the tiles stay as they are."""
    made = finished
    write_gds(tmp_path / "layer.gds", wires().layout(), dbu_nm=0.25)
    again = run(job(Chip.read(tmp_path / "layer.gds")), tmp_path, form=MaskForm(main=(4, 0), target=(9, 0)))
    assert (again.tiles["solved"], again.unit_nm) == (0, 0.25)
    opened = klayout.db.Layout()
    opened.read(str(tmp_path / "mask.oas"))
    top = opened.top_cell()
    assert (top.name, opened.dbu) == ("chip", 0.00025)
    regions = {opened.get_info(i).to_s(): klayout.db.Region(top.shapes(i)) for i in opened.layer_indexes()}
    assert regions["9/0"].area() / 16 == wires().layout().area_nm2
    assert regions["4/0"].overlapping(regions["9/0"]).count() == regions["4/0"].count()
    assist = regions.get("4/1", klayout.db.Region())
    assert assist.overlapping(regions["9/0"]).is_empty()
    assert (regions["4/0"].area() + assist.area()) / 16 == made.mask.area_nm2
