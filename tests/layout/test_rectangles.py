"""Masks covered by at most N rectangles: exact where N suffices, the best few where it does not, never overlapping."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import label

from litho_dl.core.errors import LayoutError
from litho_dl.layout.rectangles import apart, cover, fewest


def drawn(rectangles, shape=(60, 80)) -> np.ndarray:
    """The number of rectangles on each pixel."""
    image = np.zeros(shape, dtype=int)
    for x0, y0, x1, y1 in rectangles:
        image[y0:y1, x0:x1] += 1
    return image


def covered(binary, most, needed=None, weight=None) -> np.ndarray:
    weight = np.ones(binary.shape) if weight is None else weight
    (found,) = cover(binary, [most], np.zeros_like(binary) if needed is None else needed, weight)
    assert len(found) <= most
    assert drawn(found, binary.shape).max(initial=0) <= 1
    return found


CROSS = drawn([(20, 5, 30, 55), (5, 20, 20, 35), (30, 20, 60, 35)]) > 0


@pytest.mark.parametrize("turned", [False, True])
def test_enough_rectangles_are_exact(turned):
    binary = CROSS.T if turned else CROSS
    assert ((drawn(covered(binary, 3), binary.shape) > 0) == binary).all()
    assert len(covered(binary, 50)) == 3  # no more than the mask needs


def test_a_frame_and_its_hole():
    frame = drawn([(10, 10, 70, 50)]) > 0
    frame[20:40, 20:60] = False
    assert ((drawn(covered(frame, 4)) > 0) == frame).all()


@pytest.mark.parametrize("seed", range(5))
def test_one_rectangle_is_the_best_of_all(seed):
    """By trying every rectangle of a small mask."""
    rng = np.random.default_rng(seed)
    binary = rng.random((9, 11)) < 0.6
    binary[4], binary[:, 5] = True, True
    binary &= label(binary)[0] == label(binary)[0][4, 5]  # one feature
    weight = rng.uniform(0.5, 1.5, binary.shape)
    gain = np.where(binary, weight, -weight)
    spans = [list(itertools.combinations(range(n + 1), 2)) for n in binary.shape]
    best = max(gain[a:b, c:d].sum() for a, b in spans[0] for c, d in spans[1])
    ((x0, y0, x1, y1),) = covered(binary, 1, weight=weight).tolist()
    assert gain[y0:y1, x0:x1].sum() == pytest.approx(best)


def test_more_rectangles_are_never_worse():
    y, x = np.mgrid[:60, :80]
    disc = np.hypot(x - 40, y - 30) < 25
    wrong = [((drawn(covered(disc, most)) > 0) != disc).sum() for most in range(1, 12)]
    assert wrong == sorted(wrong, reverse=True)
    assert wrong[-1] < wrong[0] / 3


def test_where_few_rectangles_go():
    """Features that are needed get one each, the others by what they gain."""
    binary = drawn([(2, 2, 30, 30), (40, 2, 44, 6), (60, 2, 75, 15)]) > 0
    needed = drawn([(41, 3, 42, 4)]) > 0
    assert [tuple(box) for box in covered(binary, 1, needed)] == [(40, 2, 44, 6)]
    assert sorted(map(tuple, covered(binary, 2, needed))) == [(2, 2, 30, 30), (40, 2, 44, 6)]
    far = np.where(binary & (drawn([(0, 0, 31, 60)]) > 0), 1e-3, 1.0)
    assert sorted(map(tuple, covered(binary, 2, needed, far))) == [(40, 2, 44, 6), (60, 2, 75, 15)]


def test_too_few_are_refused():
    binary = drawn([(2, 2, 30, 30), (40, 2, 44, 6)]) > 0
    assert fewest(binary, binary) == 2
    with pytest.raises(LayoutError, match=r"at least 2 rectangles.*got 1"):
        covered(binary, 1, binary)
    with pytest.raises(LayoutError, match=r"at least 1 rectangles"):
        covered(binary, 0)


def test_rectangles_are_cut_apart():
    rng = np.random.default_rng(0)
    low = rng.integers(0, 50, (40, 2))
    boxes = np.concatenate([low, low + rng.integers(0, 25, (40, 2))], axis=1)
    found = apart(boxes)
    image = drawn(found, (100, 100))
    assert len(found) <= 40
    assert image.max() == 1
    assert (found[:, 2:] > found[:, :2]).all()
    assert not (image > drawn(boxes, (100, 100))).any()
    assert apart(np.array([(0, 0, 10, 10), (2, 2, 3, 3)])).tolist() == [[0, 0, 10, 10]]
    assert apart(np.zeros((0, 4), dtype=int)).shape == (0, 4)
