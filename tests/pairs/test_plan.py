"""Which clips a data set has, and in which split."""

import numpy as np
import pytest
from scenes.pairs import built, write_recipe

from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import pattern_hash
from litho_dl.layout.polygon import Polygon
from litho_dl.pairs.plan import plan_clips, read_clips
from litho_dl.pairs.recipe import load_dataset_recipe
from litho_dl.pairs.shard import SPLITS

WINDOWS = '[[clips]]\nlayout = "chip.gds"\nwindow_nm = 500.0\nstride_nm = 500.0\n[splits]'


class TestPlan:
    def test_splits_are_decided_by_the_pattern(self, pair_recipe):
        whole = plan_clips(load_dataset_recipe(pair_recipe))
        assert {clip.split for clip in whole} == set(SPLITS)
        part = plan_clips(load_dataset_recipe(pair_recipe).scaled(0.5))
        splits = {clip.pattern: clip.split for clip in whole}
        assert len(part) == 4 + 2
        assert all(splits[clip.pattern] == clip.split for clip in part)

    def test_shares_are_kept(self, pair_recipe):
        clips = plan_clips(load_dataset_recipe(pair_recipe).scaled(50))
        shares = [np.mean([clip.split == split for clip in clips]) for split in SPLITS]
        assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.07)
        assert len({clip.pattern for clip in clips}) == len({clip.name for clip in clips}) == 550

    def test_two_sources_share_no_pattern(self, tmp_path):
        both = write_recipe(tmp_path, ('family = "via"\nrules = "via-45"', 'family = "metal"\nrules = "m1-45"'))
        clips = plan_clips(load_dataset_recipe(both))
        assert len({clip.pattern for clip in clips}) == 11
        assert clips[0].seed != clips[8].seed

    def test_holes_survive_the_file(self, tmp_path):
        from litho_dl.pairs.plan import PlannedClip, write_clips

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
