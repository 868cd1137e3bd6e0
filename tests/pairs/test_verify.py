"""Finding damage in a data set."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from scenes.pairs import built, write_recipe

from litho_dl.core.errors import DatasetError
from litho_dl.pairs.manifest import CLIPS, MANIFEST, OPTICS, read_manifest, shard_path, write_manifest
from litho_dl.pairs.shard import read_settings, read_shard, write_shard
from litho_dl.pairs.verify import verify

WINDOWS = '[[clips]]\nlayout = "chip.gds"\nwindow_nm = 500.0\nstride_nm = 500.0\n[splits]'


def rewrite(folder, index, block):
    """Puts other pairs into a shard, and its new sum into the manifest."""
    path, manifest = shard_path(folder, index), read_manifest(folder)
    sha256 = write_shard(path, block, read_settings(path))
    write_manifest(folder, manifest.with_shard(index, replace(manifest.shards[index], sha256=sha256)))


def _blank(block, name):
    images = {**block.images, name: block.images[name] * np.array([1, 0], np.uint8)[:, None, None]}
    return replace(block, images=images)


class TestVerify:
    def test_a_whole_data_set(self, pair_set):
        assert verify(pair_set) == []

    @pytest.mark.parametrize("place", [40, 5000, -3000])
    def test_a_flipped_byte(self, copied_set, place):
        path = shard_path(copied_set, 1)
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        (fault,) = verify(copied_set)
        assert fault.startswith(str(path))

    @pytest.mark.parametrize("name", [MANIFEST, CLIPS, OPTICS, "shards/shard-00001.h5"])
    def test_any_flipped_bit_is_a_fault_in_a_line(self, copied_set, name):
        whole = (copied_set / name).read_bytes()
        random = np.random.default_rng(0)
        for _ in range(25):
            content = bytearray(whole)
            place, bit = random.integers(len(whole)), 1 << random.integers(8)
            content[place] ^= bit
            (copied_set / name).write_bytes(content)
            try:
                faults = verify(copied_set)
            except DatasetError as error:
                faults = [str(error)]
            assert faults, (place, bit)
            assert all("\n" not in fault for fault in faults)

    def test_a_truncated_shard(self, copied_set):
        path = shard_path(copied_set, 1)
        path.write_bytes(path.read_bytes()[:-100])
        (fault,) = verify(copied_set)
        assert fault.startswith(f"{path}: ")
        assert "cut short" in fault

    def test_a_shard_of_another_recipe(self, copied_set, tmp_path):
        built(write_recipe(tmp_path, ("seed = 5", "seed = 6")), tmp_path / "other")
        shutil.copy(shard_path(tmp_path / "other", 1), shard_path(copied_set, 1))
        assert verify(copied_set) == [
            f"{shard_path(copied_set, 1)}: a shard of another recipe; remove it and build again."
        ]

    def test_a_shard_in_the_place_of_another(self, copied_set):
        shutil.copy(shard_path(copied_set, 2), shard_path(copied_set, 1))
        (fault,) = verify(copied_set)
        assert "expected shard 1, got shard 2" in fault

    def test_missing_extra_and_unlisted_files(self, copied_set):
        shard_path(copied_set, 1).rename(shard_path(copied_set, 9))
        (copied_set / CLIPS).unlink()
        faults = verify(copied_set)
        assert [fault.partition(": ")[0] for fault in faults] == [
            str(path) for path in (copied_set / CLIPS, shard_path(copied_set, 9), shard_path(copied_set, 1))
        ]

    def test_pairs_that_are_not_their_clips(self, copied_set):
        block = read_shard(shard_path(copied_set, 1))
        rewrite(copied_set, 1, replace(block, seed=block.seed + 1))
        assert [fault.endswith("does not belong to its clip.") for fault in verify(copied_set)] == [True, True]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda block: replace(block, pattern=[block.pattern[0]] * 2), "does not belong to its clip"),
            (lambda block: _blank(block, "mask"), "empty target or mask of"),
            (lambda block: _blank(block, "target"), "empty target or mask of"),
        ],
    )
    def test_shards_that_were_written_wrong(self, copied_set, change, message):
        rewrite(copied_set, 1, change(read_shard(shard_path(copied_set, 1))))
        assert any(message in fault for fault in verify(copied_set))

    def test_a_pattern_that_comes_twice(self, copied_set):
        first, block = read_shard(shard_path(copied_set, 0)), read_shard(shard_path(copied_set, 1))
        rewrite(copied_set, 1, replace(block, pattern=first.pattern))
        assert [fault for fault in verify(copied_set) if f"the pattern of {block.name[0]} occurs twice" in fault]

    def test_counts_that_are_not_the_shards(self, copied_set):
        manifest = read_manifest(copied_set)
        write_manifest(copied_set, manifest.with_shard(1, replace(manifest.shards[1], rejected={"l2_share": 1})))
        assert ["rejected" in fault for fault in verify(copied_set)] == [True]

    def test_an_unfinished_data_set_has_no_fault(self, pair_recipe, copied_set):
        manifest = read_manifest(copied_set)
        shards = {index: entry for index, entry in manifest.shards.items() if index < 3}
        for index in range(3, 6):
            shard_path(copied_set, index).unlink()
        write_manifest(copied_set, replace(manifest, shards=shards))
        assert verify(copied_set) == []

    @pytest.mark.parametrize("text", ["", "{}", '{"format": "other"}', '{"format": "litho_dl.dataset/1"}'])
    def test_a_damaged_manifest(self, copied_set, text):
        (copied_set / MANIFEST).write_text(text)
        with pytest.raises(DatasetError, match=r"dataset\.json"):
            verify(copied_set)

    def test_no_data_set(self, tmp_path):
        with pytest.raises(DatasetError, match=r"expected a data set \(dataset.json in it\), got none"):
            verify(tmp_path)
