"""Flattening: the shapes of a hierarchy in units far finer than the file's, and their union; import it lazily."""

from collections.abc import Sequence

import klayout.db as db
import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.hierarchy import Hierarchy
from litho_dl.layout.layout import Box
from litho_dl.layout.merge import require_mergeable, self_crossing
from litho_dl.layout.region import DECIMAL_UNITS_PER_NM, LARGEST_UNIT, Frame
from litho_dl.layout.stream import INT32_MAX

EXACT_UNITS_PER_NM = 100  # the coarsest units in which what is off the file's grid is still exact to 0.01 nm
MARGIN = 10  # units of a turned cell by which klayout's search may miss the edge of a window


def flattened(hierarchy: Hierarchy, layers: Sequence[int], window_nm: Box | None) -> tuple[db.Region, Frame]:
    """The union of the layers, cut to the window.

    Instances at any angle and magnification, paths of any width and the window's edges are placed in units of 1e-5 nm
    (0.01 nm for shapes that reach over 2 cm), counted from the middle of the shapes.

    Args:
        hierarchy: The cells.
        layers: klayout's indices of the layers.
        window_nm: x0, y0, x1, y1 in nm; None: everything.

    Returns:
        The union, and the frame of its coordinates.

    Raises:
        LayoutError: There are too many shapes, they overlap too much or reach too far; a polygon crosses itself.
    """
    path, units = hierarchy.path, hierarchy.units_per_nm
    box = None if window_nm is None else _search_box(window_nm, units, MARGIN * hierarchy.magnification)
    for index in layers:
        hierarchy.require_countable(index, box)
    rough = _placed(hierarchy, layers, box, db.ICplxTrans(), db.Shapes.SRegions)
    require_mergeable(rough, path)
    extent = db.Region(rough).bbox()
    if extent.empty():
        return db.Region(), Frame(1.0)
    scale = _scale(extent, units, hierarchy)
    x, y = extent.center().x * scale, extent.center().y * scale
    frame = Frame(units * scale, x, y)
    fine = db.ICplxTrans(db.DCplxTrans(scale, 0, False, -x, -y))
    polygons = _placed(hierarchy, layers, box, fine, db.Shapes.SPolygons)
    others = _placed(hierarchy, layers, box, fine, db.Shapes.SBoxes | db.Shapes.SPaths)
    crossed = self_crossing(db.Region(polygons))
    if crossed is not None:
        x_nm, y_nm = frame.point_nm(crossed)
        raise LayoutError(
            f"{path}: Expected polygons that do not cross themselves, got one that does near ({x_nm:g}, "
            f"{y_nm:g}) nm; repair it."
        )
    union = (db.Region(polygons) + db.Region(others)).merged(True, 0)
    if window_nm is not None:
        union = (union & db.Region(frame.box(window_nm))).merged(True, 0)
    return union, frame


def _search_box(window_nm: Box, units: float, margin: float) -> db.Box:
    """The file's box that holds a window, and a margin in file units."""
    x0, y0, x1, y1 = (value * units for value in window_nm)
    corners = np.floor([x0 - margin, y0 - margin]), np.ceil([x1 + margin, y1 + margin])
    return db.Box(*np.clip(np.concatenate(corners), -INT32_MAX, INT32_MAX).astype(int).tolist())


def _placed(
    hierarchy: Hierarchy, layers: Sequence[int], box: db.Box | None, trans: db.ICplxTrans, kinds: int
) -> db.Shapes:
    """The flattened shapes of some kinds that touch the box; paths stay paths, so that their widths are not rounded."""
    placed = db.Shapes()
    for index in layers:
        shapes = db.RecursiveShapeIterator(hierarchy.source, hierarchy.top, index, box or db.Box.world(), False)
        shapes.shape_flags = kinds
        placed.insert(shapes, trans)
    return placed


def _scale(extent: db.Box, units: float, hierarchy: Hierarchy) -> int:
    """How many of the finest units that hold the extent go into one of the file's."""
    half = max(extent.width(), extent.height()) // 2 + MARGIN
    for fine in DECIMAL_UNITS_PER_NM:
        scale = max(1, round(fine / units))
        if half * scale <= LARGEST_UNIT and (fine >= EXACT_UNITS_PER_NM or hierarchy.on_grid):
            return scale
    raise LayoutError(
        f"{hierarchy.path}: Expected shapes that can be placed to 0.01 nm, got some over {2 * half / units:g} nm; read "
        f"a window without the largest."
    )
