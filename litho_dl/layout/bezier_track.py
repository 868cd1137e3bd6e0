"""Dense loops as tracks for curve fitting: points and tangents by arc length; corners and straight runs apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d

from litho_dl.layout.edges import CORNER_DEG

STRAIGHT_STEPS = 6  # median edges of a loop: longer edges are straight runs
STRAIGHT_TOLERANCES = 10  # likewise
WINDOW, ORDER = 9, 3  # samples and degree of the local polynomials whose derivatives are the tangents
SLOPE = np.linalg.pinv(np.vander(np.arange(WINDOW) - WINDOW // 2, ORDER + 1))[-2]  # of them at the middle sample
FEWEST_SAMPLES = 32  # of the tangents of a part


@dataclass(frozen=True)
class Part:
    """A part of a loop between corners and ends of straight runs.

    Attributes:
        loop: Number of its loop.
        start: Where it begins on the track.
        stop: Where it ends; of a closed loop after one lap.
        closed: Whether it is a whole loop without corners and straight runs; the track then holds two laps.
        straight: Whether it is one straight edge.
    """

    loop: int
    start: float
    stop: float
    closed: bool
    straight: bool


@dataclass(frozen=True, eq=False)
class Track:
    """The points of loops one after the other, as complex numbers x + i y in nm.

    Attributes:
        parts: The parts, in order.
        at: (n,) increasing places of the points, by arc length in nm.
        points: (n,) the vertices.
        tangent_at: (m,) increasing places of the tangents.
        tangents: (m,) their directions.
    """

    parts: tuple[Part, ...]
    at: np.ndarray
    points: np.ndarray
    tangent_at: np.ndarray
    tangents: np.ndarray

    def points_at(self, place: np.ndarray) -> np.ndarray:
        """Points of the polygons at places of any shape."""
        return np.interp(place, self.at, self.points)

    def directions_at(self, place: np.ndarray) -> np.ndarray:
        """Unit tangents at places inside parts."""
        found = np.interp(place, self.tangent_at, self.tangents)
        return found / np.maximum(np.abs(found), 1e-300)


def track_of(loops: Sequence[np.ndarray], tolerance_nm: float) -> Track:
    """The track of closed loops.

    Args:
        loops: Vertices (n, 2) in nm.
        tolerance_nm: The tolerance that the loops are to be fitted within.

    Returns:
        The track.
    """
    parts: list[Part] = []
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    begin = 0.0
    for number, loop in enumerate(loops):
        for points, ends, straight in _cut(loop @ np.array([1, 1j]), tolerance_nm):
            closed = ends is None
            at = begin + np.concatenate([[0.0], np.cumsum(np.abs(np.diff(points)))])
            tangent_at, tangents = _tangents(at, points, ends)
            parts.append(Part(number, begin, float(at[-1]), closed, straight))
            if closed:
                lap = at[-1] - begin
                at, points = np.concatenate([at, at[1:] + lap]), np.concatenate([points, points[1:]])
                tangent_at = np.concatenate([tangent_at, tangent_at[1:] + lap])
                tangents = np.concatenate([tangents, tangents[1:]])
            rows.append((at, points, tangent_at, tangents))
            begin = float(at[-1]) + 1.0
    columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
    return Track(tuple(parts), *columns)


Ends = tuple[complex, complex]  # directions at the two ends of a part; 0: to be found


def _cut(loop: np.ndarray, tolerance_nm: float) -> list[tuple[np.ndarray, Ends | None, bool]]:
    """Points of each part of a loop, directions at its ends (None: it is closed), and whether it is straight."""
    ways = np.roll(loop, -1) - loop  # edge k leads from vertex k
    lengths = np.abs(ways)
    turn = np.abs(np.angle(ways * np.roll(ways, 1).conj()))
    passed_by = np.minimum(lengths, np.roll(lengths, 1)) * np.sin(turn / 2) / 4  # of a curve from middle to middle
    corner = (turn > np.deg2rad(CORNER_DEG)) & (passed_by > tolerance_nm)
    long = lengths > max(STRAIGHT_STEPS * float(np.median(lengths)), STRAIGHT_TOLERANCES * tolerance_nm)
    long |= corner & np.roll(corner, -1)
    cuts = np.flatnonzero(corner | long | np.roll(long, 1))
    if not len(cuts):
        return [(np.append(loop, loop[0]), None, False)]
    found: list[tuple[np.ndarray, Ends | None, bool]] = []
    for first, last in zip(cuts.tolist(), [*cuts[1:].tolist(), int(cuts[0]) + len(loop)], strict=True):
        points = loop[np.arange(first, last + 1) % len(loop)]
        before, after = (first - 1) % len(loop), last % len(loop)
        start = ways[before] if long[before] and not corner[first] else 0j
        stop = ways[after] if long[after] and not corner[after] else 0j
        found.append((points, (start, stop), last == first + 1))
    return found


def _tangents(at: np.ndarray, points: np.ndarray, ends: Ends | None) -> tuple[np.ndarray, np.ndarray]:
    """Places and directions of tangents along a part, by local cubic polynomials; those of given ends are kept."""
    if len(points) == 2:
        way = points[1] - points[0]
        return at, np.array([way, way])
    count = max(FEWEST_SAMPLES, len(points))
    places = np.linspace(at[0], at[-1], count + 1)
    samples = np.interp(places, at, points)
    if ends is None:
        found = correlate1d(samples[:-1], SLOPE, mode="wrap")
        return places, np.append(found, found[0])
    padded = np.pad(samples, WINDOW, "reflect", reflect_type="odd")
    found = correlate1d(padded, SLOPE)[WINDOW:-WINDOW]
    for index, way in zip((0, -1), ends, strict=True):
        if way:
            found[index] = way / abs(way)
    return places, found
