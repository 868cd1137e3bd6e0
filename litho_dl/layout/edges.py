"""Drawn edges: the parts of polygons' outlines between their corners, straight or curved, at any angle."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from litho_dl.layout.polygon import Polygon

CORNER_DEG = 36.0  # sharper turns of an outline are corners; curves of 12 or more points a turn have none
CHORD_NM = 8.0  # over which the direction of a curve is taken
GRIDS_NM = (10.0, 5.0, 2.0, 1.0, 0.5, 0.25, 0.1, 0.05, 0.01)  # usual database units
ON_GRID = 1e-6  # of a step
SHORT_STEPS = 4  # of the grid: the direction of shorter segments is doubtful, as their ends are rounded to it


@dataclass(frozen=True, eq=False)
class Edge:
    """An edge: a straight or gently turning part of an outline, with the inside on its left.

    Attributes:
        points: (n, 2) vertices (x, y) in nm from its start to its end; of a closed edge, the first is repeated.
        arcs: (n,) distances of the vertices from the start along the edge, in nm.
        closed: Whether it is a whole outline without corners.
        convex: Whether its start and its end are convex corners; (False, False) if it is closed.
    """

    points: np.ndarray
    arcs: np.ndarray
    closed: bool
    convex: tuple[bool, bool]

    @property
    def length_nm(self) -> float:
        """Length along the edge."""
        return float(self.arcs[-1])

    @property
    def straight(self) -> bool:
        """Whether it is a single segment."""
        return len(self.points) == 2

    def at(self, arcs_nm: np.ndarray) -> np.ndarray:
        """Points (k, 2) at distances (k,) from the start; those of a closed edge are periodic."""
        arcs = arcs_nm % self.length_nm if self.closed else arcs_nm
        return np.stack([np.interp(arcs, self.arcs, self.points[:, axis]) for axis in (0, 1)], axis=1)

    def normals(self, arcs_nm: np.ndarray) -> np.ndarray:
        """Outward unit normals (k, 2) at distances (k,) from the start, perpendicular to chords of a curve."""
        reach = np.full(len(arcs_nm), CHORD_NM / 2)
        if not self.closed:
            reach = np.minimum(reach, np.maximum(np.minimum(arcs_nm, self.length_nm - arcs_nm), 1e-3))
        ahead, behind = (self.points[1:], self.points[:1]) if self.straight else (arcs_nm + reach, arcs_nm - reach)
        along = ahead - behind if self.straight else self.at(ahead) - self.at(behind)
        outwards = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
        return np.broadcast_to(outwards, (len(arcs_nm), 2))


def is_manhattan(polygons: Iterable[Polygon]) -> bool:
    """Whether all edges of polygons are parallel to x or y."""
    return all(_axis_parallel(loop) for polygon in polygons for loop in polygon.loops)


def drawn_edges(loop: np.ndarray) -> list[Edge]:
    """Cuts an outline at its corners.

    Args:
        loop: (n, 2) vertices (x, y) in nm of a closed outline with the inside on its left, no two neighbours equal.

    Returns:
        The edges, in order; a single closed one for an outline without corners.
    """
    into, out, turn = _directions(loop)
    (corners,) = np.nonzero(np.abs(turn) > np.deg2rad(CORNER_DEG))
    short_nm = SHORT_STEPS * _grid_nm(loop)
    short = np.minimum(np.hypot(*into.T), np.hypot(*out.T)) < short_nm
    if short[corners].any() and not _axis_parallel(loop):
        turn = np.where(short, _chord_turns(loop, 2 * short_nm), turn)
        (corners,) = np.nonzero(np.abs(turn) > np.deg2rad(CORNER_DEG))
    if not len(corners):
        return [_edge(np.vstack([loop, loop[:1]]), closed=True, convex=(False, False))]
    edges = []
    for start, end in zip(corners, np.roll(corners, -1), strict=True):
        count = (end - start - 1) % len(loop) + 2
        points = loop[(start + np.arange(count)) % len(loop)]
        edges.append(_edge(points, closed=False, convex=(bool(turn[start] > 0), bool(turn[end] > 0))))
    return edges


def _edge(points: np.ndarray, *, closed: bool, convex: tuple[bool, bool]) -> Edge:
    lengths = np.hypot(*np.diff(points, axis=0).T)
    return Edge(points, np.concatenate(([0.0], np.cumsum(lengths))), closed, convex)


def _axis_parallel(loop: np.ndarray) -> bool:
    return bool((np.roll(loop, -1, axis=0) == loop).any(axis=1).all())


def _grid_nm(loop: np.ndarray) -> float:
    """The coarsest of `GRIDS_NM` that all vertices lie on; 0 if there is none."""
    return next((grid for grid in GRIDS_NM if np.abs(loop / grid - np.rint(loop / grid)).max() < ON_GRID), 0.0)


def _directions(loop: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Segments into and out of each vertex, (n, 2), and the turn to the left between them, (n,) in radians."""
    out = np.roll(loop, -1, axis=0) - loop
    into = np.roll(out, 1, axis=0)
    return into, out, _angle(into, out)


def _angle(into: np.ndarray, out: np.ndarray) -> np.ndarray:
    return np.arctan2(into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0], (into * out).sum(1))


def _chord_turns(loop: np.ndarray, chord_nm: float) -> np.ndarray:
    """The turn at each vertex between chords before and after it; of vertices nearer than one only the sharpest."""
    outline = _edge(np.vstack([loop, loop[:1]]), closed=True, convex=(False, False))
    arcs = outline.arcs[:-1]
    turn = _angle(loop - outline.at(arcs - chord_nm), outline.at(arcs + chord_nm) - loop)
    sharpest = np.abs(turn)
    for step in range(1, len(loop)):
        near = (np.roll(arcs, -step) - arcs) % outline.length_nm < chord_nm  # to the vertex that many places further
        if not near.any():
            break
        ahead = np.where(near, np.abs(np.roll(turn, -step)), 0)
        behind = np.where(np.roll(near, step), np.abs(np.roll(turn, step)), 0)
        sharpest = np.maximum(sharpest, np.maximum(ahead, behind))
    return np.where(np.abs(turn) >= sharpest, turn, 0.0)
