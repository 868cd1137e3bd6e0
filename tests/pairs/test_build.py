"""Building a data set: what is in it, what is left out, going on after an end, and finding damage."""

import json
from functools import partial

import numpy as np
import pytest
from scenes.pairs import FIELD, built, digests, write_recipe

from litho_dl.core.errors import DatasetError, OutputError
from litho_dl.core.grid import Grid
from litho_dl.layout.clips import place
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.files import write_layout
from litho_dl.layout.generate import generate
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import pattern_hash
from litho_dl.layout.polygon import Polygon
from litho_dl.pairs.build import read_timing
from litho_dl.pairs.dataset import PairDataset
from litho_dl.pairs.make import violated_limit
from litho_dl.pairs.manifest import CLIPS, MANIFEST, OPTICS, read_manifest, shard_path
from litho_dl.pairs.plan import read_clips
from litho_dl.pairs.recipe import Quality
from litho_dl.pairs.shard import read_settings, read_shard
from litho_dl.pairs.verify import verify
from litho_dl.process.kernel_file import load_kernels
from litho_dl.runs.optimize import solve
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator

WINDOWS = '[[clips]]\nlayout = "chip.gds"\nwindow_nm = 500.0\nstride_nm = 500.0\n[splits]'


class TestContents:
    def test_every_clip_is_there(self, pair_set):
        manifest = read_manifest(pair_set)
        assert (manifest.clips, manifest.pairs, manifest.missing, manifest.rejected) == (11, 11, [], {})
        assert [entry.pairs for entry in manifest.shards.values()] == [2, 2, 2, 2, 2, 1]
        assert len(PairDataset(pair_set, None)) == 11

    def test_clips_are_those_of_their_seeds(self, pair_set):
        shard = read_shard(shard_path(pair_set, 1))
        clips = read_clips(pair_set / CLIPS, read_manifest(pair_set).digest, 2, 4)
        for row, clip in enumerate(clips):
            again = generate("metal", load_rules("m1-45"), int(shard.seed[row]), 600.0)
            assert pattern_hash(again) == pattern_hash(clip.layout) == shard.pattern[row]
            coverage = place(again, Grid.of_field(FIELD, 8.0), "again").coverage(8.0).numpy()
            assert np.abs(shard.images["target"][row] / 255 - coverage).max() <= 0.5 / 255 + 1e-6

    def test_masks_and_scores_are_those_of_the_solver(self, pair_set, pair_recipe):
        process = load_kernels(pair_set / OPTICS)
        clips = read_clips(pair_set / CLIPS, read_manifest(pair_set).digest, 4, 6)
        placed = [place(clip.layout, process, clip.name) for clip in clips]
        solution = solve(Simulator(process), placed, pair_recipe.parent / "few.toml")
        shard = read_shard(shard_path(pair_set, 2))
        assert np.array_equal(shard.images["mask"] == 255, solution.mask.numpy())
        simulator = Simulator(process)
        for row in range(2):
            card = evaluate_mask(solution.mask[row], 8.0, placed[row].placed, simulator, PROTOCOLS["default"]).scorecard
            for name in ("l2_nm2", "pvb_nm2", "epe_violations", "shots"):
                assert shard.score[name][row] == getattr(card, name)
            assert shard.score["target_nm2"][row] == pytest.approx(placed[row].placed.area_nm2)
            exposure = simulator(solution.mask[row].float(), 8.0, out_pixel_nm=8.0)
            aerial = exposure.aerial("nominal").numpy()
            np.testing.assert_allclose(shard.images["aerial"][row], aerial, atol=1e-3)
            assert np.array_equal(shard.images["print"][row] == 255, exposure.binary_print("nominal").numpy())

    def test_a_shard_says_what_it_was_made_with(self, pair_set):
        settings = read_settings(shard_path(pair_set, 5))
        assert (settings["shard"], settings["clips"], settings["rejected"]) == (5, 1, {})
        assert settings["resolved"]["method"]["levels"][0]["steps"] == 4
        assert settings["resolved"]["clips"][0]["rules"]["width_nm"] == load_rules("m1-45").width_nm
        assert settings["recipe"]["seed"] == 5
        assert set(settings["symmetries"]) >= {"identity", "rotate_180"}

    def test_masks_on_another_pixel_are_coverage(self, tmp_path, pair_set):
        manifest = built(write_recipe(tmp_path, ("pixel_nm = 8.0", "pixel_nm = 16.0")), tmp_path / "coarse")
        fine, coarse = (read_shard(shard_path(f, 0)).images for f in (pair_set, tmp_path / "coarse"))
        for name in ("target", "mask"):
            means = fine[name].astype(float).reshape(2, 64, 2, 64, 2).mean((2, 4))
            assert np.abs(coarse[name] - means).max() <= 1
        assert manifest.pairs == 11


