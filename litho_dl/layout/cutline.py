"""Straight cuts through a layout: where they run inside it, and the cuts of its narrowest lines and spaces."""

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from litho_dl.layout.layout import Layout

if TYPE_CHECKING:
    import klayout.db as db

TOUCHING_NM = 1e-6
FRAME_NM = 1e-3
PARALLEL_DEG = 1.0
LEAST_OVERLAP = 0.5  # of the distance: edges that face each other for less are corners
FIRST_LIMIT_NM, WIDEST_NM = 50.0, 3200.0

Kind = Literal["line", "space"]
Frame = tuple[float, float, float, float]  # x0, y0, x1, y1; nm


class Cut(NamedTuple):
    """From one drawn edge straight across to the facing one, (x, y) in nm, and how long the two run side by side."""

    start_nm: tuple[float, float]
    end_nm: tuple[float, float]
    overlap_nm: float

    @property
    def width_nm(self) -> float:
        """Distance of the two edges."""
        return math.dist(self.start_nm, self.end_nm)

    @property
    def direction(self) -> np.ndarray:
        """Unit vector (x, y) from start to end."""
        return np.subtract(self.end_nm, self.start_nm) / self.width_nm


def inside_intervals(layout: Layout, start_nm: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The parts (n, 2) of an endless straight line that run inside the union, in order, as distances from a point.

    Args:
        layout: The polygons.
        start_nm: (x, y), distance 0.
        direction: Unit vector (x, y).
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


def narrowest_cuts(layout: Layout, kind: Kind, *, slack: float = 1.0, frame_nm: Frame | None = None) -> list[Cut]:
    """Cuts across the narrowest lines or spaces, narrowest first, among equals the longest, then the most central.

    Only parallel edges that face each other over half their distance or more count. Nothing above `WIDEST_NM` is found.

    Args:
        layout: The polygons.
        kind: "line": inside polygons; "space": between or around them.
        slack: Widths up to this multiple of the narrowest are returned.
        frame_nm: x0, y0, x1, y1 of a window that the layout was cut by; edges on it are not drawn ones.
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
        cuts = _facing_cuts(drawn, kind, limit_nm, units, frame_nm)
        limit_nm *= 2
    if not cuts:
        return []
    widest_nm = slack * min(cut.width_nm for cut in cuts) + TOUCHING_NM
    cuts = _facing_cuts(drawn, kind, widest_nm + 1, units, frame_nm)
    return sorted((cut for cut in cuts if cut.width_nm <= widest_nm), key=order)


def _facing_cuts(drawn: "db.Region", kind: Kind, limit_nm: float, units: int, frame_nm: Frame | None) -> list[Cut]:
    """A cut through the middle of every pair of parallel edges closer than a limit."""
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
        framed = frame_nm is not None and (_on_frame(start, frame_nm) or _on_frame(end, frame_nm))
        if cut.width_nm > 0 and cut.overlap_nm >= LEAST_OVERLAP * cut.width_nm and not framed:
            cuts.append(cut)
    return cuts


def _on_frame(point_nm: tuple[float, float], frame_nm: Frame) -> bool:
    """True for a point on the border of the frame; cuts end in the middle of edges, never in a corner."""
    (x, y), (x0, y0, x1, y1) = point_nm, frame_nm
    return min(abs(x - x0), abs(x - x1), abs(y - y0), abs(y - y1)) <= FRAME_NM
