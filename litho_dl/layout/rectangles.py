"""Manhattan versions of masks: at most N rectangles that cover a binary mask as well as possible.

Each feature is cut into slabs, from the bottom or from the left, of one set of intervals each; dynamic programming
finds the slabs of the largest gain for every count of rectangles. The counts are then given to the features that gain
most.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects, label

from litho_dl.core.errors import LayoutError

MOST_SLABS = 48  # places of a feature where slabs may begin
MOST_OF_FEATURE = 48  # rectangles


@dataclass(frozen=True, eq=False)
class _Feature:
    """A feature's best rectangles.

    Attributes:
        gains: (k + 1,) weighted area, covered rightly less wrongly, of the best 0 to k rectangles.
        rectangles: The rectangles of each count, (n, 4) rows x0, y0, x1, y1 in pixels.
        needed: Whether the feature needs a rectangle.
    """

    gains: np.ndarray
    rectangles: list[np.ndarray]
    needed: bool


def fewest(binary: np.ndarray, needed: np.ndarray) -> int:
    """The number of features of a mask, bool (H, W), that overlap `needed`, bool (H, W): each takes a rectangle."""
    return len(np.setdiff1d(np.unique(label(binary)[0][needed & binary]), [0]))


def cover(binary: np.ndarray, counts: Sequence[int], needed: np.ndarray, weight: np.ndarray) -> list[np.ndarray]:
    """Rectangles that do not overlap and cover a binary mask, for each of several largest numbers.

    Args:
        binary: The mask, bool (H, W); row 0 is the lowest y.
        counts: The largest numbers of rectangles.
        needed: bool (H, W); features that overlap it get at least one rectangle each, others may be left out.
        weight: (H, W) what a wrong pixel costs; > 0.

    Returns:
        For each number (n, 4) whole x0, y0, x1, y1 in pixels, n at most the number.

    Raises:
        LayoutError: Fewer rectangles are asked for than features need.
    """
    least = fewest(binary, needed)
    if min(counts) < max(least, 1):
        raise LayoutError(
            f"Expected at least {max(least, 1)} rectangles, the least possible: one for each feature of the mask that "
            f"overlaps a drawn one, got {min(counts)}."
        )
    labels = label(binary)[0]
    features = []
    for number, box in enumerate(find_objects(labels), start=1):
        own = labels[box] == number
        gain = np.where(own, weight[box], -weight[box])
        features.append(_feature(gain, min(max(counts), MOST_OF_FEATURE), bool(needed[box][own].any()), box))
    covers = []
    for most in counts:
        shares = zip(features, _shared(features, most), strict=True)
        found = [feature.rectangles[count] for feature, count in shares]
        covers.append(apart(np.concatenate([np.zeros((0, 4), dtype=int), *found])))
    return covers


def _feature(gain: np.ndarray, most: int, needed: bool, box: tuple[slice, slice]) -> _Feature:
    """The best rectangles of the gain (h, w) of a feature's pixels, in slabs from the bottom or from the left."""
    rows, columns = _slabs(gain, most), _slabs(gain.T, most)
    corner = np.array([box[1].start, box[0].start] * 2)
    gains, rectangles = [], []
    for count in range(most + 1):
        turned = columns[0][count] > rows[0][count]
        gains.append(max(columns[0][count], rows[0][count]))
        best = columns[1][count][:, [1, 0, 3, 2]] if turned else rows[1][count]
        rectangles.append(best + corner)
    return _Feature(np.maximum.accumulate(gains), rectangles, needed)


