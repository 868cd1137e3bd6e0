"""Bends of an outline that are tighter than a limit on the radius of curvature."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from litho_dl.layout.medial import Places

SAMPLES_PER_RADIUS = 16
FEWEST_SAMPLES = 64
CHORD = 0.5  # of the radius
TOLERANCE = 0.01
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
