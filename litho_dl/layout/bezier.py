"""Outlines of cubic Bezier curves: closed loops of segments, their area, and polygons within a tolerance of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.outline import cross
from litho_dl.layout.polygon import LARGEST_COORDINATE_NM, Polygon

GRID_NM = 0.1  # of flattened polygons
ROUNDING_NM = GRID_NM / 2**0.5  # by which a vertex moves on that grid at most
MOST_VERTICES = 5_000_000  # of a loop
SMOOTH_TURN = 1e-3  # rad; tangents that turn by less at a knot are continuous
STRAIGHT = 1e-7  # of its chord: control points this close to it make a segment straight


@dataclass(frozen=True, eq=False, repr=False)
class BezierLoop:
    """A closed loop of cubic Bezier segments, the inside on the left.

    Attributes:
        segments: Control points (n, 4, 2), float64, in nm: knot, two handles, next knot. Each segment ends where the
            next one starts, the last where the first one starts.

    Raises:
        LayoutError: The control points are of another shape, not finite or beyond 1 m, or the loop is not closed.
    """

    segments: np.ndarray

    def __post_init__(self) -> None:
        try:
            segments = np.asarray(self.segments, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise LayoutError(f"Expected control points (n, 4, 2) in nm, got {self.segments!r:.60}.") from error
        if segments.ndim != 3 or segments.shape[1:] != (4, 2) or not len(segments):
            raise LayoutError(f"Expected control points of shape (n, 4, 2) in nm, got {segments.shape}.")
        if not np.abs(segments).max() <= LARGEST_COORDINATE_NM:
            raise LayoutError("Expected finite control points within 1e9 nm, got NaN, infinity or larger ones.")
        gaps = np.hypot(*(segments[:, 3] - np.roll(segments[:, 0], -1, axis=0)).T)
        if gaps.any():
            raise LayoutError(
                f"Expected a closed loop of segments, got a gap of {gaps.max():.3g} nm after segment {gaps.argmax()}."
            )
        object.__setattr__(self, "segments", segments)

    def __len__(self) -> int:
        return len(self.segments)

    def __repr__(self) -> str:
        return f"BezierLoop({len(self)} segments)"

    @cached_property
    def area_nm2(self) -> float:
        """The area inside, exactly; negative if the loop turns clockwise."""
        p, q, r, s = np.moveaxis(self.segments - self.segments[0, 0], 1, 0)
        parts = 6 * cross(p, q) + 3 * cross(p, r) + cross(p, s) + 3 * cross(q, r) + 3 * cross(q, s) + 6 * cross(r, s)
        return float(parts.sum()) / 20

    @cached_property
    def turns(self) -> np.ndarray:
        """(n,) angles in rad by which the tangent turns at the start of each segment, positive to the left."""
        into, out = np.roll(tangents(self.segments)[1], 1, axis=0), tangents(self.segments)[0]
        return np.arctan2(cross(into, out), (into * out).sum(1))

    @property
    def smooth(self) -> np.ndarray:
        """(n,) bool, whether the tangent is continuous at the start of each segment."""
        return np.abs(self.turns) < SMOOTH_TURN

    def flattened(self, tolerance_nm: float) -> np.ndarray:
        """Vertices on the curve, rounded to `GRID_NM`, whose polygon lies within a tolerance of the curve.

        A segment is cut into n equal steps of its parameter with sqrt(max |B''| / (8 d)) <= n, so that chords lie
        within d of the curve; d is the tolerance less what rounding takes.

        Args:
            tolerance_nm: The tolerance; at least `GRID_NM`.

        Returns:
            (m, 2) vertices in nm.

        Raises:
            LayoutError: The tolerance is below the grid or not finite, or too many vertices are needed.
        """
        if not GRID_NM <= tolerance_nm < np.inf:
            raise LayoutError(f"Expected a tolerance of at least the grid of {GRID_NM:g} nm, got {tolerance_nm:g} nm.")
        bend = 6 * np.hypot(*np.moveaxis(np.diff(self.segments, 2, axis=1), -1, 0)).max(1)
        steps = np.maximum(1, np.ceil(np.sqrt(bend / (8 * (tolerance_nm - ROUNDING_NM))) - STRAIGHT)).astype(int)
        steps[straight(self.segments)] = 1
        if steps.sum() > MOST_VERTICES:
            raise LayoutError(f"Expected curves that take at most {MOST_VERTICES:,} vertices, got {steps.sum():,}.")
        which = np.repeat(np.arange(len(steps)), steps)
        at = (np.arange(len(which)) - np.repeat(np.cumsum(steps) - steps, steps)) / steps[which]
        points = np.round(curve_points(self.segments[which], at[:, None])[:, 0] / GRID_NM) * GRID_NM
        different = points[np.abs(points - np.roll(points, 1, axis=0)).max(1) > GRID_NM / 2]
        return different if len(different) >= 3 else points

    def translated(self, dx_nm: float, dy_nm: float) -> "BezierLoop":
        """The loop, moved."""
        return BezierLoop(self.segments + np.array([dx_nm, dy_nm]))


@dataclass(frozen=True, eq=False, repr=False)
class BezierOutline:
    """A shape bounded by Bezier curves.

    Attributes:
        hull: The outer loop, counter-clockwise.
        holes: The loops of its holes, clockwise.
    """

    hull: BezierLoop
    holes: tuple[BezierLoop, ...] = ()

    def __repr__(self) -> str:
        return f"BezierOutline({self.segment_count} segments, {len(self.holes)} holes)"

    @property
    def loops(self) -> tuple[BezierLoop, ...]:
        """The hull, then the holes."""
        return (self.hull, *self.holes)

    @property
    def segment_count(self) -> int:
        """Number of segments of all loops."""
        return sum(map(len, self.loops))

    @property
    def area_nm2(self) -> float:
        """The area of the hull less that of the holes."""
        return sum(loop.area_nm2 for loop in self.loops)

    def flattened(self, tolerance_nm: float) -> Polygon:
        """The polygon of the loops' `BezierLoop.flattened`."""
        hull, *holes = (loop.flattened(tolerance_nm) for loop in self.loops)
        return Polygon(hull, tuple(holes))

    def translated(self, dx_nm: float, dy_nm: float) -> "BezierOutline":
        """The outline, moved."""
        hull, *holes = (loop.translated(dx_nm, dy_nm) for loop in self.loops)
        return BezierOutline(hull, tuple(holes))


