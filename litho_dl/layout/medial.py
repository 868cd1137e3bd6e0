"""Places where a mask, or the space between its parts, is narrower than a limit, by discs between sampled outlines.

The Delaunay triangles of points along an outline hold the largest discs that fit inside it and outside it (Blum's
medial axis): each circumscribed disc touches the outline at the triangle's three corners.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, cKDTree

from litho_dl.layout.outline import Outline, cross
from litho_dl.layout.plain_sides import may_be_narrow

SAMPLES_PER_LIMIT = 10
NEAR = 1.1  # of the limit: two points nearer than that may be the ends of a narrow place
TOLERANCE = 0.005  # of the limit; allows for circles that are drawn with 32 edges
CORNER_STEPS = 4  # samples fewer steps apart along the outline belong to one corner
TAPER_REACH = 0.75  # of half the limit; a corner of 70 degrees. A right-angled corner reaches 0.41
MERGE_DISTANCE = 0.5  # of the limit
FEWEST_POINTS = 64  # of a triangulation
SHAKE = 1e-6  # of the step: random displacement of points before triangulation


@dataclass(frozen=True, eq=False, repr=False)
class Places:
    """Places that violate a rule.

    Attributes:
        boxes_nm: (n, 4) bounding boxes x0, y0, x1, y1 in nm.
        values: (n,) the values measured there, in the unit of the rule.
    """

    boxes_nm: np.ndarray
    values: np.ndarray

    def __repr__(self) -> str:
        return f"Places({len(self.values)})"

    @classmethod
    def none(cls) -> "Places":
        """An empty set of places."""
        return cls(np.zeros((0, 4)), np.zeros(0))


@dataclass(frozen=True, eq=False)
class MedialAxis:
    """The discs that touch an outline in three points, inside and outside, where it may be narrower than a limit.

    Attributes:
        outline: The sampled outline.
        corners: (t, 3) indices of the points that each disc touches.
        neighbours: (t, 3) index of the disc across from each corner; -1: none.
        centres: (t, 2) centres in nm.
        radii: (t,) radii in nm.
        inside: (t,) True for discs inside the mask.
    """

    outline: Outline
    corners: np.ndarray
    neighbours: np.ndarray
    centres: np.ndarray
    radii: np.ndarray
    inside: np.ndarray


def medial_axis(outline: Outline, limit_nm: float) -> MedialAxis:
    """The medial axis of a sampled outline, as far as `narrow_places` needs it.

    Args:
        outline: The outline.
        limit_nm: The largest limit that `narrow_places` is asked for.

    Returns:
        The discs. Where nothing can be narrower than the limit, points of the outline are left out.
    """
    kept = np.flatnonzero(may_be_narrow(outline, NEAR * limit_nm))
    if len(kept) < FEWEST_POINTS:
        kept = np.arange(len(outline.points))
    # Many points along pixel edges lie on one circle, which makes Qhull take twice as long.
    shaken = np.random.default_rng(0).uniform(-1, 1, outline.points.shape) * (SHAKE * outline.step_nm.min())
    mesh = Delaunay((outline.points - outline.points.mean(0) + shaken)[kept])
    corners = kept[mesh.simplices]
    a, b, c = (outline.points[corners[:, k]] for k in range(3))
    u, v = b - a, c - a
    doubled_area = 2 * cross(u, v)
    with np.errstate(divide="ignore", invalid="ignore"):
        uu, vv = (u**2).sum(1), (v**2).sum(1)
        offset = np.stack([v[:, 1] * uu - u[:, 1] * vv, u[:, 0] * vv - v[:, 0] * uu], 1) / doubled_area[:, None]
    radii = np.nan_to_num(np.hypot(*offset.T), nan=np.inf)
    middle = (a + b + c) / 3
    votes = sum(outline.inward(corners[:, k], middle - outline.points[corners[:, k]]).astype(int) for k in range(3))
    return MedialAxis(outline, corners, mesh.neighbors.astype(np.int64), a + offset, radii, np.asarray(votes) >= 2)


def narrow_places(
    axis: MedialAxis, limit_nm: float, *, inside: bool, slack_nm: float = 0.0, tapering: bool = True
) -> Places:
    """Places inside the mask, or outside it, that are narrower than a limit.

    Three things count if they are below the limit by more than `TOLERANCE`: the shortest distance between two sides (a
    neck, a line, a gap, two corners); the widest disc in a part (a dot, a hole); and a disc in a part that tapers
    further than a corner of 70 degrees. Blunter corners do not count.

    Args:
        axis: The medial axis.
        limit_nm: The limit; > 0.
        inside: True for width, False for space.
        slack_nm: Additional length that a tapering part may have.
        tapering: Whether tapering parts count, as the rounded end of a printed line may be one.

    Returns:
        The places and their narrowest distance in nm; parts closer than half the limit are one place.
    """
    limit = limit_nm * (1 - TOLERANCE)
    pairs, widths = _bottlenecks(axis, limit, inside)
    small = np.flatnonzero((axis.inside == inside) & (axis.radii < limit / 2))
    widest = small[_is_widest(axis, small)]
    tapers, tips = np.zeros((0, 2, 2)), np.zeros(0)
    if tapering:
        counted = np.concatenate([pairs.ravel(), axis.corners[widest].ravel()])
        tapers, tips = _tapers(axis, small, counted, limit_nm, slack_nm)
    points = axis.outline.points
    corners = [points[pairs], points[axis.corners[widest]], tapers]
    low, high = (np.concatenate([side(corner, axis=1) for corner in corners]) for side in (np.min, np.max))
    return joined(low, high, np.concatenate([widths, 2 * axis.radii[widest], tips]), limit_nm * MERGE_DISTANCE)


def _bottlenecks(axis: MedialAxis, limit: float, inside: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of points (m, 2) whose connection is the shortest from side to side, and their distances (m,).

    No other point lies in the disc that has the connection as its diameter.
    """
    outline = axis.outline
    points = outline.points
    found = []
    for k in range(3):
        i, j, across = axis.corners[:, k - 2], axis.corners[:, k - 1], axis.neighbours[:, k]
        near = np.flatnonzero(((i < j) | (across < 0)) & (((points[i] - points[j]) ** 2).sum(1) < (NEAR * limit) ** 2))
        near = near[_free(points, i[near], j[near], axis.corners[near, k])]
        beyond = np.where(across[near] < 0, i[near], axis.corners[across[near]].sum(1) - i[near] - j[near])
        near = near[_free(points, i[near], j[near], beyond)]
        found.append(np.stack([i[near], j[near]], 1))
    pairs = np.concatenate(found)
    i, j = pairs.T
    way = points[j] - points[i]
    facing = (outline.inward(i, way) == inside) & (outline.inward(j, -way) == inside)
    facing &= outline.apart_nm(i, j) >= CORNER_STEPS * np.minimum(outline.step_nm[i], outline.step_nm[j])
    widths = np.minimum(outline.nearest_nm(i, j), outline.nearest_nm(j, i))
    kept = facing & (widths < limit)
    return pairs[kept], widths[kept]