class TestQuality:
    @pytest.mark.parametrize("name", list(Quality.model_fields))
    def test_each_limit(self, name):
        score = {"target_nm2": 100.0, "l2_nm2": 30.0, "pvb_nm2": 30.0, "epe_violations": 3.0, "mrc_violations": 3.0}
        reached = 0.3 if name.endswith("share") else 3
        assert violated_limit(score, Quality(**{name: reached})) is None
        assert violated_limit(score, Quality(**{name: reached - 0.1 if reached < 1 else 2})) == name

    def test_pairs_that_miss_a_limit_are_counted_and_left_out(self, tmp_path, pair_set):
        scores = [read_shard(shard_path(pair_set, index)).score for index in range(6)]
        score = {name: np.concatenate([own[name] for own in scores]) for name in scores[0]}
        share = score["l2_nm2"] / score["target_nm2"]
        limit, most = np.sort(share)[6], np.sort(score["epe_violations"])[8]
        quality = f"[quality]\nl2_share = {limit}\nepe_violations = {int(most)}\nmrc_violations = 1000\n[splits]"
        manifest = built(write_recipe(tmp_path, ("[splits]", quality)), tmp_path / "out")
        by_share = int((share > limit).sum())
        by_epe = int(((share <= limit) & (score["epe_violations"] > most)).sum())
        expected = {name: count for name, count in (("epe_violations", by_epe), ("l2_share", by_share)) if count}
        assert manifest.rejected == expected
        assert manifest.pairs == 11 - by_share - by_epe
        kept = read_shard(shard_path(tmp_path / "out", 0))
        assert (kept.score["l2_nm2"] / kept.score["target_nm2"] <= limit).all()
        assert "mrc_violations" in kept.score

    def test_what_cannot_be_drawn_or_seen_is_left_out(self, tmp_path):
        """Clips thinner than any pixel have no target, and a method may end with nothing on the mask."""
        hair = np.array([(100.1, 0), (100.3, 0), (100.3, 400), (100.1, 400)])
        bar = np.array([(700.0, 0), (800, 0), (800, 400), (700, 400)])
        write_layout(tmp_path / "chip.gds", Layout("chip", (Polygon(hair), Polygon(bar))))
        windows = WINDOWS.replace("stride", "least_coverage = 0.0\nstride")
        manifest = built(write_recipe(tmp_path, ("[splits]", windows)), tmp_path / "out")
        assert (manifest.clips, manifest.pairs, manifest.rejected) == (13, 12, {"empty_target": 1})
        assert verify(tmp_path / "out") == []

    def test_an_empty_mask_is_left_out(self, tmp_path, monkeypatch):
        from litho_dl.pairs import make as shard

        def emptied(*arguments, **settings):
            solution = solve(*arguments, **settings)
            solution.mask[0] = False
            return solution

        monkeypatch.setattr(shard, "solve", emptied)
        manifest = built(write_recipe(tmp_path), tmp_path / "out")
        assert (manifest.pairs, manifest.rejected) == (5, {"empty_mask": 6})
        assert verify(tmp_path / "out") == []

    def test_a_shard_without_pairs(self, tmp_path):
        manifest = built(write_recipe(tmp_path, ("[splits]", "[quality]\nl2_share = 1e-9\n[splits]")), tmp_path / "out")
        assert (manifest.pairs, manifest.rejected) == (0, {"l2_share": 11})
        assert verify(tmp_path / "out") == []
        with pytest.raises(DatasetError, match="expected pairs of split train"):
            PairDataset(tmp_path / "out")


