"""Distributions of width and space: exact in rectilinear layouts, from sides that face each other in others."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from litho_dl.core.errors import LayoutError
from litho_dl.layout.cutline import distances_to
from litho_dl.layout.layout import Layout

INSET_NM = 1e-3
SAMPLES_PER_SIDE = 400  # along the longer side of a slanted layout
FACING = 0.98  # a disc that two sides hold may be this much smaller than their distance: sides within 20 degrees


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
    """Statistics of a layout's union.

    Attributes:
        polygons: Number of polygons.
        vertices: Number of vertices, holes included.
        area_nm2: Area.
        widths: Local width: at each covered point, the shorter of the horizontal and the vertical run. If edges are
            slanted: the distance between sides that face each other, weighted by the area between them.
        spaces: Local space: at each uncovered point, the shortest run that ends at polygons on both sides; points
            without such a run do not count. If edges are slanted: as for widths.
    """

    polygons: int
    vertices: int
    area_nm2: float
    widths: Distribution
    spaces: Distribution

    def __repr__(self) -> str:
        return f"LayoutStatistics({self.polygons} polygons, {self.vertices} vertices, {self.area_nm2:,.0f} nm²)"


def layout_statistics(layout: Layout) -> LayoutStatistics:
    """The statistics of a layout.

    Raises:
        LayoutError: The layout is empty.
    """
    union = layout.merged()
    loops = [loop for polygon in union.polygons for loop in polygon.loops]
    if not loops:
        raise LayoutError(f"Expected a layout with polygons, got '{layout.name}' without any.")
    if any(((np.roll(loop, -1, axis=0) != loop).all(axis=1)).any() for loop in loops):
        return LayoutStatistics(
            len(union.polygons), sum(map(len, loops)), union.area_nm2, _facing(loops, inwards=True), _facing(loops)
        )
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


def _facing(loops: list[np.ndarray], inwards: bool = False) -> Distribution:
    """Distances between sides that face each other, across the polygons or across the spaces between them."""
    starts = np.concatenate(loops)
    along = np.concatenate([np.roll(loop, -1, axis=0) for loop in loops]) - starts
    lengths = np.hypot(*along.T)
    step = np.ptp(starts, axis=0).max() / SAMPLES_PER_SIDE
    counts = np.ceil(lengths / step).astype(int)
    edge = np.repeat(np.arange(len(starts)), counts)
    place = (np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + 0.5) / counts[edge]
    points = starts[edge] + place[:, None] * along[edge]
    rays = along[edge] @ np.array([(0, 1), (-1, 0)]) / lengths[edge, None] * (1 if inwards else -1)  # left is inside
    segments = np.hstack((starts, starts + along))
    distances = INSET_NM + distances_to(segments, points + INSET_NM * rays, rays)  # not to the ray's own edge
    hit = np.flatnonzero(np.isfinite(distances))
    middles = points[hit] + rays[hit] * distances[hit, None] / 2
    nearest = cKDTree(points).query(middles)[0]
    held = hit[nearest >= FACING * distances[hit] / 2]
    return _distribution(np.round(distances[held], 3), (distances * lengths[edge] / counts[edge] / 2)[held])


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
