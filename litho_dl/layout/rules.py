"""Mask rules: minimum width, space and area of mask polygons."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.layout import Polygon

if TYPE_CHECKING:
    import klayout.db as db

IGNORE_ANGLE_DEG = 50.0
MERGE_DISTANCE = 0.5  # of the rule's distance


@dataclass(frozen=True)
class MaskRules:
    """Lower limits of a mask shop, in nm and nm^2; a feature exactly at the limit passes, 0 switches a rule off."""

    min_width_nm: float
    min_space_nm: float
    min_area_nm2: float

    def __post_init__(self) -> None:
        limits = (self.min_width_nm, self.min_space_nm, self.min_area_nm2)
        if not all(math.isfinite(limit) and limit >= 0 for limit in limits):
            raise LayoutError(f"Expected mask rules of zero or more, got width, space, area = {limits}.")


@dataclass(frozen=True, eq=False)
class RuleViolations:
    """Markers (n, 4) as x0, y0, x1, y1 in nm, one row for each place that breaks a rule."""

    width: np.ndarray
    space: np.ndarray
    area: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """Number of places by rule."""
        return {"width": len(self.width), "space": len(self.space), "area": len(self.area)}

    @property
    def total(self) -> int:
        """Number of places over all rules."""
        return sum(self.counts.values())


def check_rules(polygons: Sequence[Polygon], rules: MaskRules, *, smooth_nm: float = 0.0) -> RuleViolations:
    """Checks the union of polygons (any angle) against mask rules, with klayout's edge checks.

    Width and space are Euclidean distances between facing edges; space is checked between polygons and inside notches
    and holes. Markers closer than half the rule's distance are one place, so a neck of many short edges counts once.

    klayout leaves out pairs of edges whose angle is `IGNORE_ANGLE_DEG` or more. At its default of 90 a round dot or
    line end is marked if its diameter is below 1.41 times the limit. At 50 that factor is 1.1 (1.25 if few edges draw
    it), while a neck with smooth sides is still found, since they are parallel where it is narrowest, and so is a
    45-degree corner that faces a straight edge. A sharper corner that faces a straight edge can be missed.

    The corners of a pixel staircase face each other across every shallow curve. For polygons from pixels use
    `contour_polygons`, or give their pixel as `smooth_nm`.

    Args:
        polygons: Mask polygons in nm.
        rules: The limits.
        smooth_nm: Vertices that stand out less than this are flattened first; 0 leaves the polygons as they are.

    Raises:
        LayoutError: A polygon lies beyond 1 m.
    """
    from litho_dl.layout import region

    units = region.units_per_nm(polygons)
    mask = region.to_region(polygons, units).merged(True, 0)
    small = _boxes(mask.with_area(None, math.ceil(rules.min_area_nm2 * units**2), False), units, 0)
    if smooth_nm > 0:
        mask = mask.smoothed(round(smooth_nm * units), False).merged(True, 0)
    return RuleViolations(
        width=_too_close(mask.width_check, rules.min_width_nm, units),
        space=_too_close(mask.space_check, rules.min_space_nm, units),
        area=small,
    )


def _too_close(check: Callable[..., "db.EdgePairs"], limit_nm: float, units: int) -> np.ndarray:
    """Marker boxes of one distance check, near ones joined."""
    import klayout.db as db

    distance = round(limit_nm * units)
    if distance == 0:
        return np.zeros((0, 4))
    pairs = check(distance, False, db.Metrics.Euclidian, IGNORE_ANGLE_DEG, None, None)
    margin = round(distance * MERGE_DISTANCE / 2)
    return _boxes(pairs.extents(margin).merged(False, 0), units, margin)


def _boxes(markers: "db.Region", units: int, margin: int) -> np.ndarray:
    """Bounding boxes (n, 4) in nm of merged markers, less the margin that joined them."""
    boxes = [marker.bbox().enlarged(-margin, -margin) for marker in markers.each()]
    corners = np.array([(box.left, box.bottom, box.right, box.top) for box in boxes], dtype=np.float64)
    return corners.reshape(-1, 4) / units