def _free(points: np.ndarray, i: np.ndarray, j: np.ndarray, other: np.ndarray) -> np.ndarray:
    """True where a point is not inside the disc on the diameter from i to j."""
    a, b = points[i] - points[other], points[j] - points[other]
    return (a * b).sum(1) >= -1e-6 * ((points[i] - points[j]) ** 2).sum(1)


def _is_widest(axis: MedialAxis, small: np.ndarray) -> np.ndarray:
    """True for discs that are wider than their neighbours: the centre lies between the points they touch."""
    outline, corners = axis.outline, axis.corners[small]
    held = np.ones(len(small), dtype=bool)
    longest = np.zeros(len(small))
    for k in range(3):
        i, j = corners[:, k - 2], corners[:, k - 1]
        held &= _free(outline.points, i, j, corners[:, k])
        longest = np.maximum(longest, outline.apart_nm(i, j))
    return held & (longest >= CORNER_STEPS * outline.step_nm[corners[:, 0]])


def _tapers(
    axis: MedialAxis, small: np.ndarray, counted: np.ndarray, limit_nm: float, slack_nm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tapering ends that reach far beyond the last disc of the limit's size.

    Args:
        axis: The medial axis.
        small: Indices of its discs below the limit.
        counted: Indices of points of places that are counted already.
        limit_nm: The limit.
        slack_nm: Additional length that an end may have.

    Returns:
        (n, 2, 2) opposite corners of each end's box, and the diameter (n,) of its smallest disc.
    """
    part = _connected(axis, small)
    count = int(part.max(initial=-1)) + 1
    root = np.full(count, -1)
    order = np.argsort(axis.radii[small], kind="stable")
    root[part[order]] = small[order]  # the last one written, the largest, stays
    tip = np.full(count, -1)
    tip[part[order[::-1]]] = small[order[::-1]]

    points = axis.outline.points[axis.corners[small]]
    distance = np.hypot(*np.moveaxis(points - axis.centres[root[part]][:, None], -1, 0)).max(1)
    reach = np.zeros(count)
    np.maximum.at(reach, part, distance - axis.radii[root[part]])
    done = np.zeros(count, dtype=bool)
    done[part[np.isin(axis.corners[small], counted).any(1)]] = True
    long = np.flatnonzero(~done & (reach > TAPER_REACH * limit_nm / 2 + slack_nm))
    boxes = np.array([[points[part == n].min((0, 1)), points[part == n].max((0, 1))] for n in long]).reshape(-1, 2, 2)
    return boxes, 2 * axis.radii[tip[long]]


def _connected(axis: MedialAxis, small: np.ndarray) -> np.ndarray:
    """The number of the connected part that each disc belongs to; all discs are inside, or all outside."""
    index = np.full(len(axis.radii), -1)
    index[small] = np.arange(len(small))
    links = []
    for k in range(3):
        across = axis.neighbours[small, k]
        target = np.where(across >= 0, index[across], -1)
        links.append(np.stack([np.arange(len(small)), target], 1)[target >= 0])
    rows, columns = np.concatenate(links).T
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(len(small), len(small)))
    return connected_components(graph, directed=False)[1]


def joined(low: np.ndarray, high: np.ndarray, values: np.ndarray, distance_nm: float) -> Places:
    """Joins boxes whose centres are close.

    Args:
        low: (n, 2) lower left corners in nm.
        high: (n, 2) upper right corners in nm.
        values: (n,) measured values.
        distance_nm: Largest distance of two centres that are joined.

    Returns:
        The joint boxes from left to right, with the least value of each.
    """
    if not len(values):
        return Places.none()
    pairs = cKDTree((low + high) / 2).query_pairs(distance_nm, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), dtype=bool), tuple(pairs.T)), shape=(len(low), len(low)))
    count, place = connected_components(graph, directed=False)
    boxes = np.full((count, 4), np.inf)
    np.minimum.at(boxes[:, :2], place, low)
    np.minimum.at(boxes[:, 2:], place, -high)
    boxes[:, 2:] *= -1
    least = np.full(count, np.inf)
    np.minimum.at(least, place, values)
    order = np.lexsort(boxes.T[::-1])
    return Places(boxes[order], least[order])
