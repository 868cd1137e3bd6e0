"""Exact distributions of width and space in rectilinear layouts, on the grid of their own coordinates."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.layout import Layout


class Distribution(NamedTuple):
    """A distribution of lengths, weighted by area.

    Attributes:
        lengths_nm: (n,), rising.
        areas_nm2: (n,), the area over which each length holds.
    """

    lengths_nm: np.ndarray
    areas_nm2: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class LayoutStatistics:
    """Statistics of a rectilinear layout's union.

    Attributes:
        polygons: Number of polygons.
        vertices: Number of vertices, holes included.
        area_nm2: Area.
        widths: Local width: at each covered point, the shorter of the horizontal and the vertical run.
        spaces: Local space: at each uncovered point, the shortest run that ends at polygons on both sides; points
            without such a run do not count.
    """

    polygons: int
    vertices: int
    area_nm2: float
    widths: Distribution
    spaces: Distribution

    def __repr__(self) -> str:
        return f"LayoutStatistics({self.polygons} polygons, {self.vertices} vertices, {self.area_nm2:,.0f} nm²)"


def layout_statistics(layout: Layout) -> LayoutStatistics:
    """The statistics of a rectilinear layout.

    Raises:
        LayoutError: The layout is empty or has slanted edges.
    """
    union = layout.merged()
    loops = [loop for polygon in union.polygons for loop in polygon.loops]
    if not loops:
        raise LayoutError(f"Expected a layout with polygons, got '{layout.name}' without any.")
    if any(((np.roll(loop, -1, axis=0) != loop).all(axis=1)).any() for loop in loops):
        raise LayoutError(f"Expected horizontal and vertical edges, got slanted ones in '{layout.name}'.")
    covered, x, y = _raster(loops)
    areas = np.outer(np.diff(y), np.diff(x))
    across, across_bounded = _runs(covered, x)
    up, up_bounded = (result.T for result in _runs(covered.T, y))
    gaps = np.minimum(np.where(across_bounded, across, np.inf), np.where(up_bounded, up, np.inf))
    bounded = ~covered & np.isfinite(gaps)
    return LayoutStatistics(
        len(union.polygons),
        sum(map(len, loops)),
        float(areas[covered].sum()),
        _distribution(np.minimum(across, up)[covered], areas[covered]),
        _distribution(gaps[bounded], areas[bounded]),
    )


def pooled(distributions: Iterable[Distribution]) -> Distribution:
    """The sum of several distributions."""
    parts = list(distributions) or [Distribution(np.zeros(0), np.zeros(0))]
    return _distribution(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _raster(loops: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coverage, bool (H, W), on the grid of all vertex coordinates, and these, x (W + 1,) and y (H + 1,)."""
    ends = np.concatenate([np.hstack([loop, np.roll(loop, -1, axis=0)]) for loop in loops])
    vertical = ends[ends[:, 0] == ends[:, 2]]
    x, y = np.unique(ends[:, 0]), np.unique(ends[:, 1])
    column = np.searchsorted(x, vertical[:, 0])
    low, high = np.searchsorted(y, np.sort(vertical[:, [1, 3]], axis=1)).T
    crossings = np.zeros((len(y), len(x)), dtype=np.int64)
    np.add.at(crossings, (low, column), 1)
    np.add.at(crossings, (high, column), -1)
    return np.cumsum(np.cumsum(crossings, axis=0), axis=1)[:-1, :-1] % 2 == 1, x, y


def _runs(covered: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Length of the horizontal run of equal cells around each cell, and whether it ends before both borders."""
    change = covered[:, 1:] != covered[:, :-1]
    start = np.full(covered.shape, x[0])
    stop = np.full(covered.shape, x[-1])
    start[:, 1:][change] = np.broadcast_to(x[1:-1], change.shape)[change]
    stop[:, :-1][change] = np.broadcast_to(x[1:-1], change.shape)[change]
    start = np.maximum.accumulate(start, axis=1)
    stop = np.minimum.accumulate(stop[:, ::-1], axis=1)[:, ::-1]
    return stop - start, (start > x[0]) & (stop < x[-1])


def _distribution(lengths: np.ndarray, areas: np.ndarray) -> Distribution:
    values, which = np.unique(np.round(lengths, 6), return_inverse=True)
    return Distribution(values, np.bincount(which.ravel(), areas.ravel(), len(values)))
