"""When two layouts are one pattern: wherever they lie, and however they are turned or mirrored."""

import hashlib

import numpy as np

from litho_dl.core.symmetry import SYMMETRIES
from litho_dl.layout.layout import Layout


def pattern_hash(layout: Layout) -> str:
    """SHA-256 (hex) of the union of a layout's polygons, up to translation, rotation by 90 degrees and mirroring.

    Exact in klayout's integer units (1e-5 nm up to a size of 10 um): a vertex moved by one unit changes it. The edges
    of the union determine it; of its eight images, moved to the origin, the one whose sorted edges come first
    counts. Layouts that differ in how polygons are cut, ordered or overlap have one hash.

    Args:
        layout: The polygons; an empty layout has a hash too.
    """
    edges = _edges(layout)
    return hashlib.sha256(min(_image(edges, matrix) for matrix in SYMMETRIES.values())).hexdigest()


def _edges(layout: Layout) -> np.ndarray:
    """Both ends of every edge of the union, int64 (n, 2, 2) in the finest units."""
    from litho_dl.layout import region

    if not layout.polygons:
        return np.zeros((0, 2, 2), dtype=np.int64)
    x0, y0, _, _ = layout.bbox_nm
    polygons = layout.translated(-x0, -y0).polygons  # so that the unit depends on the size alone
    units = region.units_per_nm(polygons)
    union = region.to_region(polygons, units).merged(True, 0)
    ends = [((edge.x1, edge.y1), (edge.x2, edge.y2)) for shape in union.each() for edge in shape.each_edge()]
    return np.array(ends, dtype=np.int64) * (region.FINEST_UNITS_PER_NM // units)


def _image(edges: np.ndarray, matrix: tuple[tuple[int, int], tuple[int, int]]) -> bytes:
    """The sorted edges of one image, its lower-left corner at the origin, as bytes."""
    if not len(edges):
        return b""
    ends = edges @ np.array(matrix).T
    ends -= ends.reshape(-1, 2).min(axis=0)
    swapped = (ends[:, 0, 0] > ends[:, 1, 0]) | ((ends[:, 0, 0] == ends[:, 1, 0]) & (ends[:, 0, 1] > ends[:, 1, 1]))
    rows = np.where(swapped[:, None, None], ends[:, ::-1], ends).reshape(-1, 4)
    return rows[np.lexsort(rows.T[::-1])].astype(">i8").tobytes()
