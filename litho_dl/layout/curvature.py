"""Bends of outlines, polygons or Bezier curves, that are tighter than a limit on the radius of curvature."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from litho_dl.layout.bezier import SMOOTH_TURN, BezierLoop, curvature, curve_points
from litho_dl.layout.medial import Places

SAMPLES_PER_RADIUS = 16
FEWEST_SAMPLES = 64
CHORD = 0.5  # of the radius
TOLERANCE = 0.01
CURVE_SAMPLES = 33  # of a segment
ZOOMS, ZOOM_SAMPLES = 3, 9  # around the sample of the largest curvature of a segment
SMOOTHING = 2.0  # standard deviation along the outline, of the pixel


def tight_bends(loops: Sequence[np.ndarray], limit_nm: float, *, smooth_nm: float = 0.0) -> Places:
    """Bends whose radius is below a limit, outward (convex) and inward (concave).

    The radius at a point is h / psi, where psi is the angle between the chord that ends there and the one that starts
    there, each spanning h = half the limit of arc (or an eighth of the loop, if that is less); this is exact on a
    circle. The radius is thus fitted over an arc as long as the limit: a bend of less than 0.5 rad (29 degrees) in all
    is not found, and a sharp corner of angle psi measures h / psi, not 0.

    Args:
        loops: Vertices (n, 2) in nm, the inside on the left; curves drawn with edges below a tenth of the limit.
        limit_nm: The limit; > 0.
        smooth_nm: Pixel of a staircase outline, which is first smoothed over two pixels of arc (standard deviation);
            0: no smoothing. For a limit of ten pixels or more the radius is then right to about a quarter; below that
            it is unreliable.

    Returns:
        The bends, and the least radius of each in nm, negative where the mask is concave.
    """
    boxes, radii = [], []
    for loop in loops:
        points, arc = _even(loop, limit_nm / SAMPLES_PER_RADIUS)
        if smooth_nm > 0:
            smooth = gaussian_filter1d(points, SMOOTHING * smooth_nm / arc, axis=0, mode="wrap")
            points, arc = _even(smooth, limit_nm / SAMPLES_PER_RADIUS)
        steps = max(1, round(min(CHORD * limit_nm / arc, len(points) / 8)))
        into, out = points - np.roll(points, steps, axis=0), np.roll(points, -steps, axis=0) - points
        turn = np.arctan2(into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0], (into * out).sum(1))
        for sign in (1, -1):
            tight = sign * turn * limit_nm * (1 - TOLERANCE) > steps * arc
            for run in _runs(tight, steps):
                boxes.append((*points[run].min(0), *points[run].max(0)))
                radii.append(sign * steps * arc / (sign * turn[run]).max())
    return Places(np.array(boxes).reshape(-1, 4), np.array(radii))


def tight_curves(loops: Sequence[BezierLoop], limit_nm: float) -> Places:
    """Places where the radius of curvature of Bezier curves is below a limit, by the curvature of the cubics.

    Unlike `tight_bends`, which sees polygons, this is the radius at each point, however short the bend; a knot whose
    tangent is not continuous has the radius 0. Curvature is sampled and refined around the largest sample of each
    segment. Places less than half the limit apart along the loop are one.

    Args:
        loops: The loops, the inside on the left.
        limit_nm: The limit; > 0.

    Returns:
        The places, and the least radius of each in nm, negative where the mask is concave.
    """
    boxes, radii = [], []
    for loop in loops:
        points, bend = _curve_samples(loop)
        arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        for sign in (1, -1):
            tight = np.flatnonzero(sign * bend * limit_nm * (1 - TOLERANCE) > 1)
            if not len(tight):
                continue
            gaps = np.diff(arc[tight], append=arc[tight[0]] + arc[-1])
            first = -1 - int(gaps.argmax())  # behind the widest gap, so that no place wraps around
            tight, gaps = np.roll(tight, first), np.roll(gaps, first)
            for place in np.split(tight, np.flatnonzero(gaps[:-1] > CHORD * limit_nm) + 1):
                boxes.append((*points[place].min(0), *points[place].max(0)))
                radii.append(sign / (sign * bend[place]).max())
    return Places(np.array(boxes).reshape(-1, 4), np.array(radii))


def least_radius_nm(loops: Sequence[BezierLoop]) -> float:
    """The least radius of curvature of Bezier curves, convex or concave, in nm; infinite if all are straight."""
    most = max((float(np.abs(_curve_samples(loop)[1]).max()) for loop in loops), default=0.0)
    return 1 / most if most > 0 else np.inf


def _curve_samples(loop: BezierLoop) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) along a loop of curves and the curvature there, with the largest of each segment among them."""
    at = np.tile(np.linspace(0, 1, CURVE_SAMPLES), (len(loop), 1))
    rows, step = np.arange(len(loop)), 1 / (CURVE_SAMPLES - 1)
    best = at[rows, np.abs(curvature(loop.segments, at)).argmax(1)]
    for _ in range(ZOOMS):
        near = np.clip(best[:, None] + step * np.linspace(-1, 1, ZOOM_SAMPLES), 0, 1)
        best = near[rows, np.abs(curvature(loop.segments, near)).argmax(1)]
        step *= 2 / (ZOOM_SAMPLES - 1)
    at = np.sort(np.concatenate([at, best[:, None]], axis=1), axis=1)
    bend = curvature(loop.segments, at)
    corners = np.abs(loop.turns) >= SMOOTH_TURN
    bend[corners, 0] = np.copysign(np.inf, loop.turns[corners])
    return curve_points(loop.segments, at).reshape(-1, 2), bend.ravel()


def _even(loop: np.ndarray, step_nm: float) -> tuple[np.ndarray, float]:
    """Points (n, 2) at equal steps of arc along a closed loop, and their step, `step_nm` or a little less."""
    closed = np.concatenate([loop, loop[:1]])
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(FEWEST_SAMPLES, int(np.ceil(arc[-1] / step_nm)))
    at = np.arange(count) * (arc[-1] / count)
    return np.stack([np.interp(at, arc, closed[:, axis]) for axis in (0, 1)], 1), arc[-1] / count


def _runs(tight: np.ndarray, gap: int) -> list[np.ndarray]:
    """Indices of each run of True around a loop; runs with no more than `gap` False between them are one."""
    if not tight.any():
        return []
    hits = np.flatnonzero(tight)
    spacing = np.diff(hits, append=hits[0] + len(tight))
    # Start behind the widest gap, so that no run wraps around.
    hits = np.roll(hits, -1 - int(spacing.argmax()))
    spacing = np.roll(spacing, -1 - int(spacing.argmax()))
    return np.split(hits, np.flatnonzero(spacing[:-1] > gap + 1) + 1)
