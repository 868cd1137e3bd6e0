"""Straight cuts through a layout: the parts inside polygons, and cuts across the narrowest lines and spaces."""

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from litho_dl.layout.edges import drawn_edges
from litho_dl.layout.layout import Box, Layout

if TYPE_CHECKING:
    import klayout.db as db

TOUCHING_NM = 1e-6
BORDER_NM = 1e-3
ROUNDING = 1e-9  # of a segment's length: a ray through a vertex meets one of its segments
PARALLEL_DEG = 1.0
CLEAR_NM = 200.0  # of a corner; nearer ones are within the optics' reach
SAME_NM = 1.0  # lengths that differ by less are equal: the ends of slanted edges are rounded to the database unit
PLACES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8)  # along facing edges, where cuts are tried
LEAST_OVERLAP = 0.5  # of the distance: edges that face each other over less are corners
PAIRS_AT_ONCE = 2**20  # of points and segments
FIRST_LIMIT_NM, WIDEST_NM = 50.0, 3200.0

Kind = Literal["line", "space"]


class Cut(NamedTuple):
    """A straight cut from one drawn edge to the facing one.

    Attributes:
        start_nm: (x, y) on one edge.
        end_nm: (x, y) on the other.
        overlap_nm: Length over which the edges face each other.
        clear_nm: Distance of its ends from the nearest corner of a polygon.
    """

    start_nm: tuple[float, float]
    end_nm: tuple[float, float]
    overlap_nm: float
    clear_nm: float

    @property
    def width_nm(self) -> float:
        """Distance between the two edges."""
        return math.dist(self.start_nm, self.end_nm)

    @property
    def direction(self) -> np.ndarray:
        """Unit vector (x, y) from start to end."""
        return np.subtract(self.end_nm, self.start_nm) / self.width_nm


