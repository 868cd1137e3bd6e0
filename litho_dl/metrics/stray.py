"""Stray prints: what prints apart from everything that was drawn, as assist features that are too large do."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def stray_prints(printed: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The connected regions of a print that touch no drawn shape.

    Pixels are connected by edges and corners, also across the border of the field, which is periodic; a region that
    only borders on a drawn shape touches it. The pixels of a row that are next to each other are taken as one run, so
    that the time depends on the number of runs rather than pixels.

    Args:
        printed: Where anything prints, bool (H, W); of several corners, at any of them.
        target: The target, bool (H, W).

    Returns:
        The first pixel of each region, (n, 2) int rows of (row, column): the lowest, of those the leftmost.
    """
    height, width = target.shape
    stride = width + 1  # a column that is never printed lies between the rows
    starts, ends = _runs(printed | target)
    owners = np.searchsorted(starts, _runs(target)[0], "right") - 1  # runs that hold pixels of the target
    offsets = stride, stride - height * stride  # to the next row; and from the last row to the first
    pairs = np.hstack([_around(starts, ends, stride, height), *(_touching(starts, ends, offset) for offset in offsets)])
    links = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=(len(starts), len(starts)))
    count, regions = connected_components(links, directed=False) if len(starts) else (0, np.zeros(0, dtype=int))
    _, first = np.unique(regions, return_index=True)  # runs are sorted by row and column
    stray = np.setdiff1d(np.arange(count), regions[owners])
    return np.stack(np.divmod(starts[first[stray]], stride), axis=1)


def _runs(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First places of the runs of a bool image, and those after their last, in rows that are one place longer."""
    height, width = image.shape
    padded = np.zeros(height * (width + 1) + 1, dtype=bool)
    padded[1:].reshape(height, width + 1)[:, :width] = image
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    return changes[::2], changes[1::2]


def _touching(starts: np.ndarray, ends: np.ndarray, offset: int) -> np.ndarray:
    """Pairs of runs, (2, n), of which the first, moved by an offset to another row, touches the second."""
    first = np.searchsorted(ends, starts + offset)
    counts = np.searchsorted(starts, ends + offset, "right") - first
    moved = np.repeat(np.arange(len(starts)), counts)
    return np.stack((moved, np.arange(len(moved)) - np.repeat(np.cumsum(counts) - counts - first, counts)))


def _around(starts: np.ndarray, ends: np.ndarray, stride: int, height: int) -> np.ndarray:
    """Pairs of runs, (2, n), of which the first ends in the last column and the second touches it in the first one."""
    last, first = np.flatnonzero(ends % stride == stride - 1), np.flatnonzero(starts % stride == 0)
    pairs = []
    for step in (-1, 0, 1):
        rows = (ends[last] // stride + step) % height
        _, one, other = np.intersect1d(rows, starts[first] // stride, return_indices=True)
        pairs.append(np.stack((last[one], first[other])))
    return np.hstack(pairs)
