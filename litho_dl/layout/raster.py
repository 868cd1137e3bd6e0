"""From polygons to pixels: exact area coverage."""

from typing import Literal

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

FIELD_MARGIN = 1e-9  # relative; by which rounding may move a vertex beyond the field
ROUNDING = 1e-7  # smaller coverages are rounding noise of the running sum


def rasterize(layout: Layout, grid: Grid, *, convention: Literal["exact", "inclusive"] = "exact") -> np.ndarray:
    """Area coverage of the union of a layout's polygons on a grid anchored at (0, 0).

    Args:
        layout: Polygons at any angle, inside the field [0, width] x [0, height] nm.
        grid: The pixels; row 0 is the lowest y.
        convention: "exact" is the covered fraction of each half-open pixel. "inclusive" adds one row and column: the
            pixels that the closed polygon only touches with its upper or right edges. It is defined for layouts that
            cover whole pixels, such as integer-nm Manhattan targets at 1 nm.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        LayoutError: A polygon leaves the field, the convention is unknown, or pixels are partly covered ("inclusive").
    """
    if convention not in ("exact", "inclusive"):
        raise LayoutError(f"Expected the raster convention 'exact' or 'inclusive', got '{convention}'.")
    if not layout.polygons:
        return np.zeros(grid.shape, dtype=np.float32)
    require_inside(layout, grid)
    coverage = _coverage(_edges(layout.merged().polygons) / grid.pixel_nm, grid.shape)
    return coverage if convention == "exact" else _inclusive(coverage)


def require_inside(layout: Layout, grid: Grid) -> None:
    """Checks that a layout lies on a grid's field.

    Args:
        layout: A layout with polygons.
        grid: The grid.

    Raises:
        LayoutError: A polygon leaves the field, or there is none.
    """
    x0, y0, x1, y1 = layout.bbox_nm
    height, width = grid.field_nm
    margin = FIELD_MARGIN * max(height, width)
    if min(x0, y0) < -margin or x1 > width + margin or y1 > height + margin:
        raise LayoutError(
            f"Expected polygons inside the field of {width:g} x {height:g} nm (width x height), got '{layout.name}' "
            f"from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) nm; centre the layout on the field or clip it."
        )


def _edges(polygons: tuple[Polygon, ...]) -> np.ndarray:
    """All edges as (n, 4) rows x0, y0, x1, y1 with the inside on the left."""
    loops = [loop for polygon in polygons for loop in polygon.loops]
    return np.concatenate([np.hstack([loop, np.roll(loop, -1, axis=0)]) for loop in loops] or [np.zeros((0, 4))])


def _split(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Splits the intervals [start, stop] at whole numbers.

    Returns:
        For every piece: the index of its interval, the whole number below it, its start, its stop. An interval of
        length zero yields one piece.
    """
    first = np.floor(start)
    count = np.maximum(np.ceil(stop) - first, 1).astype(np.int64)
    owner = np.repeat(np.arange(len(start)), count)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    cell = first[owner] + step
    return owner, cell.astype(np.int64), np.maximum(start[owner], cell), np.minimum(stop[owner], cell + 1)


def _coverage(edges: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Exact coverage of disjoint polygons from their edges (n, 4) in pixels; only their bounding box is summed.

    Green's theorem per pixel row: a piece of edge inside one pixel that descends by d adds d to all pixels right of it,
    and d (1 - f) to its own, where f is its mean fractional x. A running sum along x adds to "all pixels right of it".
    """
    H, W = shape
    coverage = np.zeros(shape, dtype=np.float32)
    edges = np.clip(edges, 0, [W, H, W, H])
    if not len(edges):
        return coverage
    xa, ya, xb, yb = edges[edges[:, 1] != edges[:, 3]].T
    downward = np.sign(ya - yb)
    bottom, top = np.minimum(ya, yb), np.maximum(ya, yb)
    owner, row, low, high = _split(bottom, top)
    slope, x_bottom = ((xb - xa) / (yb - ya))[owner], np.where(ya < yb, xa, xb)[owner]
    x_low, x_high = x_bottom + (low - bottom[owner]) * slope, x_bottom + (high - bottom[owner]) * slope
    descent = (high - low) * downward[owner]

    left, right = np.clip(np.minimum(x_low, x_high), 0, W), np.clip(np.maximum(x_low, x_high), 0, W)
    piece, column, start, stop = _split(left, right)
    width = (right - left)[piece]
    share = np.divide(stop - start, width, out=np.ones_like(width), where=width > 0)
    piece_descent, fraction = descent[piece] * share, (start + stop) / 2 - column

    (x0, y0), (x1, y1) = (np.floor(edges.min(0)).astype(int)[:2], np.ceil(edges.max(0)).astype(int)[2:])
    index = (row[piece] - y0) * (x1 - x0 + 2) + column - x0
    parts = piece_descent * (1 - fraction), piece_descent * fraction
    sums = np.bincount(np.concatenate((index, index + 1)), np.concatenate(parts), (y1 - y0) * (x1 - x0 + 2))
    sums = sums.reshape(y1 - y0, x1 - x0 + 2)
    inside = np.cumsum(sums, axis=1, out=sums)[:, :-2].astype(np.float32)
    np.clip(inside, 0, 1, out=inside)
    inside[inside < ROUNDING] = 0
    coverage[y0:y1, x0:x1] = inside
    return coverage


def _inclusive(coverage: np.ndarray) -> np.ndarray:
    """The union of a binary raster with its shifts by one row, one column, and both."""
    if not np.isin(coverage, (0, 1)).all():
        raise LayoutError(
            "Expected a target of whole pixels for the inclusive raster, got partly covered pixels; use a 1 nm pixel "
            "and integer-nm rectilinear polygons, or the exact raster."
        )
    rows = coverage.copy()
    rows[1:] = np.maximum(rows[1:], coverage[:-1])
    both = rows.copy()
    both[:, 1:] = np.maximum(both[:, 1:], rows[:, :-1])
    return both