def inside_intervals(layout: Layout, start_nm: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The parts of an infinite straight line that lie inside the union of a layout.

    Args:
        layout: The polygons.
        start_nm: (x, y) of a point on the line, where the distance is 0.
        direction: Unit vector (x, y) along the line.

    Returns:
        (n, 2) signed distances in nm of the start and end of each part, in order.
    """
    loops = [loop - start_nm for polygon in layout.merged().polygons for loop in polygon.loops]
    if not loops:
        return np.zeros((0, 2))
    tail, head = np.concatenate(loops), np.concatenate([np.roll(loop, -1, axis=0) for loop in loops])
    normal = np.array([-direction[1], direction[0]])
    side_tail, side_head = tail @ normal, head @ normal
    crosses = (side_tail >= 0) != (side_head >= 0)  # half open: a vertex on the line counts once
    along_tail, along_head = tail[crosses] @ direction, head[crosses] @ direction
    share = side_tail[crosses] / (side_tail - side_head)[crosses]
    places = np.sort(along_tail + share * (along_head - along_tail))
    gaps = np.diff(places)
    open_gap = np.ones(len(places), dtype=bool)
    open_gap[1:-1] = np.repeat(gaps[1::2] > TOUCHING_NM, 2)
    return places[open_gap].reshape(-1, 2)


def distances_to(segments: np.ndarray, origins_nm: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Distances from points, straight on, to the first segment met.

    Args:
        segments: (m, 4) rows x0, y0, x1, y1 in nm.
        origins_nm: (n, 2) points (x, y).
        directions: (n, 2) unit vectors (x, y).

    Returns:
        (n,) in nm; infinite where no segment is met.
    """
    found = np.full(len(origins_nm), np.inf)
    tails, along = segments[:, :2], segments[:, 2:] - segments[:, :2]
    step = max(1, PAIRS_AT_ONCE // max(len(segments), 1))
    for first in range(0, len(origins_nm) if len(segments) else 0, step):
        part = slice(first, first + step)
        ray, gap = directions[part, None], tails - origins_nm[part, None]
        with np.errstate(divide="ignore", invalid="ignore"):  # parallel to the segment
            cross = _cross(ray, along)
            share, distance = _cross(gap, ray) / cross, _cross(gap, along) / cross
        met = (share >= -ROUNDING) & (share <= 1 + ROUNDING) & (distance > 0)
        found[part] = np.where(met, distance, np.inf).min(1)
    return found


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def narrow_cuts(layout: Layout, kind: Kind, *, slack: float = 1.0, window_nm: Box | None = None) -> list[Cut]:
    """Cuts across the narrowest lines or spaces.

    Only parallel edges that face each other over at least half their distance count, up to a width of `WIDEST_NM`. A
    cut is in the middle of the facing parts, or, if a corner is within `CLEAR_NM` there, where corners are farthest.

    Args:
        layout: The polygons.
        kind: "line": inside polygons; "space": between polygons, or in notches and holes.
        slack: Widths up to this multiple of the narrowest are returned; >= 1.
        window_nm: x0, y0, x1, y1 of the window that cropped the layout; edges on its border do not count.

    Returns:
        The cuts, in no particular order.
    """
    from litho_dl.layout import region

    units = region.units_per_nm(layout.polygons)
    drawn = region.to_region(layout.polygons, units).merged(True, 0)
    limit_nm, found = FIRST_LIMIT_NM, list[_Facing]()
    while not found and limit_nm <= WIDEST_NM:
        found = _facing(drawn, kind, limit_nm, units, window_nm)
        limit_nm *= 2
    if not found:
        return []
    widest_nm = slack * min(pair.width_nm for pair in found) + SAME_NM / 2
    found = _facing(drawn, kind, widest_nm + 1, units, window_nm)
    loops = [loop for polygon in region.from_region(drawn, units) for loop in polygon.loops]
    ends = [edge.points[[0, -1]] for loop in loops for edge in drawn_edges(loop) if not edge.closed]
    corners = np.concatenate([np.zeros((0, 2)), *ends])
    return _clearest([pair for pair in found if pair.width_nm <= widest_nm], corners)


class _Facing(NamedTuple):
    """The parts (2, 2) of two parallel edges that face each other, points of equal index opposite each other."""

    first: np.ndarray
    second: np.ndarray

    @property
    def width_nm(self) -> float:
        return math.dist(self.first.mean(0), self.second.mean(0))

    @property
    def overlap_nm(self) -> float:
        return min(math.dist(*self.first), math.dist(*self.second))


def _facing(drawn: "db.Region", kind: Kind, limit_nm: float, units: int, window_nm: Box | None) -> list[_Facing]:
    """Every pair of facing parallel edges closer than a limit."""
    import klayout.db as db

    check = drawn.width_check if kind == "line" else drawn.space_check
    pairs = check(round(limit_nm * units), False, db.Metrics.Projection, PARALLEL_DEG, None, None)
    found = []
    for pair in pairs.each():
        one, two = pair.first, pair.second  # which run in opposite directions
        first = np.array([(one.x1, one.y1), (one.x2, one.y2)]) / units
        second = np.array([(two.x2, two.y2), (two.x1, two.y1)]) / units
        first, second = sorted((first, second), key=lambda part: tuple(part.mean(0)))
        facing = _Facing(first, second)
        cropped = window_nm is not None and any(_on_border(part.mean(0), window_nm) for part in facing)
        if facing.width_nm > 0 and facing.overlap_nm >= LEAST_OVERLAP * facing.width_nm and not cropped:
            found.append(facing)
    return found


def _clearest(pairs: list[_Facing], corners: np.ndarray) -> list[Cut]:
    """Cuts across facing edges, each clear of corners and as near to their middle as can be; or the clearest."""
    from scipy.spatial import cKDTree

    shares = np.array(PLACES)[:, None]
    starts, ends = (
        np.stack([pair[side][0] + shares * (pair[side][1] - pair[side][0]) for pair in pairs]) for side in (0, 1)
    )
    clear_nm = np.full(starts.shape[:2], np.inf)
    if len(corners):
        tree = cKDTree(corners)
        clear_nm = np.minimum(tree.query(starts)[0], tree.query(ends)[0])
    enough = np.minimum(CLEAR_NM, clear_nm.max(1, keepdims=True) - SAME_NM)
    best = np.argmax(clear_nm >= enough, axis=1)  # the first of `PLACES`
    return [
        Cut(
            tuple(starts[row, place].tolist()),
            tuple(ends[row, place].tolist()),
            pair.overlap_nm,
            float(clear_nm[row, place]),
        )
        for row, (pair, place) in enumerate(zip(pairs, best.tolist(), strict=True))
    ]


def _on_border(point_nm: np.ndarray, window_nm: Box) -> bool:
    """True for a point on the border of the window; cuts end in the middle of edges, never in a corner."""
    (x, y), (x0, y0, x1, y1) = point_nm, window_nm
    return min(abs(x - x0), abs(x - x1), abs(y - y0), abs(y - y1)) <= BORDER_NM
