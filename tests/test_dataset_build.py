"""Building a data set: what is in it, what is left out, going on after an end, and finding damage."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from pair_factory import FIELD, built, digests, write_recipe

from litho_dl.clips import place
from litho_dl.core.errors import DatasetError, LithoError, OutputError, RecipeError
from litho_dl.core.workers import on_one_thread
from litho_dl.data import read_shard
from litho_dl.data.dataset import PairDataset
from litho_dl.data.pairs import SPLITS
from litho_dl.dataset.blueprint import draw_blueprint
from litho_dl.dataset.manifest import CLIPS, MANIFEST, OPTICS, read_manifest, shard_path
from litho_dl.dataset.plan import plan_clips, read_clips
from litho_dl.dataset.recipe import load_dataset_recipe
from litho_dl.dataset.verify import verify
from litho_dl.evaluate import PROTOCOLS, evaluate
from litho_dl.ilt.method import load_method
from litho_dl.layout import Layout, Polygon, write_layout
from litho_dl.layout.design_rules import load_rules
from litho_dl.layout.generate import generate
from litho_dl.layout.pattern import pattern_hash
from litho_dl.optimize import solve_clips
from litho_dl.process.files import load_kernels, load_process
from litho_dl.simulator import Simulator

WINDOWS = '[[clips]]\nlayout = "chip.gds"\nwindow_nm = 500.0\nstride_nm = 500.0\n[splits]'


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return write_recipe(tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="module")
def reference(recipe, tmp_path_factory):
    """The finished data set, which no test changes."""
    folder = tmp_path_factory.mktemp("reference")
    built(recipe, folder)
    return folder


@pytest.fixture
def copied(reference, tmp_path):
    return shutil.copytree(reference, tmp_path / "copied")


class TestContents:
    def test_every_clip_is_there(self, reference):
        manifest = read_manifest(reference)
        assert (manifest.clips, manifest.pairs, manifest.missing, manifest.rejected) == (11, 11, [], {})
        assert [entry.pairs for entry in manifest.shards.values()] == [2, 2, 2, 2, 2, 1]
        assert len(PairDataset(reference, None)) == 11

    def test_clips_are_those_of_their_seeds(self, reference):
        shard = read_shard(shard_path(reference, 1))
        clips = read_clips(reference / CLIPS, read_manifest(reference).digest, 2, 4)
        for row, clip in enumerate(clips):
            again = generate("metal", load_rules("m1-45"), int(shard.seed[row]), 600.0)
            assert pattern_hash(again) == pattern_hash(clip.layout) == shard.pattern[row]
            coverage = place(again, FIELD, "again").coverage(8.0).numpy()
            assert np.abs(shard.images["target"][row] / 255 - coverage).max() <= 0.5 / 255 + 1e-6

    def test_masks_and_scores_are_those_of_the_solver(self, reference, recipe):
        process = load_kernels(reference / OPTICS)
        clips = read_clips(reference / CLIPS, read_manifest(reference).digest, 4, 6)
        placed = [place(clip.layout, FIELD, clip.name) for clip in clips]
        solution = solve_clips(placed, process, load_method(recipe.parent / "few.toml"), torch.device("cpu"))
        shard = read_shard(shard_path(reference, 2))
        assert np.array_equal(shard.images["mask"] == 255, solution.mask.numpy())
        simulator = Simulator(process)
        for row in range(2):
            card = evaluate(solution.mask[row], 8.0, placed[row].placed, simulator, PROTOCOLS["default"]).scorecard
            for name in ("l2_nm2", "pvb_nm2", "epe_violations", "shots"):
                assert shard.score[name][row] == getattr(card, name)
            assert shard.score["target_nm2"][row] == pytest.approx(placed[row].placed.area_nm2)
            exposure = simulator(solution.mask[row].float(), 8.0, out_pixel_nm=8.0)
            aerial = exposure.aerial("nominal").numpy()
            np.testing.assert_allclose(shard.images["aerial"][row], aerial, atol=1e-3)
            assert np.array_equal(shard.images["print"][row] == 255, exposure.binary_print("nominal").numpy())

    def test_a_shard_says_what_it_was_made_with(self, reference):
        from litho_dl.data.pairs import read_settings

        settings = read_settings(shard_path(reference, 5))
        assert (settings["shard"], settings["clips"], settings["rejected"]) == (5, 1, {})
        assert settings["resolved"]["method"]["levels"][0]["steps"] == 4
        assert settings["resolved"]["clips"][0]["rules"]["width_nm"] == load_rules("m1-45").width_nm
        assert settings["recipe"]["seed"] == 5
        assert set(settings["symmetries"]) >= {"identity", "rotate_180"}

    def test_masks_on_another_pixel_are_coverage(self, tmp_path, reference):
        manifest = built(write_recipe(tmp_path, ("pixel_nm = 8.0", "pixel_nm = 16.0")), tmp_path / "coarse")
        fine, coarse = (read_shard(shard_path(f, 0)).images for f in (reference, tmp_path / "coarse"))
        for name in ("target", "mask"):
            means = fine[name].astype(float).reshape(2, 64, 2, 64, 2).mean((2, 4))
            assert np.abs(coarse[name] - means).max() <= 1
        assert manifest.pairs == 11


class TestPlan:
    def test_splits_are_decided_by_the_pattern(self, recipe):
        whole = plan_clips(load_dataset_recipe(recipe))
        assert {clip.split for clip in whole} == set(SPLITS)
        part = plan_clips(load_dataset_recipe(recipe).scaled(0.5))
        splits = {clip.pattern: clip.split for clip in whole}
        assert len(part) == 4 + 2
        assert all(splits[clip.pattern] == clip.split for clip in part)

    def test_shares_are_kept(self, recipe):
        clips = plan_clips(load_dataset_recipe(recipe).scaled(50))
        shares = [np.mean([clip.split == split for clip in clips]) for split in SPLITS]
        assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.07)
        assert len({clip.pattern for clip in clips}) == len({clip.name for clip in clips}) == 550

    def test_two_sources_share_no_pattern(self, tmp_path):
        both = write_recipe(tmp_path, ('family = "via"\nrules = "via-45"', 'family = "metal"\nrules = "m1-45"'))
        clips = plan_clips(load_dataset_recipe(both))
        assert len({clip.pattern for clip in clips}) == 11
        assert clips[0].seed != clips[8].seed

    def test_holes_survive_the_file(self, tmp_path):
        from litho_dl.dataset.plan import PlannedClip, write_clips

        square = np.array([(0, 0), (90, 0), (90, 90), (0, 90)], dtype=float)
        ring = Layout("ring", (Polygon(square, (square / 3 + 30,)), Polygon(square + 200)))
        clips = [PlannedClip(name, 2**62 + 1, "0" * 64, "test", ring) for name in "ab"]
        write_clips(tmp_path / "c.h5", clips, "d")
        (found,) = read_clips(tmp_path / "c.h5", "d", 1, 2)
        assert (found.name, found.seed, found.split) == ("b", 2**62 + 1, "test")
        assert pattern_hash(found.layout) == pattern_hash(ring)
        assert found.layout.area_nm2 == ring.area_nm2

    def test_windows_of_a_layout(self, tmp_path):
        bars = [
            np.array([(x, 0), (x + 70 + x // 10, 0), (x + 70 + x // 10, 400), (x, 400)]) for x in range(0, 3000, 500)
        ]
        write_layout(tmp_path / "chip.gds", Layout("chip", tuple(map(Polygon, bars))))
        path = write_recipe(tmp_path, ("[splits]", WINDOWS))
        clips = plan_clips(load_dataset_recipe(path))[11:]
        assert [clip.name for clip in clips] == [f"chip-2_x{500 * i}_y0" for i in range(6)]
        assert all(clip.seed == 0 for clip in clips)
        manifest = built(path, tmp_path / "out")
        assert manifest.pairs == 17
        fewer = write_recipe(tmp_path, ("[splits]", WINDOWS.replace("stride", "count = 3\nstride")))
        names = [clip.name for clip in plan_clips(load_dataset_recipe(fewer))[11:]]
        assert names == [f"chip-2_x{1000 * i}_y0" for i in range(3)]

    def test_the_same_windows_twice_are_taken_once(self, tmp_path):
        write_layout(
            tmp_path / "chip.gds", Layout("chip", (Polygon(np.array([(0, 0), (90, 0), (90, 400), (0, 400)])),))
        )
        twice = WINDOWS.replace("[splits]", 'split = "test"\n') * 2 + "[splits]"
        clips = plan_clips(load_dataset_recipe(write_recipe(tmp_path, ("[splits]", twice))))[11:]
        assert [(clip.name, clip.split) for clip in clips] == [("chip-2_x0_y0", "test")]

    def test_windows_far_out_have_names_of_their_own(self, tmp_path):
        bars = [np.array([(x, 0), (x + 70 + i, 0), (x + 70 + i, 400), (x, 400)]) for i, x in enumerate((2e6, 2e6 + 1))]
        names = set()
        for bar in bars:
            write_layout(tmp_path / "chip.gds", Layout("chip", (Polygon(bar),)))
            names |= {
                clip.name
                for clip in plan_clips(load_dataset_recipe(write_recipe(tmp_path, ("[splits]", WINDOWS))))[11:]
            }
        assert names == {"chip-2_x2000000_y0", "chip-2_x2000001_y0"}


class TestRecipe:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (("seed = 5", "seed = -1"), "seed"),
            (("pixel_nm = 8.0", "pixels_nm = 8.0"), "pixels_nm: unknown key"),
            (('family = "via"', 'famly = "via"'), "famly: unknown key"),
            (("validation = 0.3", "validation = 0.9"), "must be at most 1, got 1.1"),
            (("[splits]", WINDOWS.replace("stride_nm = 500", "stride_nm = 400")), "windows of 500 nm every 400 nm"),
            (("[splits]", WINDOWS.replace("[splits]", "") * 2 + "[splits]"), "two sources cut windows from chip.gds"),
        ],
    )  # fmt: skip
    def test_bad_settings(self, tmp_path, change, message):
        with pytest.raises(RecipeError, match=message):
            load_dataset_recipe(write_recipe(tmp_path, change))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (('"small.safetensors"', '"no.safetensors"'), "no.safetensors: no such file"),
            (('"few.toml"', '"fast-ish"'), "No ilt recipe"),
            (('rules = "via-45"', 'rules = "via-46"'), "No rules recipe"),
            (('family = "via"', 'family = "vias"'), "vias"),
            (("count = 3\nextent_nm = 600", "count = 3\nextent_nm = 6000"), "clips that fit the optics' field of 1024"),
            (("pixel_nm = 8.0", "pixel_nm = 7.0"), "a pixel that divides the field"),
            (("[splits]", WINDOWS), "chip.gds: no such file"),
            (("pixel_nm = 8.0", "pixel_nm = 12.8"), "a multiple of 8 nm, got 12.8 nm"),
        ],
    )  # fmt: skip
    def test_what_it_names_must_exist(self, tmp_path, change, message):
        with pytest.raises(LithoError, match=message):
            built(write_recipe(tmp_path, change), tmp_path / "out")

    def test_the_digest_follows_contents(self, tmp_path):
        def digest(*changes, steps=4):
            return draw_blueprint(load_dataset_recipe(write_recipe(tmp_path, *changes, steps=steps))).digest

        assert digest() == digest()
        others = [digest(steps=5), digest(("seed = 5", "seed = 6")), digest(("count = 3", "count = 4"))]
        assert len({digest(), *others}) == 4

    @pytest.mark.parametrize("threads", [1, 2])
    def test_optics_have_the_same_bytes_on_any_number_of_threads(self, tmp_path, threads):
        path = write_recipe(tmp_path, ('"small.safetensors"', '"duv193-immersion-annular"'))
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            process = draw_blueprint(load_dataset_recipe(path)).process
        finally:
            torch.set_num_threads(before)
        one = on_one_thread(load_process, "duv193-immersion-annular")
        assert all(torch.equal(process.kernels[name].spectra, one.kernels[name].spectra) for name in one.kernels)

    def test_bytes_do_not_depend_on_how_the_recipe_is_named(self, tmp_path, monkeypatch):
        path = write_recipe(tmp_path)
        digest = draw_blueprint(load_dataset_recipe(path)).settings
        monkeypatch.chdir(tmp_path)
        assert draw_blueprint(load_dataset_recipe("pairs.toml")).settings == digest
        shutil.copytree(tmp_path, tmp_path / "moved")
        assert draw_blueprint(load_dataset_recipe(tmp_path / "moved" / "pairs.toml")).settings == digest

    @pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
    def test_impossible_scales(self, recipe, factor):
        with pytest.raises(RecipeError, match="Expected a positive scale"):
            load_dataset_recipe(recipe).scaled(factor)

    @pytest.mark.parametrize("name", ["metal-2k", "via-1k"])
    def test_shipped_recipes(self, name):
        recipe = load_dataset_recipe(name)
        assert sum(source.count for source in recipe.clips) == {"metal-2k": 2000, "via-1k": 1000}[name]
        assert len(plan_clips(recipe.scaled(0.01))) == sum(source.count for source in recipe.scaled(0.01).clips)


class TestQuality:
    def test_pairs_that_miss_a_limit_are_counted_and_left_out(self, tmp_path, reference):
        scores = [read_shard(shard_path(reference, index)).score for index in range(6)]
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
        from litho_dl.dataset import shard

        def emptied(*arguments, **settings):
            solution = solve_clips(*arguments, **settings)
            solution.mask[0] = False
            return solution

        monkeypatch.setattr(shard, "solve_clips", emptied)
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
    def test_only_what_is_missing_is_made(self, recipe, copied, reference):
        shard_path(copied, 3).unlink()
        before = {path: path.stat().st_mtime_ns for path in copied.rglob("shard-*.h5")}
        built(recipe, copied)
        assert digests(copied) == digests(reference)
        assert all(path.stat().st_mtime_ns == time for path, time in before.items())

    def test_a_shard_that_nobody_listed_is_kept(self, recipe, copied, reference):
        table = json.loads((copied / MANIFEST).read_text())
        del table["shards"]["2"]
        (copied / MANIFEST).write_text(json.dumps(table))
        before = shard_path(copied, 2).stat().st_mtime_ns
        built(recipe, copied)
        assert digests(copied) == digests(reference)
        assert shard_path(copied, 2).stat().st_mtime_ns == before

    def test_half_files_of_killed_writers_are_removed(self, recipe, copied, reference):
        (copied / "shards" / ".shard-00001.0123456789abcdef.part.h5").write_text("half")
        (copied / ".dataset.0123456789abcdef.part.json").write_text("half")
        (copied / ".notes.mine.txt").write_text("not ours")
        (copied / ".folder.of.mine").mkdir()
        built(recipe, copied)
        (copied / ".notes.mine.txt").unlink()
        assert digests(copied) == digests(reference)
        assert (copied / ".folder.of.mine").is_dir()

    @pytest.mark.parametrize("name", [CLIPS, OPTICS])
    def test_damaged_parts_are_refused(self, recipe, copied, name):
        content = bytearray((copied / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copied / name).write_bytes(content)
        shard_path(copied, 3).unlink()
        with pytest.raises(DatasetError, match=f"{name}: its bytes are not those that were written"):
            built(recipe, copied)

    def test_another_recipe_is_refused(self, copied, tmp_path, reference):
        other = write_recipe(tmp_path, ("seed = 5", "seed = 6"))
        with pytest.raises(DatasetError, match="got one made with other settings"):
            built(other, copied)
        assert digests(copied) == digests(reference)

    def test_two_builds_at_once_are_refused(self, recipe, copied):
        import fcntl

        with open(copied / ".lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(DatasetError, match="another process is building here"):
                built(recipe, copied)

    def test_where_nothing_can_be_written(self, recipe, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="Cannot write to"):
            built(recipe, tmp_path / "file" / "out")


class TestVerify:
    def test_a_whole_data_set(self, reference):
        assert verify(reference) == []

    @pytest.mark.parametrize("place", [40, 5000, -3000])
    def test_a_flipped_byte(self, copied, place):
        path = shard_path(copied, 1)
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        (fault,) = verify(copied)
        assert fault.startswith(str(path))

    @pytest.mark.parametrize("name", [MANIFEST, CLIPS, OPTICS, "shards/shard-00001.h5"])
    def test_any_flipped_bit_is_a_fault_in_a_line(self, copied, name):
        whole = (copied / name).read_bytes()
        random = np.random.default_rng(0)
        for _ in range(60):
            content = bytearray(whole)
            place, bit = random.integers(len(whole)), 1 << random.integers(8)
            content[place] ^= bit
            (copied / name).write_bytes(content)
            try:
                faults = verify(copied)
            except DatasetError as error:
                faults = [str(error)]
            assert faults, (place, bit)
            assert all("\n" not in fault for fault in faults)

    def test_a_truncated_shard(self, copied):
        path = shard_path(copied, 1)
        path.write_bytes(path.read_bytes()[:-100])
        (fault,) = verify(copied)
        assert fault.startswith(f"{path}: ")
        assert "cut short" in fault

    def test_a_shard_of_another_recipe(self, copied, tmp_path):
        built(write_recipe(tmp_path, ("seed = 5", "seed = 6")), tmp_path / "other")
        shutil.copy(shard_path(tmp_path / "other", 1), shard_path(copied, 1))
        assert verify(copied) == [f"{shard_path(copied, 1)}: a shard of another recipe; remove it and build again."]

    def test_a_shard_in_the_place_of_another(self, copied):
        shutil.copy(shard_path(copied, 2), shard_path(copied, 1))
        (fault,) = verify(copied)
        assert "expected shard 1, got shard 2" in fault

    def test_missing_extra_and_unlisted_files(self, copied):
        shard_path(copied, 1).rename(shard_path(copied, 9))
        (copied / CLIPS).unlink()
        faults = verify(copied)
        assert [fault.partition(": ")[0] for fault in faults] == [
            str(path) for path in (copied / CLIPS, shard_path(copied, 9), shard_path(copied, 1))
        ]

    def test_pairs_that_are_not_their_clips(self, copied):
        from litho_dl.data import write_shard
        from litho_dl.data.pairs import read_settings
        from litho_dl.dataset.manifest import write_manifest

        path, manifest = shard_path(copied, 1), read_manifest(copied)
        block = read_shard(path)
        sha256 = write_shard(path, replace(block, seed=block.seed + 1), read_settings(path))
        write_manifest(copied, manifest.with_shard(1, replace(manifest.shards[1], sha256=sha256)))
        assert [fault.endswith("is not of its clip.") for fault in verify(copied)] == [True, True]

    def test_an_unfinished_data_set_has_no_fault(self, recipe, copied):
        manifest = read_manifest(copied)
        from litho_dl.dataset.manifest import write_manifest

        shards = {index: entry for index, entry in manifest.shards.items() if index < 3}
        for index in range(3, 6):
            shard_path(copied, index).unlink()
        write_manifest(copied, replace(manifest, shards=shards))
        assert verify(copied) == []

    @pytest.mark.parametrize("text", ["", "{}", '{"format": "other"}', '{"format": "litho_dl.dataset/1"}'])
    def test_a_damaged_manifest(self, copied, text):
        (copied / MANIFEST).write_text(text)
        with pytest.raises(DatasetError, match=r"dataset\.json"):
            verify(copied)

    def test_no_data_set(self, tmp_path):
        with pytest.raises(DatasetError, match=r"expected a data set \(dataset.json in it\), got none"):
            verify(tmp_path)
