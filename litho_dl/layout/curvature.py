"""Bends of outlines, polygons or Bezier curves, that are tighter than a limit on the radius of curvature."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import correlate1d, gaussian_filter1d

from litho_dl.layout.bezier import SMOOTH_TURN, BezierLoop, curvature, curve_points
from litho_dl.layout.medial import Places

SAMPLES_PER_RADIUS = 24
FEWEST_SAMPLES = 64
CHORD = 0.5  # of the limit
LEAST_TURN = 0.5  # of the limit's: less is the swing of a fit beside a corner
REACH, REACH_NM = 0.6, 2.5  # of a fit to either side: a share of the limit, and 25 steps of a grid of 0.1 nm
ORDER = 4
TOLERANCE = 0.01
CURVE_SAMPLES = 33  # of a segment
ZOOMS, ZOOM_SAMPLES = 3, 9  # around the sample of the largest curvature of a segment
SMOOTHING = 2.0  # standard deviation along the outline, of the pixel


def tight_bends(loops: Sequence[np.ndarray], limit_nm: float, *, smooth_nm: float = 0.0) -> Places:
    """Bends whose radius is below a limit, outward (convex) and inward (concave).

    The curvature of drawn outlines is that of polynomials of fourth order, x and y of the arc, fitted around each point
    over 0.6 times the limit and 2.5 nm to either side. On circles and ellipses with a vertex every nm (every twentieth
    of a limit below 20 nm), rounded to 0.1 nm, radii from half the limit on are right to 3 %, at worst to 6 %, for
    limits of 20 nm or more, to 9 % at 10 nm and to 16 % at 5 nm, where rounding is what remains. At rounded corners,
    whose curvature jumps, they are up to 5 % too small, below 0.7 of the limit up to 15 %. Sharp corners count from 30
    degrees on (40 degrees for limits below 10 nm), and measure a part of the limit, not 0.

    Args:
        loops: Vertices (n, 2) in nm, the inside on the left; curves drawn with edges below a tenth of the limit.
        limit_nm: The limit; > 0.
        smooth_nm: Pixel of a staircase outline, which is first smoothed over two pixels of arc (standard deviation);
            0: no smoothing. The curvature is then that of the chords, each half the limit long. For a limit of ten
            pixels or more the radius is right to about a quarter; below that it is unreliable.

    Returns:
        The bends, and the least radius of each in nm, negative where the mask is concave.
    """
    boxes, radii = [], []
    for loop in loops:
        points, arc = even_points(loop, limit_nm / SAMPLES_PER_RADIUS)
        if smooth_nm > 0:
            smooth = gaussian_filter1d(points, SMOOTHING * smooth_nm / arc, axis=0, mode="wrap")
            points, arc = even_points(smooth, limit_nm / SAMPLES_PER_RADIUS)
        reach_nm = CHORD * limit_nm if smooth_nm > 0 else REACH * limit_nm + REACH_NM
        steps = max(1, round(min(reach_nm / arc, len(points) / 8)))
        turned = _of_chords(points, steps) / (steps * arc)
        fitted = turned if smooth_nm > 0 else _of_fits(points, arc, reach_nm)
        least = 1 / (limit_nm * (1 - TOLERANCE))
        for sign in (1, -1):
            for run in _runs((sign * fitted > least) & (sign * turned > LEAST_TURN / limit_nm), steps):
                # Where it turns most, here or beside: near the ends of an arc its fit swings over by 5 %.
                near = np.arange(run[0] - steps, run[0] + (run[-1] - run[0]) % len(points) + steps + 1) % len(points)
                curvature = fitted[near[(sign * turned[near]).argmax()]]
                if sign * curvature > least:
                    boxes.append((*points[run].min(0), *points[run].max(0)))
                    radii.append(1 / curvature)
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


def even_points(loop: np.ndarray, step_nm: float) -> tuple[np.ndarray, float]:
    """Points (n, 2) at equal steps of arc along a closed loop, and their step, `step_nm` or a little less."""
    closed = np.concatenate([loop, loop[:1]])
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(FEWEST_SAMPLES, int(np.ceil(arc[-1] / step_nm)))
    at = np.arange(count) * (arc[-1] / count)
    return np.stack([np.interp(at, arc, closed[:, axis]) for axis in (0, 1)], 1), arc[-1] / count


def _of_chords(points: np.ndarray, steps: int) -> np.ndarray:
    """The angle between the chords before and after each point of a closed loop, (n,); exact on a circle."""
    into, out = points - np.roll(points, steps, axis=0), np.roll(points, -steps, axis=0) - points
    return np.arctan2(into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0], (into * out).sum(1))


def _of_fits(points: np.ndarray, arc: float, reach_nm: float) -> np.ndarray:
    """The curvature of polynomials fitted over a reach to either side of each point of a closed loop, (n,) per nm.

    Source: A. Savitzky and M. J. E. Golay, Anal. Chem. 36 (1964) 1627: derivatives of fits as convolutions.
    """
    reach = max(ORDER, round(min(reach_nm / arc, len(points) / 5)))
    fit = np.linalg.pinv(np.vander(np.arange(-reach, reach + 1) / reach, ORDER + 1, increasing=True))
    first, second = (correlate1d(points, weights, axis=0, mode="wrap") for weights in (fit[1], 2 * fit[2]))
    speed = np.maximum(np.hypot(*first.T), 1e-3 * reach * arc)  # 0 where an outline turns back on itself
    return (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / speed**3


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
