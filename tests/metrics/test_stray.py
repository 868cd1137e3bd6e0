"""Stray prints: regions apart from the target, against labels of the whole field tiled around itself."""

import numpy as np
import pytest
from scipy import ndimage

from litho_dl.metrics.stray import stray_prints

NONE = np.zeros((40, 50), dtype=bool)


def boxes(*corners: tuple[int, int, int, int]) -> np.ndarray:
    """Boxes row, column, row, column of pixels."""
    image = NONE.copy()
    for low, left, high, right in corners:
        image[low:high, left:right] = True
    return image


TARGET = boxes((10, 10, 20, 30))


@pytest.mark.parametrize(
    ("printed", "places"),
    [
        (NONE, []),
        (TARGET, []),
        (boxes((8, 8, 22, 33)), []),  # larger than drawn
        (boxes((12, 12, 14, 14)), []),  # all of it inside
        (boxes((20, 12, 24, 18)), []),  # borders on the target
        (boxes((20, 30, 24, 34)), []),  # at its corner
        (boxes((21, 12, 24, 18)), [(21, 12)]),
        (boxes((21, 31, 24, 34)), [(21, 31)]),
        (boxes((2, 40, 4, 44), (30, 20, 33, 40), (34, 20, 36, 22)), [(2, 40), (30, 20), (34, 20)]),
        (boxes((30, 20, 33, 40), (33, 40, 36, 42)), [(30, 20)]),  # connected at a corner
        (boxes((25, 20, 26, 40), (25, 20, 35, 21), (25, 39, 35, 40)), [(25, 20)]),
        (boxes((30, 20, 36, 40)) & ~boxes((31, 21, 35, 39)), [(30, 20)]),  # a ring
        (boxes((0, 40, 2, 42), (38, 40, 40, 42)), [(0, 40)]),  # across the border
        (boxes((30, 0, 33, 2), (30, 48, 33, 50)), [(30, 0)]),
    ],
)
def test_regions_that_touch_no_drawn_shape(printed, places):
    assert sorted(map(tuple, stray_prints(printed, TARGET).tolist())) == places


def test_a_print_across_the_border_belongs_to_its_shape():
    drawn = boxes((10, 45, 20, 50))
    assert len(stray_prints(boxes((10, 0, 20, 3)), drawn)) == 0
    assert len(stray_prints(boxes((10, 1, 20, 3)), drawn)) == 1


def test_nothing_drawn():
    assert len(stray_prints(TARGET, NONE)) == 1
    assert stray_prints(NONE, NONE).shape == (0, 2)


@pytest.mark.parametrize("seed", range(12))
def test_noise_against_labels(seed):
    """Labels of the field with copies of itself around it: a stray region has a copy in the middle that is complete."""
    generator = np.random.default_rng(seed)
    printed, target = (
        ndimage.gaussian_filter(generator.standard_normal(NONE.shape), 1.5, mode="constant") > level
        for level in (0.12, 0.3)
    )
    labels, _ = ndimage.label(np.tile(printed | target, (3, 3)), np.ones((3, 3)))
    drawn = np.unique(labels[np.tile(target, (3, 3))])
    middle = labels[40:80, 50:100]
    regions = {
        frozenset((row % 40, column % 50) for row, column in np.argwhere(labels == label).tolist())
        for label in np.setdiff1d(np.unique(middle[middle > 0]), drawn)
    }
    found = stray_prints(printed, target)
    assert len(found) == len(regions)
    assert all(any((row, column) in region for region in regions) for row, column in found.tolist())
