"""Shapes that are no wider than a limit, in place of wider ones."""

from collections.abc import Sequence

import numpy as np
import shapely

from litho_dl.layout.polygon import Polygon
from litho_dl.layout.repair import repaired
from litho_dl.layout.rules import MaskRules
from litho_dl.layout.shapes import parts, to_polygons, to_shapes

TOLERANCE_NM = 0.5  # of the widths
ROUNDS = 3


def narrowed(
    polygons: Sequence[Polygon], drawn: Sequence[Polygon], widest_nm: float, rules: MaskRules
) -> tuple[Polygon, ...]:
    """Shapes that keep mask rules, of which those that touch no drawn shape are no wider than a limit.

    The width of a shape is the diameter of the largest disc that fits into it. A wider one is shrunk on all sides by
    half of what it is too wide; so narrower parts of it may vanish, and by the rules all of it. As repairs may widen or
    join shapes, this is done up to `ROUNDS` times, and shapes that are then still too wide are left out.

    Args:
        polygons: Polygons in nm, as of `repaired`.
        drawn: The drawn shapes.
        widest_nm: The limit.
        rules: The mask rules.

    Returns:
        Merged polygons.
    """
    near = shapely.union_all(to_shapes(drawn))
    shapely.prepare(near)
    kept = repaired(polygons, rules)
    for _ in range(ROUNDS):
        too_wide = _too_wide_nm(kept, near, widest_nm)
        if not too_wide.any():
            return kept
        kept = repaired(to_polygons(parts(shapely.buffer(to_shapes(kept), -too_wide / 2))), rules)
    return tuple(shape for shape, excess in zip(kept, _too_wide_nm(kept, near, widest_nm), strict=True) if excess == 0)


def _too_wide_nm(polygons: Sequence[Polygon], near: shapely.Geometry, widest_nm: float) -> np.ndarray:
    """By how much each polygon away from drawn shapes is too wide, (n,) in nm; 0 for all others."""
    shapes = to_shapes(polygons)
    excess = np.zeros(len(shapes))
    far = np.flatnonzero(~shapely.intersects(near, shapes))
    circles = shapely.maximum_inscribed_circle(shapes[far], TOLERANCE_NM / 4)
    excess[far] = 2 * shapely.length(circles) - widest_nm
    excess[excess <= TOLERANCE_NM] = 0
    return excess