def _slabs(gain: np.ndarray, most: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """The largest gains (most + 1,) of up to so many rectangles in slabs of rows, and these rectangles (n, 4)."""
    cuts = _cuts(gain)
    sums = np.concatenate([np.zeros((1, gain.shape[1])), np.cumsum(gain, axis=0)])[cuts]
    last = len(cuts) - 1
    best = np.full((last + 1, most + 1), -np.inf)
    best[0] = 0
    before, kind = np.zeros((2, last + 1, most + 1), dtype=int)
    k = np.arange(most + 1)
    for stop in range(1, last + 1):
        rows = sums[stop] - sums[:stop]
        one, all_, pieces = _one_interval(rows)[0], np.maximum(rows, 0).sum(1), _piece_counts(rows)
        left = k - pieces[:, None]
        options = np.stack(
            [
                best[:stop],
                np.concatenate([np.full((stop, 1), -np.inf), best[:stop, :-1] + one[:, None]], axis=1),
                np.where(left >= 0, np.take_along_axis(best[:stop], np.maximum(left, 0), 1) + all_[:, None], -np.inf),
            ]
        ).reshape(3 * stop, -1)
        chosen = options.argmax(0)
        best[stop] = options[chosen, k]
        kind[stop], before[stop] = np.divmod(chosen, stop)
    return best[last], [_traced(sums, cuts, before, kind, count) for count in range(most + 1)]


def _cuts(gain: np.ndarray) -> np.ndarray:
    """Rows where slabs may begin: all where the feature changes, or as many as are allowed where it changes most."""
    change = np.abs(np.diff(gain, axis=0)).sum(1)
    rows = 1 + np.flatnonzero(change)
    if len(rows) > MOST_SLABS:
        share = np.cumsum(change) / change.sum()
        rows = 1 + np.unique(np.searchsorted(share, (np.arange(MOST_SLABS) + 0.5) / MOST_SLABS))
    return np.concatenate([[0], rows[rows < len(gain)], [len(gain)]])


def _one_interval(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The largest sum of one interval of each row (n, w), and where the interval begins and ends."""
    total = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
    lowest = np.minimum.accumulate(total, axis=1)
    stop = (total - lowest).argmax(1)
    n = np.arange(len(rows))
    start = np.where(np.arange(total.shape[1]) <= stop[:, None], total, np.inf).argmin(1)
    return (total - lowest)[n, stop], start, stop


def _piece_counts(rows: np.ndarray) -> np.ndarray:
    """The number (n,) of intervals of positive values in each row (n, w)."""
    inside = np.pad(rows > 0, ((0, 0), (1, 0)))
    return (inside[:, 1:] & ~inside[:, :-1]).sum(1)


def _traced(sums: np.ndarray, cuts: np.ndarray, before: np.ndarray, kind: np.ndarray, count: int) -> np.ndarray:
    """The rectangles (n, 4) of the slabs that dynamic programming chose for a count."""
    found: list[tuple[int, int, int, int]] = []
    stop, left = len(cuts) - 1, count
    while stop > 0:
        start, chosen = int(before[stop, left]), int(kind[stop, left])
        row = (sums[stop] - sums[start])[None]
        ends: list[tuple[int, int]] = []
        if chosen == 1:
            _, first, last = _one_interval(row)
            ends = [(int(first[0]), int(last[0]))]
            left -= 1
        elif chosen == 2:
            edges = np.flatnonzero(np.diff(np.pad((row[0] > 0).astype(np.int8), 1)))
            ends = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
            left -= len(ends)
        found += [(a, int(cuts[start]), b, int(cuts[stop])) for a, b in ends if b > a]
        stop = start
    return np.array(found, dtype=int).reshape(-1, 4)


def _shared(features: list[_Feature], most: int) -> list[int]:
    """The number of rectangles of each feature: the steps of the gains' concave hulls, the steepest first."""
    counts = [int(feature.needed) for feature in features]
    left = most - sum(counts)
    queue: list[tuple[float, int, int]] = []

    def push(n: int) -> None:
        gains, now = features[n].gains, counts[n]
        if now + 1 < len(gains):
            slopes = (gains[now + 1 :] - gains[now]) / np.arange(1, len(gains) - now)
            step = int(slopes.argmax()) + 1
            if slopes[step - 1] > 0:
                heapq.heappush(queue, (-float(slopes[step - 1]), n, step))

    for n in range(len(features)):
        push(n)
    while queue and left > 0:
        _, n, step = heapq.heappop(queue)
        if step <= left:
            counts[n] += step
            left -= step
            push(n)
    return counts


def apart(rectangles: np.ndarray) -> np.ndarray:
    """Cuts the smaller of two rectangles that overlap back to where the other ends; what is left largest stays.

    Args:
        rectangles: (n, 4) whole x0, y0, x1, y1.

    Returns:
        As many rectangles or fewer, which do not overlap and have an area.
    """
    found = rectangles[(rectangles[:, 2:] > rectangles[:, :2]).all(1)].astype(int)
    while True:
        low = np.maximum(found[:, None, :2], found[None, :, :2])
        high = np.minimum(found[:, None, 2:], found[None, :, 2:])
        first, second = np.nonzero(np.triu((high > low).all(-1), 1))
        if not len(first):
            return found
        sizes = (found[:, 2:] - found[:, :2]).prod(1)
        small, large = (first[0], second[0]) if sizes[first[0]] <= sizes[second[0]] else (second[0], first[0])
        parts = _beside(found[small], found[large])
        if len(parts):
            found[small] = max(parts, key=lambda part: int((part[2:] - part[:2]).prod()))
        else:
            found = np.delete(found, small, axis=0)


def _beside(small: np.ndarray, large: np.ndarray) -> list[np.ndarray]:
    """What is left of a rectangle on each side of another one."""
    parts = []
    for axis in (0, 1):
        for end, edge in ((axis + 2, large[axis]), (axis, large[axis + 2])):
            part = small.copy()
            part[end] = edge
            if (part[2:] > part[:2]).all() and (part[:2] >= small[:2]).all() and (part[2:] <= small[2:]).all():
                parts.append(part)
    return parts