class TestGoingOn:
    def test_only_what_is_missing_is_made(self, pair_recipe, copied_set, pair_set):
        shard_path(copied_set, 3).unlink()
        before = {path: path.stat().st_mtime_ns for path in copied_set.rglob("shard-*.h5")}
        built(pair_recipe, copied_set)
        assert digests(copied_set) == digests(pair_set)
        assert all(path.stat().st_mtime_ns == time for path, time in before.items())

    def test_ctrl_c_within_a_solve_leaves_no_half_masks(self, pair_recipe, pair_set, tmp_path, monkeypatch):
        def interrupt(step, *_):
            if step == 2 and shard_path(tmp_path / "out", 0).exists():
                raise KeyboardInterrupt

        monkeypatch.setattr("litho_dl.pairs.make.solve", partial(solve, on_step=interrupt))
        with pytest.raises(KeyboardInterrupt):
            built(pair_recipe, tmp_path / "out")
        monkeypatch.undo()
        assert not shard_path(tmp_path / "out", 1).exists()
        built(pair_recipe, tmp_path / "out")
        assert digests(tmp_path / "out") == digests(pair_set)

    def test_a_shard_that_nobody_listed_is_kept(self, pair_recipe, copied_set, pair_set):
        table = json.loads((copied_set / MANIFEST).read_text())
        del table["shards"]["2"]
        (copied_set / MANIFEST).write_text(json.dumps(table))
        before = shard_path(copied_set, 2).stat().st_mtime_ns
        built(pair_recipe, copied_set)
        assert digests(copied_set) == digests(pair_set)
        assert shard_path(copied_set, 2).stat().st_mtime_ns == before

    def test_half_files_of_killed_writers_are_removed(self, pair_recipe, copied_set, pair_set):
        (copied_set / "shards" / ".shard-00001.0123456789abcdef.part.h5").write_text("half")
        (copied_set / ".dataset.0123456789abcdef.part.json").write_text("half")
        (copied_set / ".notes.mine.txt").write_text("not ours")
        (copied_set / ".folder.of.mine").mkdir()
        built(pair_recipe, copied_set)
        (copied_set / ".notes.mine.txt").unlink()
        assert digests(copied_set) == digests(pair_set)
        assert (copied_set / ".folder.of.mine").is_dir()

    @pytest.mark.parametrize("name", [CLIPS, OPTICS])
    def test_damaged_parts_are_refused(self, pair_recipe, copied_set, name):
        content = bytearray((copied_set / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copied_set / name).write_bytes(content)
        shard_path(copied_set, 3).unlink()
        with pytest.raises(DatasetError, match=f"{name}: its bytes are not those that were written"):
            built(pair_recipe, copied_set)

    @pytest.mark.parametrize(
        ("key", "value"), [("pixel_nm", -8.0), ("pixel_nm", 4.0), ("shard_clips", 3), ("description", "other")]
    )
    def test_a_changed_manifest_is_refused(self, pair_recipe, copied_set, key, value):
        table = json.loads((copied_set / MANIFEST).read_text())
        table["settings"]["recipe"][key] = value
        (copied_set / MANIFEST).write_text(json.dumps(table))
        with pytest.raises(DatasetError, match=r"the (manifest|file) is damaged"):
            built(pair_recipe, copied_set)

    @pytest.mark.parametrize(
        "text", ["", "a,b\n1,2\n", "shard,clips\nx,y\n", "shard\n\0\n", "shard\ninf\n", "shard\n1,2\n"]
    )
    def test_times_that_cannot_be_read_do_not_matter(self, pair_recipe, copied_set, text):
        (copied_set / "timing.csv").write_text(text)
        shard_path(copied_set, 3).unlink()
        built(pair_recipe, copied_set)
        assert list(read_timing(copied_set)) == [3]

    def test_a_file_system_without_locks(self, pair_recipe, tmp_path, monkeypatch):
        import fcntl

        def refuse(*_):
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(fcntl, "flock", refuse)
        with pytest.raises(OutputError, match=r"Cannot lock .*Function not implemented"):
            built(pair_recipe, tmp_path / "out")

    def test_another_recipe_is_refused(self, copied_set, tmp_path, pair_set):
        other = write_recipe(tmp_path, ("seed = 5", "seed = 6"))
        with pytest.raises(DatasetError, match="got one made with other settings"):
            built(other, copied_set)
        assert digests(copied_set) == digests(pair_set)

    def test_two_builds_at_once_are_refused(self, pair_recipe, copied_set):
        import fcntl

        with open(copied_set / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(OutputError, match="another process is writing here"):
                built(pair_recipe, copied_set)

    def test_where_nothing_can_be_written(self, pair_recipe, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="Cannot write to"):
            built(pair_recipe, tmp_path / "file" / "out")
