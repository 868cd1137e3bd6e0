"""Gauges: the places where a critical dimension (CD) is measured."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.cutline import CLEAR_NM, SAME_NM, Cut, Kind, inside_intervals, narrow_cuts
from litho_dl.layout.layout import Box, Layout

REACH_NM = 200.0  # distance beyond the drawn edges up to which a printed edge is searched, if no neighbour is closer
PERPENDICULAR = 0.5  # largest |cosine| between the two default gauges of a kind
WIDER = 1.1  # a gauge that is clear of corners is at most this much wider than the narrowest
SIMILAR_WIDTH = 1.5  # the second of them is at most this much wider


@dataclass(frozen=True)
class Gauge:
    """A straight cut across one drawn line or space.

    Attributes:
        name: Its name in reports.
        kind: "line", across a drawn shape, or "space", between shapes; what the resist forms there depends on its tone.
        start_nm: (x, y) on one drawn edge.
        end_nm: (x, y) on the other.
        reach_nm: Largest distance of a printed edge before the start and after the end: up to the neighbours' edges.
    """

    name: str
    kind: Kind
    start_nm: tuple[float, float]
    end_nm: tuple[float, float]
    reach_nm: tuple[float, float]

    @property
    def target_nm(self) -> float:
        """The drawn CD."""
        return math.dist(self.start_nm, self.end_nm)

    def positions_nm(self, step_nm: float) -> np.ndarray:
        """Sample positions (P,) along the cut, measured from its middle, in steps of at most `step_nm`.

        0 and the drawn edges, at +- half the target CD, are among them.
        """
        half = self.target_nm / 2
        step = half / math.ceil(half / step_nm)
        before, after = (math.floor((half + reach) / step + 1e-9) for reach in self.reach_nm)
        return step * np.arange(-before, after + 1)

    def points_nm(self, positions_nm: np.ndarray) -> np.ndarray:
        """(P, 2) points (x, y) at distances (P,) from the middle of the cut."""
        start, end = np.array(self.start_nm), np.array(self.end_nm)
        return (start + end) / 2 + positions_nm[:, None] * (end - start) / self.target_nm


def gauge_along(layout: Layout, cutline_nm: tuple[float, float, float, float], name: str) -> Gauge:
    """The gauge of a cutline that crosses exactly one line or one space.

    Args:
        layout: The drawn polygons.
        cutline_nm: x0, y0, x1, y1.
        name: The gauge's name.

    Returns:
        The gauge between the two drawn edges that the cutline crosses.

    Raises:
        LayoutError: The cutline has no length, or crosses no line or space, or several.
    """
    start, end = np.array(cutline_nm[:2]), np.array(cutline_nm[2:])
    length = float(np.hypot(*(end - start)))
    if not 0 < length < math.inf:
        raise LayoutError(f"{name}: expected a cutline of two different points in nm, got {cutline_nm}.")
    direction = (end - start) / length
    inside = inside_intervals(layout, start, direction)
    met = inside[(inside[:, 1] > 0) & (inside[:, 0] < length)]
    edges = met[(met > 0) & (met < length)]
    if len(edges) != 2:
        raise LayoutError(
            f"{name}: expected a cutline over exactly one line (from space to space) or one space (line to line) "
            f"of '{layout.name}', got one that meets {len(edges)} of its edges; move, shorten or lengthen it."
        )
    return _gauge(name, "line" if len(met) == 1 else "space", start, direction, inside, float(edges.mean()))


def _gauge(name: str, kind: Kind, start: np.ndarray, direction: np.ndarray, inside: np.ndarray, middle: float) -> Gauge:
    """The gauge between the two drawn edges on either side of a distance from `start`."""
    edges = np.sort(inside.ravel())
    after = int(np.searchsorted(edges, middle))
    neighbours = np.concatenate(([-np.inf], edges, [np.inf]))[after - 1 : after + 3]
    before_nm, _, after_nm = (min(REACH_NM, float(gap)) for gap in np.diff(neighbours))
    first, second = (tuple((start + edge * direction).tolist()) for edge in edges[after - 1 : after + 1])
    return Gauge(name, kind, first, second, (before_nm, after_nm))


def default_gauges(layout: Layout, window_nm: Box | None = None) -> tuple[Gauge, ...]:
    """Gauges for the narrowest line and the narrowest space, at most four.

    They avoid line ends and other corners: one that is up to a tenth wider counts instead, if it alone is clear of
    them. A second line (or space), perpendicular to the first, is added if it is at most 1.5 times as wide.

    Args:
        layout: The drawn polygons.
        window_nm: x0, y0, x1, y1 of the window that cropped the polygons, if any; edges on it are not measured.

    Returns:
        The gauges g1, g2, ..., lines first.

    Raises:
        LayoutError: No line and no space has parallel sides.
    """
    kinds: tuple[Kind, Kind] = ("line", "space")
    found = {kind: narrow_cuts(layout, kind, slack=SIMILAR_WIDTH, window_nm=window_nm) for kind in kinds}
    centre = layout.centroid_nm
    cuts = [(kind, cut) for kind in kinds for cut in _chosen(found[kind], centre)]
    if not cuts:
        raise LayoutError(f"'{layout.name}' has no lines or spaces with parallel sides; give gauges of your own.")
    gauges = []
    for number, (kind, cut) in enumerate(cuts, start=1):
        start, direction = np.array(cut.start_nm), cut.direction
        inside = inside_intervals(layout, start, direction)
        gauges.append(_gauge(f"g{number}", kind, start, direction, inside, cut.width_nm / 2))
    return tuple(gauges)


def _chosen(cuts: Sequence[Cut], centre: tuple[float, float]) -> list[Cut]:
    """The best cut, and the best of those perpendicular to it."""
    if not cuts:
        return []
    first = _best(cuts, centre)
    across = [cut for cut in cuts if abs(cut.direction @ first.direction) < PERPENDICULAR]
    return [first, _best(across, centre)] if across else [first]


def _best(cuts: Sequence[Cut], centre: tuple[float, float]) -> Cut:
    """The narrowest cut, if possible clear of corners; of equal ones the clearest, the longest, the most central."""
    narrowest = min(cut.width_nm for cut in cuts)
    clear = [cut for cut in cuts if cut.clear_nm >= CLEAR_NM and cut.width_nm <= WIDER * narrowest + SAME_NM]
    keys: tuple[Callable[[Cut], float], ...] = (
        lambda cut: cut.width_nm,
        lambda cut: -min(cut.clear_nm, CLEAR_NM),
        lambda cut: -cut.overlap_nm,
        lambda cut: math.dist(np.add(cut.start_nm, cut.end_nm) / 2, centre),
    )
    left = clear or list(cuts)
    for key in keys:
        limit = min(key(cut) for cut in left) + SAME_NM
        left = [cut for cut in left if key(cut) <= limit]
    return min(left, key=lambda cut: (*cut.start_nm, *cut.end_nm))
