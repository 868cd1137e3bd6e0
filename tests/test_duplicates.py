"""Likeness against plane geometry, and the nearest training clip of a data set."""

from pathlib import Path

import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.core.dihedral import SYMMETRIES
from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.layout.pattern import coarse_images, similarity
from litho_dl.pairs.duplicates import nearest_trained
from litho_dl.pairs.manifest import CLIPS, read_manifest
from litho_dl.pairs.plan import PlannedClip, read_clips

GRID = Grid.of_field((400.0, 480.0), 10.0)
L = Layout("l", (box(0, 0, 40, 200), box(40, 0, 160, 40)))  # 8000 + 4800 nm^2


def mapped(layout: Layout, symmetry: str, shift: tuple[float, float]) -> Layout:
    matrix = np.array(SYMMETRIES[symmetry]).T
    return Layout("m", tuple(polygon.mapped(lambda points: points @ matrix + shift) for polygon in layout.polygons))


def like(one: Layout, *others: Layout) -> np.ndarray:
    return similarity(one, coarse_images(others, GRID), GRID)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_copies_are_alike_wherever_they_lie_and_however_turned(symmetry):
    """Not on whole pixels either: both are moved to the origin."""
    uneven = Layout("u", (*L.polygons, box(100, 60, 133, 97)))
    np.testing.assert_allclose(like(mapped(uneven, symmetry, (-1234.5, 77.7)), uneven), 1, atol=1e-5)


def test_it_is_the_shared_area_over_that_of_either():
    """A bar of 8000 nm^2 fits in the L as one of its arms; a square of 4 x 4 pixels shares 1600 nm^2."""
    bar, square = Layout("b", (box(0, 0, 40, 200),)), Layout("s", (box(0, 0, 40, 40),))
    np.testing.assert_allclose(like(L, bar, square, L), [8000 / 12800, 1600 / 12800, 1], atol=1e-5)
    assert like(bar, L) == pytest.approx(8000 / 12800, abs=1e-5)


def test_moves_find_the_best_overlap():
    """The same pair of bars beside something that moves the corner by 60 and 70 nm."""
    bars = (box(100, 100, 140, 300), box(200, 100, 240, 300))
    more = Layout("m", (*bars, box(40, 30, 60, 50)))
    assert like(more, Layout("b", bars)) == pytest.approx(16000 / 16400, abs=1e-5)


def test_partly_covered_pixels_count_by_their_share():
    """Half a pixel in every row: <a, b> = 15 * 0.5, <a, a> = 15, <b, b> = 15 * 0.25."""
    whole, half = (Layout("w", (box(0, 0, width, 150),)) for width in (10, 5))
    assert like(half, whole) == pytest.approx(0.5 / (1 + 0.25 - 0.5), abs=1e-5)


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