def straight_loop(points: np.ndarray) -> BezierLoop:
    """The loop of straight segments through vertices (n, 2)."""
    after = np.roll(points, -1, axis=0)
    return BezierLoop(np.stack([points, (2 * points + after) / 3, (points + 2 * after) / 3, after], axis=1))


def straight(segments: np.ndarray) -> np.ndarray:
    """(n,) bool, which segments (n, 4, 2) are straight, their handles on the chord."""
    chord = segments[:, 3] - segments[:, 0]
    off = np.abs([cross(segments[:, k] - segments[:, 0], chord) for k in (1, 2)]).max(0)
    along = [((segments[:, k] - segments[:, 0]) * chord).sum(1) for k in (1, 2)]
    size = (chord**2).sum(1)
    inside = (np.min(along, axis=0) >= 0) & (np.max(along, axis=0) <= size)
    return inside & (off <= STRAIGHT * size)


def tangents(segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions (n, 2), not normalised, at the start and the end of segments (n, 4, 2); handles may have no length."""
    ends = []
    for points in (segments, segments[:, ::-1]):
        ways = points[:, 1:] - points[:, :1]
        first = (np.abs(ways).max(2) > 0).argmax(1)  # the first control point that is not the knot itself
        ends.append(ways[np.arange(len(ways)), first])
    return ends[0], -ends[1]


def curve_points(segments: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Points (n, k, 2) of segments (n, 4, 2) at parameters (n, k) or (k,) in [0, 1]."""
    t = np.broadcast_to(at, (len(segments), at.shape[-1]))[..., None]
    p, q, r, s = (segments[:, None, k] for k in range(4))
    u = 1 - t
    return u**3 * p + 3 * u**2 * t * q + 3 * u * t**2 * r + t**3 * s


def derivatives(segments: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives (n, k, 2) of segments (n, 4, 2) at parameters (n, k) or (k,)."""
    t = np.broadcast_to(at, (len(segments), at.shape[-1]))[..., None]
    a, b, c = (3 * (segments[:, None, k + 1] - segments[:, None, k]) for k in range(3))
    u = 1 - t
    return u**2 * a + 2 * u * t * b + t**2 * c, 2 * (u * (b - a) + t * (c - b))


def curvature(segments: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Signed curvature cross(B', B'') / |B'|^3 in 1 / nm, (n, k), positive to the left; infinite where B' = 0."""
    first, second = derivatives(segments, at)
    speed = np.hypot(first[..., 0], first[..., 1])
    turn = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(speed > 0, turn / speed**3, np.where(turn == 0, 0.0, np.inf * np.sign(turn)))


def segment_count(outlines: Sequence[BezierOutline]) -> int:
    """Number of segments of all outlines."""
    return sum(outline.segment_count for outline in outlines)
