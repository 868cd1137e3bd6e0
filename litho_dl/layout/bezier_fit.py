"""Dense outlines as Bezier curves of few segments within a tolerance.

Along each loop, each segment reaches as far as it fits, from several first knots; how far that is, is found by
bisection, for all loops of a mask at once.

Source: P. J. Schneider, An Algorithm for Automatically Fitting Digitized Curves, Graphics Gems (1990), for the least
squares of one segment with given end tangents.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.bezier import GRID_NM, BezierLoop, BezierOutline, straight_loop
from litho_dl.layout.bezier_track import Part, Track, track_of
from litho_dl.layout.curves import crossing
from litho_dl.layout.polygon import Polygon

KNOTS = 128  # at most, that are tried along a part
FEWEST_KNOTS = 16
STARTS = 6  # around a loop, of paths of segments, each as long as fits
SAMPLES = 20  # of a segment in the search
CHECKED = 33  # of a segment in the check, besides all vertices
SHARE = 0.95  # of the tolerance, for the samples of the search
ROUNDS, FINAL_ROUNDS = 3, 6  # of least squares and Newton steps of the parameters
ALONG = 0.02  # weight of residuals along the curve, which its parameters take up; across it, 1
SHORTEST = 0.05  # handle, of the length of its span: shorter ones make cusps, as do two longer than the span
HALVINGS = 5  # of the tolerance, as long as loops cross
BENDS = np.linspace(0, 1, 25)  # parameters where the curvature of a segment is held to the least radius
RADIUS_SLACK = 1.02  # times the least radius, as between these parameters curves are a little more bent
SHORTEST_BEND = 0.3  # of the least radius: shorter spans are not divided further to lessen their curvature


@dataclass(frozen=True)
class _Limits:
    """What a segment must keep: its largest distance from the polygon, and its largest curvature in 1/nm."""

    tolerance_nm: float
    most_bent: float

    @classmethod
    def of(cls, tolerance_nm: float, least_radius_nm: float) -> "_Limits":
        return cls(tolerance_nm, 1 / (RADIUS_SLACK * least_radius_nm) if least_radius_nm > 0 else np.inf)


def fit_outlines(
    polygons: Sequence[Polygon], tolerance_nm: float, least_radius_nm: float = 0.0
) -> tuple[BezierOutline, ...]:
    """Bezier outlines of dense polygons, such as contours of smooth functions, of few segments.

    Outline and polygon lie within the tolerance of each other, as checked at all vertices and at points of the curve
    between them. Tangents are continuous but at corners, vertices that turn by more than `edges.CORNER_DEG` and that a
    smooth curve would pass by at more than the tolerance; an edge that is much longer than those of its loop becomes
    one straight segment. Outlines whose loops would cross or meet others are fitted with half the tolerance, and so
    on; after `HALVINGS` they have straight segments.

    Args:
        polygons: Polygons that do not overlap.
        tolerance_nm: The tolerance; > 0.
        least_radius_nm: The least radius of curvature of the curves, for polygons that keep it themselves; see
            `curves.evened`. 0: no limit.

    Returns:
        The outlines in the same order.

    Raises:
        LayoutError: The tolerance is not positive and finite.
    """
    if not 0 < tolerance_nm < np.inf:
        raise LayoutError(f"Expected a tolerance above zero, got {tolerance_nm:g} nm.")
    result = _fitted(polygons, _Limits.of(tolerance_nm, least_radius_nm))
    for halving in range(1, HALVINGS + 1):
        pending = crossing([outline.flattened(GRID_NM) for outline in result])
        if not pending:
            break
        parts = [polygons[n] for n in pending]
        exact = halving == HALVINGS
        limits = _Limits.of(tolerance_nm / 2**halving, least_radius_nm)
        again = list(map(_polygon_outline, parts)) if exact else _fitted(parts, limits)
        for n, outline in zip(pending, again, strict=True):
            result[n] = outline
    return tuple(result)


def _polygon_outline(polygon: Polygon) -> BezierOutline:
    """The straight edges of a polygon."""
    hull, *holes = map(straight_loop, polygon.loops)
    return BezierOutline(hull, tuple(holes))


def _fitted(polygons: Sequence[Polygon], limits: _Limits) -> list[BezierOutline]:
    """The outlines, whether or not they cross."""
    loops = [loop for polygon in polygons for loop in polygon.loops]
    if not loops:
        return []
    track = track_of(loops, limits.tolerance_nm)
    curved = [part for part in track.parts if not part.straight]
    spans = [np.array([[part.start, part.stop]]) for part in track.parts if part.straight]
    spans += _fewest_spans(track, curved, replace(limits, tolerance_nm=limits.tolerance_nm * SHARE))
    segments, start = _checked(track, np.concatenate(spans), limits)
    order = np.argsort(start, kind="stable")
    starts = np.array([part.start for part in track.parts])
    owner = np.array([part.loop for part in track.parts])[np.searchsorted(starts, start[order], side="right") - 1]
    several = iter([_closed(segments[order[owner == n]]) for n in range(len(loops))])
    made = ([next(several) for _ in polygon.loops] for polygon in polygons)
    return [BezierOutline(hull, tuple(holes)) for hull, *holes in made]


def _closed(segments: np.ndarray) -> BezierLoop:
    """The loop of complex segments (n, 4), each ended exactly where the next one starts."""
    segments[:, 3] = np.roll(segments[:, 0], -1)
    return BezierLoop(np.stack([segments.real, segments.imag], axis=-1))


def _fewest_spans(track: Track, parts: Sequence[Part], limits: _Limits) -> list[np.ndarray]:
    """Spans (n, 2) on the track, as few as the search finds, that single segments fit, for each part."""
    if not parts:
        return []
    knots, counts = [], []
    for part in parts:
        inside = int(np.searchsorted(track.at, part.stop) - np.searchsorted(track.at, part.start))
        counts.append(min(KNOTS, max(FEWEST_KNOTS, inside)))
        places = np.linspace(part.start, part.stop, counts[-1] + 1)
        knots.append(np.append(places, places[1:] + (part.stop - part.start)) if part.closed else places)
    reach = _reach_where_needed(track, parts, knots, np.array(counts), limits)
    spans = []
    for places, own, part in zip(knots, reach, parts, strict=True):
        path = _around(own) if part.closed else _along(own)
        spans.append(np.stack([places[path[:-1]], places[path[1:]]], axis=1))
    return spans


def _reach_where_needed(
    track: Track, parts: Sequence[Part], knots: Sequence[np.ndarray], counts: np.ndarray, limits: _Limits
) -> list[list[int]]:
    """For each part the last knot that one segment reaches from each knot; -1 where no path comes by.

    Paths begin at the first knot of an open part, and at `STARTS` knots of a loop.
    """
    places = np.concatenate(knots)
    first = np.cumsum([0, *map(len, knots[:-1])])
    closed = np.array([part.closed for part in parts])
    reach = np.full(len(places), -1)
    steps = np.where(closed, -(-counts // STARTS), counts)
    starts = [np.arange(0, count, step) for count, step in zip(counts, steps, strict=True)]
    owner = np.repeat(np.arange(len(parts)), list(map(len, starts)))
    needed = np.concatenate(starts)
    while len(needed):
        begin = first[owner] + needed
        ends = first[owner] + np.where(closed[owner], needed + counts[owner] // 2, counts[owner])
        reach[begin] = _reach(track, places, begin, ends, limits)
        following = reach[begin] - first[owner]
        following = np.where(closed[owner], following % counts[owner], following)
        index, row = np.unique(first[owner] + following, return_index=True)
        new = (reach[index] < 0) & (closed[owner[row]] | (following[row] < counts[owner[row]]))
        owner, needed = owner[row[new]], following[row[new]]
    own = np.split(reach, first[1:])
    return [
        np.where(part >= 0, part - begin, -1)[:count].tolist()
        for part, begin, count in zip(own, first, counts, strict=True)
    ]


def _along(reach: list[int]) -> list[int]:
    """Knots from the first to the last one, each as far as the one before reaches."""
    path = [0]
    while path[-1] < len(reach):
        path.append(reach[path[-1]])
    return path


def _around(reach: list[int]) -> list[int]:
    """Knots once around, from the known knot that needs the fewest; of these the one whose last segment is longest."""
    count = len(reach)
    paths = []
    for start in (knot for knot in range(count) if reach[knot] >= 0):
        path = [start]
        while path[-1] < start + count:
            here, laps = path[-1] % count, path[-1] // count * count
            path.append(min(reach[here] + laps, start + count))
        paths.append(path)
    return min(paths, key=lambda path: (len(path), path[-2] - path[-1]))


def _reach(track: Track, places: np.ndarray, starts: np.ndarray, ends: np.ndarray, limits: _Limits) -> np.ndarray:
    """The last knot up to which one segment fits from each start, by bisection up to `ends`; at least the next one."""
    low, high = starts + 1, ends.copy()
    while (open_ := np.flatnonzero(low < high)).size:
        middle = (low[open_] + high[open_] + 1) // 2
        spans = np.stack([places[starts[open_]], places[middle]], axis=1)
        at = spans[:, :1] + (spans[:, 1:] - spans[:, :1]) * np.linspace(0, 1, SAMPLES)
        segments, _, error = _least_squares(track, at, ROUNDS)
        fits = (error <= limits.tolerance_nm) & ~_too_bent(segments, at, limits)
        low[open_] = np.where(fits, middle, low[open_])
        high[open_] = np.where(fits, high[open_], middle - 1)
    return low


def _checked(track: Track, spans: np.ndarray, limits: _Limits) -> tuple[np.ndarray, np.ndarray]:
    """Complex segments (n, 4) of spans (n, 2), which are halved until they fit, and where they start on the track."""
    done, starts = [], []
    while len(spans):
        at = _places(track, spans)
        segments, parameters, error = _least_squares(track, at, FINAL_ROUNDS)
        error = np.maximum(error, _beside(track, at, segments, parameters))
        inside = np.searchsorted(track.at, spans[:, 1]) - np.searchsorted(track.at, spans[:, 0], side="right")
        edge = (inside == 0) & (error > limits.tolerance_nm)  # part of one edge, which is straight
        ends = track.points_at(spans[edge])
        segments[edge] = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * (np.arange(4) / 3)
        fits = edge | ((error <= limits.tolerance_nm) & ~_too_bent(segments, at, limits))
        done.append(segments[fits])
        starts.append(spans[fits, 0])
        (a, b) = spans[~fits].T
        middle = (a + b) / 2
        spans = np.concatenate([np.stack([a, middle], axis=1), np.stack([middle, b], axis=1)])
    return np.concatenate(done), np.concatenate(starts)


def _too_bent(segments: np.ndarray, at: np.ndarray, limits: _Limits) -> np.ndarray:
    """Which complex segments (n, 4) of places (n, k) are bent too much, (n,) bool; short ones may be."""
    if np.isinf(limits.most_bent):
        return np.zeros(len(segments), dtype=bool)
    first, second = _derivatives(segments, np.broadcast_to(BENDS, (len(segments), len(BENDS))))
    bend = np.abs((first.conj() * second).imag) > limits.most_bent * np.abs(first) ** 3
    return bend.any(1) & (at[:, -1] - at[:, 0] > SHORTEST_BEND / limits.most_bent)


def _places(track: Track, spans: np.ndarray) -> np.ndarray:
    """Places (n, k) in spans (n, 2): all vertices and even samples; shorter rows repeat their ends."""
    first = np.searchsorted(track.at, spans[:, 0], side="right")
    last = np.searchsorted(track.at, spans[:, 1])
    index = first[:, None] + np.arange(max(1, int((last - first).max())))
    vertices = track.at[np.minimum(index, len(track.at) - 1)]
    vertices = np.where(index < last[:, None], vertices, spans[:, 1:])
    even = spans[:, :1] + (spans[:, 1:] - spans[:, :1]) * np.linspace(0, 1, CHECKED)
    return np.sort(np.concatenate([even, vertices], axis=1), axis=1)


def _least_squares(track: Track, at: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Segments of least squares through the ends of places (n, k), with the track's tangents there.

    Returns:
        Complex control points (n, 4), parameters (n, k) of the places, and the largest distances (n,) of these.
    """
    points = track.points_at(at)
    eps = 1e-9 * (at[:, -1] - at[:, 0])
    first, last = points[:, 0], points[:, -1]
    way = track.directions_at(at[:, 0] + eps), -track.directions_at(at[:, -1] - eps)
    length = np.maximum(at[:, -1] - at[:, 0], 1e-300)
    t = (at - at[:, :1]) / length[:, None]
    normal = np.ones_like(points)
    along = 1.0
    for _ in range(rounds):
        u = 1 - t
        b1, b2 = 3 * t * u**2, 3 * t**2 * u
        rest = (points - first[:, None] * (u**3 + b1) - last[:, None] * (t**3 + b2)) * normal
        one, two = b1 * (way[0][:, None] * normal), b2 * (way[1][:, None] * normal)
        c00, c01, c11 = _dot(one, one, along), _dot(one, two, along), _dot(two, two, along)
        x0, x1 = _dot(one, rest, along), _dot(two, rest, along)
        size = c00 * c11 - c01**2
        with np.errstate(divide="ignore", invalid="ignore"):
            handles = np.stack([(x0 * c11 - x1 * c01) / size, (x1 * c00 - x0 * c01) / size])
        good = (handles > SHORTEST * length).all(0) & (handles.sum(0) < length)
        handles = np.where(good, handles, np.abs(last - first) / 3)
        segments = np.stack([first, first + handles[0] * way[0], last + handles[1] * way[1], last], axis=1)
        t, tangent = _projected(segments, points, t)
        normal, along = tangent.conj() / np.maximum(np.abs(tangent), 1e-300), ALONG
    return segments, t, np.abs(_on(segments, t) - points).max(1)


