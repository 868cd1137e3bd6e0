"""Fracture of mask polygons into rectangles, the shots of a mask writer, and files of shots."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from litho_dl.core.errors import LayoutError
from litho_dl.core.grid import Grid
from litho_dl.core.io import write_text
from litho_dl.layout.gds import write_layers
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize

SHOT_LAYER = (10, 0)
MARGIN = 2  # grid points around a polygon
CELL_DIAGONAL = 2**0.5  # half for measuring from a cell's centre, half for drawing the polygon on cells
MOST_POINTS = 100_000_000


def fracture(polygons: Sequence[Polygon]) -> np.ndarray:
    """Cuts the union of Manhattan polygons into rectangles that do not overlap.

    The method is klayout's trapezoid decomposition, for each polygon in the mode (horizontal or vertical trapezoids, or
    plain slices) that gives the fewest rectangles: a heuristic, not the minimum partition.

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


def fracture_curved(polygons: Sequence[Polygon], *, grid_nm: float, tolerance_nm: float) -> np.ndarray:
    """Cuts polygons of any shape into rectangles on a writing grid, with edges to within a tolerance.

    Each polygon is drawn on the grid (a cell counts as inside if half of it is covered) and cut into slabs, once from
    the bottom and once from the left; the direction with fewer rectangles is taken. A slab grows as long as one set of
    intervals differs from each of its rows only at cells near the drawn edge. So the edges of the rectangles and of the
    polygon lie within the tolerance of each other; only parts narrower than twice the tolerance may be lost. Rectangles
    of one polygon do not overlap. This is a heuristic, not the fewest rectangles. State grid and tolerance with a
    count, and choose a grid of at most a quarter of the tolerance, or rounding to the grid uses the tolerance up.

    Args:
        polygons: Polygons that do not overlap.
        grid_nm: Writing grid; > 0.
        tolerance_nm: Edge tolerance; at least the grid.

    Returns:
        (n, 4) float64 rectangles x0, y0, x1, y1 in nm, whole multiples of the grid.

    Raises:
        LayoutError: Grid or tolerance is out of range, or a polygon covers too many grid cells.
    """
    if not (np.isfinite(tolerance_nm) and grid_nm > 0 and tolerance_nm >= grid_nm):
        raise LayoutError(
            f"Expected a positive grid and a tolerance of at least the grid, got {grid_nm} and {tolerance_nm} nm."
        )
    shots = [np.zeros((0, 4))]
    for polygon in polygons:
        first = np.floor(polygon.hull.min(0) / grid_nm) - MARGIN
        binary = _drawn(polygon, first, grid_nm)
        # Distance of a cell's centre from the drawn edge, which is half a cell before the nearest cell beyond it.
        depth = (np.maximum(distance_transform_edt(binary), distance_transform_edt(~binary)) - 0.5) * grid_nm
        fixed = depth > tolerance_nm - CELL_DIAGONAL * grid_nm
        rows = _slabs(binary, fixed)
        columns = _slabs(binary.T, fixed.T)[:, [1, 0, 3, 2]]
        shots.append((min(rows, columns, key=len) + np.tile(first, 2)) * grid_nm)
    return np.concatenate(shots)


def _drawn(polygon: Polygon, first: np.ndarray, grid_nm: float) -> np.ndarray:
    """Cells (H, W), bool, of which the polygon covers at least half; cell (0, 0) is at `first` grid units."""
    width, height = (np.ceil(polygon.hull.max(0) / grid_nm) + MARGIN - first).astype(int).tolist()
    if width * height > MOST_POINTS:
        raise LayoutError(
            f"Expected a polygon of at most {MOST_POINTS:,} grid cells, got {width} x {height}; choose a coarser grid."
        )
    shifted = polygon.mapped(lambda xy: xy - first * grid_nm)
    return rasterize(Layout("polygon", (shifted,)), Grid((height, width), grid_nm)) >= 0.5


def _slabs(binary: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Rectangles (n, 4) in cells; `fixed` cells are covered exactly as they are drawn."""
    shots = []
    row, H = 0, len(binary)
    while row < H:
        if not binary[row].any():
            row += 1
            continue
        stop = row + _slab_height(binary[row:], fixed[row:])
        part, sure = binary[row:stop], fixed[row:stop]
        filled = (part & sure).any(0) | ((part.mean(0) >= 0.5) & ~(~part & sure).any(0))
        edges = np.flatnonzero(np.diff(np.pad(filled.astype(np.int8), 1)))
        shots += [(x0, row, x1, stop) for x0, x1 in edges.reshape(-1, 2).tolist()]
        row = stop
    return np.array(shots, dtype=np.float64).reshape(-1, 4)


def _slab_height(binary: np.ndarray, fixed: np.ndarray) -> int:
    """The largest number of rows that one set of intervals can cover."""
    inside, outside = np.zeros(binary.shape[1], dtype=bool), np.zeros(binary.shape[1], dtype=bool)
    for n, (row, sure) in enumerate(zip(binary, fixed, strict=True)):
        inside |= row & sure
        outside |= ~row & sure
        if n and ((inside & outside).any() or not row.any()):
            return n
    return len(binary)


def write_shots(path: str | Path, shots: np.ndarray) -> None:
    """Writes rectangles atomically: .csv with x, y (lower left corner), width and height in nm, or GDSII or OASIS.

    Args:
        path: The file; the suffix chooses the format. GDSII and OASIS hold one box a shot on layer 10/0, not merged.
        shots: (n, 4) rectangles x0, y0, x1, y1 in nm.

    Raises:
        LayoutError: The suffix is unknown, or the array has another shape.
        OutputError: The file cannot be written.
    """
    shots = np.asarray(shots, dtype=np.float64)
    if shots.ndim != 2 or shots.shape[1] != 4:
        raise LayoutError(f"Expected rectangles as an (n, 4) array, got shape {shots.shape}.")
    if Path(path).suffix.lower() != ".csv":
        boxes = [Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])) for x0, y0, x1, y1 in shots]
        write_layers(path, {SHOT_LAYER: Layout("shots", tuple(boxes))}, cell="shots", merged=False)
        return
    text = io.StringIO()
    table = np.hstack([shots[:, :2], shots[:, 2:] - shots[:, :2]])
    np.savetxt(text, table, fmt="%.10g", delimiter=",", header="x_nm,y_nm,width_nm,height_nm", comments="")
    write_text(path, text.getvalue())
