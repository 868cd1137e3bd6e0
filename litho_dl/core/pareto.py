"""Pareto front of points with two coordinates, both of which should be small."""

import numpy as np
from numpy.typing import NDArray


def pareto_front(points: NDArray) -> NDArray:
    """The points that no other point beats: none is as small in both coordinates and smaller in one.

    Args:
        points: (n, 2), in any order; of equal points, one is kept.

    Returns:
        (m, 2), by rising first and falling second coordinate.
    """
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    smallest_before = np.minimum.accumulate(np.r_[np.inf, ordered[:-1, 1]])
    return ordered[ordered[:, 1] < smallest_before[: len(ordered)]]