def _dot(one: np.ndarray, two: np.ndarray, along: float) -> np.ndarray:
    """Sums (n,) of products of rows of complex numbers (n, k), those of real parts with a weight."""
    return along * np.einsum("nk,nk->n", one.real, two.real) + np.einsum("nk,nk->n", one.imag, two.imag)


def _on(segments: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points (n, k) of complex segments (n, 4) at parameters (n, k)."""
    p, q, r, s = (segments[:, k, None] for k in range(4))
    a, b, c = 3 * (q - p), 3 * (r - 2 * q + p), s - 3 * (r - q) - p
    return p + t * (a + t * (b + t * c))


def _derivatives(segments: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives (n, k) of complex segments (n, 4) by the parameter, at parameters (n, k)."""
    p, q, r, s = (segments[:, k, None] for k in range(4))
    a, b, c = 3 * (q - p), 3 * (r - 2 * q + p), s - 3 * (r - q) - p
    return a + t * (2 * b + 3 * t * c), 2 * b + 6 * t * c


def _projected(segments: np.ndarray, points: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parameters one Newton step closer to the nearest points of the curve, in order, and tangents; the ends stay."""
    off = _on(segments, t) - points
    first, second = _derivatives(segments, t)
    slope = (first * first.conj()).real
    curved = slope + (off * second.conj()).real
    step = (off * first.conj()).real / np.where(curved > 0.1 * slope, curved, np.maximum(slope, 1e-300))
    t = np.clip(t - step, 0, 1)
    t[:, 0], t[:, -1] = 0, 1
    return np.maximum.accumulate(t, axis=1), first


def _beside(track: Track, at: np.ndarray, segments: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The largest distance (n,) of the curve, midway between the parameters of places, from the polygon's edges."""
    points = track.points_at(at)
    a, way = points[:, :-1], np.diff(points, axis=1)
    middle = _on(segments, (t[:, 1:] + t[:, :-1]) / 2)
    share = ((middle - a) * way.conj()).real / np.maximum(np.abs(way) ** 2, 1e-300)
    return np.abs(middle - a - np.clip(share, 0, 1) * way).max(1)
