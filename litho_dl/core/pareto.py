"""Pareto front of points (x, y) where smaller is better in both coordinates."""

import numpy as np
from numpy.typing import NDArray


def pareto_front(points: NDArray) -> NDArray:
    """The points that no other point dominates, i.e. is as small in both coordinates and smaller in one.

    Args:
        points: (n, 2), in any order; of equal points, one is kept.

    Returns:
        (m, 2), the first coordinate rising, the second falling.
    """
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    smallest_before = np.minimum.accumulate(np.r_[np.inf, ordered[:-1, 1]])
    return ordered[ordered[:, 1] < smallest_before[: len(ordered)]]
