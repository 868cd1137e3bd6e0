"""Straight cuts through a layout: the parts inside polygons, and cuts across the narrowest lines and spaces."""

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from litho_dl.layout.layout import Box, Layout

if TYPE_CHECKING:
    import klayout.db as db

TOUCHING_NM = 1e-6
BORDER_NM = 1e-3
ROUNDING = 1e-9  # of a segment's length: a ray through a vertex meets one of its segments
PARALLEL_DEG = 1.0
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
    """

    start_nm: tuple[float, float]
    end_nm: tuple[float, float]
    overlap_nm: float

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


def narrowest_cuts(layout: Layout, kind: Kind, *, slack: float = 1.0, window_nm: Box | None = None) -> list[Cut]:
    """Cuts across the narrowest lines or spaces.

    Only parallel edges that face each other over at least half their distance count, up to a width of `WIDEST_NM`.

    Args:
        layout: The polygons.
        kind: "line": inside polygons; "space": between polygons, or in notches and holes.
        slack: Widths up to this multiple of the narrowest are returned; >= 1.
        window_nm: x0, y0, x1, y1 of the window that cropped the layout; edges on its border do not count.

    Returns:
        The cuts, narrowest first, then the longest, then the most central.
    """
    from litho_dl.layout import region

    units = region.units_per_nm(layout.polygons)
    drawn = region.to_region(layout.polygons, units).merged(True, 0)
    x0, y0, x1, y1 = layout.bbox_nm
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)

    def order(cut: Cut) -> tuple[float, ...]:
        middle = np.add(cut.start_nm, cut.end_nm) / 2
        keys = (cut.width_nm, -cut.overlap_nm, math.dist(middle, centre), *middle, *cut.direction)
        return tuple(round(float(key), 3) for key in keys)

    limit_nm, cuts = FIRST_LIMIT_NM, list[Cut]()
    while not cuts and limit_nm <= WIDEST_NM:
        cuts = _facing_cuts(drawn, kind, limit_nm, units, window_nm)
        limit_nm *= 2
    if not cuts:
        return []
    widest_nm = slack * min(cut.width_nm for cut in cuts) + TOUCHING_NM
    cuts = _facing_cuts(drawn, kind, widest_nm + 1, units, window_nm)
    return sorted((cut for cut in cuts if cut.width_nm <= widest_nm), key=order)


def _facing_cuts(drawn: "db.Region", kind: Kind, limit_nm: float, units: int, window_nm: Box | None) -> list[Cut]:
    """A cut through the middle of every pair of facing parallel edges closer than a limit."""
    import klayout.db as db

    check = drawn.width_check if kind == "line" else drawn.space_check
    pairs = check(round(limit_nm * units), False, db.Metrics.Projection, PARALLEL_DEG, None, None)
    cuts = []
    for pair in pairs.each():
        first, second = pair.first, pair.second
        start = ((first.x1 + first.x2) / 2 / units, (first.y1 + first.y2) / 2 / units)
        end = ((second.x1 + second.x2) / 2 / units, (second.y1 + second.y2) / 2 / units)
        start, end = sorted((start, end))
        cut = Cut(start, end, min(first.length(), second.length()) / units)
        cropped = window_nm is not None and (_on_border(start, window_nm) or _on_border(end, window_nm))
        if cut.width_nm > 0 and cut.overlap_nm >= LEAST_OVERLAP * cut.width_nm and not cropped:
            cuts.append(cut)
    return cuts


def _on_border(point_nm: tuple[float, float], window_nm: Box) -> bool:
    """True for a point on the border of the window; cuts end in the middle of edges, never in a corner."""
    (x, y), (x0, y0, x1, y1) = point_nm, window_nm
    return min(abs(x - x0), abs(x - x1), abs(y - y0), abs(y - y1)) <= BORDER_NM
