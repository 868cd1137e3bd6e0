"""Manhattan polygons -> rectangles, as a mask writer would shoot them."""

from collections.abc import Sequence

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.layout import Polygon


def fracture(polygons: Sequence[Polygon]) -> np.ndarray:
    """Cuts the union of Manhattan polygons into rectangles that do not overlap.

    The tool is klayout's trapezoid decomposition; each polygon takes the mode (horizontal or vertical trapezoids,
    or plain slices) that yields the fewest rectangles. That is a heuristic, not the minimum partition.

    Args:
        polygons: Rectilinear polygons in nm.

    Returns:
        (n, 4) float64 rectangles x0, y0, x1, y1 in nm.

    Raises:
        LayoutError: A polygon is not rectilinear.
    """
    import klayout.db as db

    from litho_dl.layout import region

    units = region.units_per_nm(polygons)
    union = region.to_region(polygons, units).merged(True, 0)
    slanted = union.non_rectilinear().count()
    if slanted:
        raise LayoutError(
            f"Expected rectilinear polygons, got {slanted} with slanted edges; rasterise them and fracture the pixels."
        )
    modes = (db.Polygon.TD_htrapezoids, db.Polygon.TD_vtrapezoids, db.Polygon.TD_simple)
    boxes = [
        piece.bbox()
        for polygon in union.each()
        for piece in min((polygon.decompose_trapezoids(mode) for mode in modes), key=len)
    ]
    corners = np.array([(box.left, box.bottom, box.right, box.top) for box in boxes], dtype=np.float64)
    return corners.reshape(-1, 4) / units
