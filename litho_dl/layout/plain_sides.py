"""The points of an outline that narrow places may touch; those of plain sides, which nothing is near, cannot.

Let all points within a reach R of a point lie on one stretch of outline whose directions stay within a right angle,
without sharp corners: then any three of them, in order, make an obtuse angle at the middle one. So a disc with a
diameter below R through the point is not the widest or the shortest way from side to side of anything: it lies in a
gentle bend, grows until it leaves the reach, and reaches less than (sqrt(2) - 1) of its radius beyond itself. The same
holds for the discs that touch its neighbours instead if it is left out, provided that the next points that stay on
either side of it are farther than R from each other. So such points may be left out, and all narrow places stay.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from litho_dl.layout.outline import Outline

SHARPEST_DEG = 60.0
SHORTEST = 0.005  # of the reach; beside shorter edges, an angle between points says little
STRAIGHT = 1e-6  # of the step; smaller components of a direction are rounding
CELLS_PER_REACH = 4
MOST_CELLS = 2**22


class _Cells(NamedTuple):
    """Square cells over the points, with a margin of `reach` cells: the cell (n,) of each point, and their number."""

    of_points: np.ndarray
    shape: tuple[int, int]
    reach: int


def may_be_narrow(outline: Outline, reach_nm: float) -> np.ndarray:
    """The points of an outline without those of plain sides.

    Args:
        outline: The sampled outline.
        reach_nm: Distance up to which points may be the ends of a narrow place; > 0.

    Returns:
        bool (n,); False for points that no narrow place touches.
    """
    cells = _cells(outline.points, reach_nm)
    kept = np.ones(len(outline.points), dtype=bool)
    for turned in (False, True):
        kept &= _beside_others(_stretches(outline, reach_nm, turned=turned), cells)
    return _without_close_gaps(outline, kept, reach_nm)


def _stretches(outline: Outline, reach_nm: float, *, turned: bool) -> np.ndarray:
    """The number (n,) of the stretch of outline that each point is on.

    Directions stay within a quadrant; or, `turned`, within one of those that are turned by 45 degrees.
    """
    ahead, behind = outline.points[outline.after] - outline.points, outline.points - outline.points[outline.before]
    along, before = np.hypot(*ahead.T), np.hypot(*behind.T)
    x, y = ahead.T
    straight = STRAIGHT * float(outline.step_nm.min())
    signs = [_last_sign(part, straight) for part in ((x + y, x - y) if turned else (x, y))]
    change = np.any([values[1:] != values[:-1] for values in (*signs, outline.loop)], axis=0)
    sharp = (ahead * behind).sum(1) < np.cos(np.deg2rad(SHARPEST_DEG)) * along * before
    short = np.minimum(along, before) < SHORTEST * reach_nm
    return np.cumsum(np.append(True, change) | sharp | short)


def _last_sign(values: np.ndarray, straight: float) -> np.ndarray:
    """The signs of values, each of those near zero that of the value before it."""
    signs = np.sign(values) * (np.abs(values) > straight)
    return signs[np.maximum.accumulate(np.where(signs != 0, np.arange(len(signs)), 0))]


def _cells(points: np.ndarray, reach_nm: float) -> _Cells:
    low, high = points.min(0), points.max(0)
    side = max(reach_nm / CELLS_PER_REACH, float(np.sqrt(np.prod(high - low) / MOST_CELLS)))
    reach = int(np.ceil(reach_nm / side))
    row, column = (np.floor((points - low) / side).astype(np.int64) + reach).T
    height, width = int(row.max()) + reach + 1, int(column.max()) + reach + 1
    return _Cells(row * width + column, (height, width), reach)


def _beside_others(stretch: np.ndarray, cells: _Cells) -> np.ndarray:
    """Whether each point has a point of another stretch within its reach, or a little farther."""
    size = cells.shape[0] * cells.shape[1]
    least, most = np.full(size, len(stretch) + 1), np.zeros(size, dtype=np.int64)
    np.minimum.at(least, cells.of_points, stretch)
    np.maximum.at(most, cells.of_points, stretch)
    around = 2 * cells.reach + 1
    least = minimum_filter(least.reshape(cells.shape), around).ravel()
    most = maximum_filter(most.reshape(cells.shape), around).ravel()
    return (least != most)[cells.of_points]


def _without_close_gaps(outline: Outline, kept: np.ndarray, reach_nm: float) -> np.ndarray:
    """The points that are kept, and those between two of them that are within reach of each other.

    The first point of a loop is kept: it lies beside the last one, which is on another stretch.
    """
    change = np.diff(np.pad(~kept, 1).astype(np.int8))
    first, end = np.flatnonzero(change > 0), np.flatnonzero(change < 0)
    apart = outline.points[first - 1] - outline.points[outline.after[end - 1]]
    close = np.hypot(*apart.T) <= reach_nm
    steps = np.zeros(len(kept) + 1, dtype=np.int64)
    steps[first[close]], steps[end[close]] = 1, -1
    return kept | (np.cumsum(steps[:-1]) > 0)
