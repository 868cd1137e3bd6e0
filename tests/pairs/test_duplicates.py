"""Clips that are nearly those of a training set."""

from pathlib import Path

import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.core.dihedral import SYMMETRIES
from litho_dl.core.errors import DatasetError
from litho_dl.layout.layout import Layout
from litho_dl.pairs.duplicates import nearest_trained
from litho_dl.pairs.manifest import CLIPS, read_manifest
from litho_dl.pairs.plan import PlannedClip, read_clips

L = Layout("l", (box(0, 0, 40, 200), box(40, 0, 160, 40)))  # 8000 + 4800 nm^2


def mapped(layout: Layout, symmetry: str, shift: tuple[float, float]) -> Layout:
    matrix = np.array(SYMMETRIES[symmetry]).T
    return Layout("m", tuple(polygon.mapped(lambda points: points @ matrix + shift) for polygon in layout.polygons))


def planned(folder: Path) -> list[PlannedClip]:
    manifest = read_manifest(folder)
    return read_clips(folder / CLIPS, manifest.digest, 0, manifest.clips)


class TestNearestTrained:
    def test_copies_near_copies_and_others(self, pair_set):
        clips = planned(pair_set)
        seen = next(clip for clip in clips if clip.split == "train" and clip.name.startswith("metal"))
        copy = mapped(seen.layout, "rotate_90", (900.0, 3.0))
        moved = Layout("moved", (copy.polygons[0].mapped(lambda points: points + 4), *copy.polygons[1:]))
        other = Layout("other", (box(0, 0, 600, 600),))
        exact, nearly, far = nearest_trained([copy, moved, other], pair_set)
        assert (exact.name, exact.same, exact.similarity, exact.is_duplicate) == (seen.name, True, 1.0, True)
        assert (nearly.name, nearly.same, nearly.is_duplicate) == (seen.name, False, True)
        assert 0.8 < nearly.similarity < 1
        assert (far.same, far.is_duplicate) == (False, False)

    def test_clips_to_choose_the_epoch_by_count_and_test_clips_do_not(self, pair_set):
        clips = planned(pair_set)
        for clip in clips:
            (found,) = nearest_trained([clip.layout], pair_set)
            assert found.same == (clip.split != "test"), clip.name
            assert (found.name == clip.name) == found.same
        assert {clip.split for clip in clips} == {"train", "validation", "test"}

    def test_no_data_set(self, tmp_path):
        with pytest.raises(DatasetError, match=r"dataset\.json"):
            nearest_trained([L], tmp_path)
