"""Outlines of masks as points along their edges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SAMPLES_PER_LOOP = 32  # at least, so that small dots stay round
NUDGE = 1e-5  # of the step: by which outlines that touch in a point are separated


@dataclass(frozen=True, eq=False)
class Outline:
    """Points along closed loops with the inside on the left.

    Attributes:
        points: (n, 2) x, y in nm.
        before: (n,) index of the point before each.
        after: (n,) index of the point after each.
        arc_nm: (n,) length along the loop up to each point.
        loop: (n,) number of the loop.
        loop_nm: (n,) length of the point's loop.
        step_nm: (n,) longest step of the point's loop.
    """

    points: np.ndarray
    before: np.ndarray
    after: np.ndarray
    arc_nm: np.ndarray
    loop: np.ndarray
    loop_nm: np.ndarray
    step_nm: np.ndarray

    def apart_nm(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Length along the outline between points, the shorter way around.

        Args:
            i: Indices (n,) of points.
            j: Indices (n,) of other points.

        Returns:
            (n,) in nm; infinite for points of different loops.
        """
        way = np.abs(self.arc_nm[i] - self.arc_nm[j])
        return np.where(self.loop[i] == self.loop[j], np.minimum(way, self.loop_nm[i] - way), np.inf)

    def inward(self, i: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Whether directions lead into the mask.

        Args:
            i: Indices (n,) of points.
            direction: (n, 2) vectors from these points.

        Returns:
            bool (n,).
        """
        ahead, behind = self.points[self.after[i]] - self.points[i], self.points[self.before[i]] - self.points[i]
        convex = (cross(ahead, direction) > 0) & (cross(direction, behind) > 0)
        reflex = (cross(behind, direction) < 0) | (cross(direction, ahead) < 0)
        return np.where(cross(ahead, behind) > 0, convex, reflex)

    def nearest_nm(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Distance of points from the pieces of outline beside other points.

        Args:
            i: Indices (n,) of points.
            j: Indices (n,) of the others.

        Returns:
            (n,) in nm.
        """
        p, q = self.points[i], self.points[j]
        return np.minimum(_to_segment(p, q, self.points[self.after[j]]), _to_segment(p, q, self.points[self.before[j]]))


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product (...) of vectors (..., 2): positive where b is to the left of a."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _to_segment(p: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    along = b - a
    t = np.clip(((p - a) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-300), 0, 1)
    return np.hypot(*(a + t[..., None] * along - p).T)


def neighbours(counts: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points before and after each point of closed loops that follow each other in one array.

    Args:
        counts: Number of points of each loop; >= 1.

    Returns:
        Indices (n,) of the points before, and of those after.
    """
    ends = np.cumsum(counts)
    first, last = ends - counts, ends - 1
    before, after = np.arange(-1, ends[-1] - 1), np.arange(1, ends[-1] + 1)
    before[first], after[last] = last, first
    return before, after


def sampled_outline(loops: Sequence[np.ndarray], step_nm: float) -> Outline:
    """Samples closed loops: all vertices, and points between them.

    Args:
        loops: Vertices (n, 2) in nm of each loop, the inside on the left; at least one loop.
        step_nm: Longest step between points; shorter on loops with fewer than `SAMPLES_PER_LOOP` steps.

    Returns:
        The points.
    """
    vertices = np.concatenate(loops)
    counts = [len(loop) for loop in loops]
    owner = np.repeat(np.arange(len(loops)), counts)
    edge = vertices[neighbours(counts)[1]] - vertices
    length = np.hypot(*edge.T)
    around = np.bincount(owner, length)
    step = np.minimum(step_nm, around / SAMPLES_PER_LOOP)

    pieces = np.maximum(np.ceil(length / step[owner] - 1e-9), 1).astype(np.int64)
    source = np.repeat(np.arange(len(vertices)), pieces)
    part = (np.arange(len(source)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[source]
    loop = owner[source]
    before, after = neighbours(np.bincount(loop))
    first = np.searchsorted(loop, np.arange(len(loops)))
    arc = (np.cumsum(length) - length)[source] + part * length[source]
    points = _drawn_apart(vertices[source] + part[:, None] * edge[source], before, after, step.min() * NUDGE)
    return Outline(points, before, after, arc - arc[first][loop], loop, around[loop], step[loop])


def _drawn_apart(points: np.ndarray, before: np.ndarray, after: np.ndarray, distance: float) -> np.ndarray:
    """The points, those that coincide moved slightly into their own polygons."""
    i = _repeated(np.rint(points / distance))
    if not len(i):
        return points
    ahead, behind = points[after[i]] - points[i], points[before[i]] - points[i]
    inward = ahead / np.hypot(*ahead.T)[:, None] + behind / np.hypot(*behind.T)[:, None]
    inward *= np.where(cross(ahead, behind) < 0, -1, 1)[:, None]
    moved = points.copy()
    moved[i] += 4 * distance * inward
    return moved


def _repeated(places: np.ndarray) -> np.ndarray:
    """Indices, rising, of the places (n, 2) that occur more than once."""
    order = np.lexsort(places.T)
    equal = (places[order[1:]] == places[order[:-1]]).all(1)
    return np.sort(order[np.append(equal, False) | np.append(False, equal)])
