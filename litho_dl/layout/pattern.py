"""Patterns: layouts up to translation, rotation by 90 degrees and mirroring; their hash and their similarity."""

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.fft import irfft2, rfft2

from litho_dl.core.dihedral import SYMMETRIES
from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize


def pattern_hash(layout: Layout) -> str:
    """SHA-256 (hex) of the union of a layout's polygons, up to translation, rotation by 90 degrees and mirroring.

    Exact in klayout's integer units (1e-5 nm up to a size of 10 um): moving a vertex by one unit changes the hash. It
    is taken from the edges of the union, moved to the origin, in that of the eight orientations whose sorted edges come
    first. How polygons are cut, ordered or overlap does not matter.

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
    """The sorted edges in one orientation, the lower left corner at the origin, as bytes."""
    if not len(edges):
        return b""
    ends = edges @ np.array(matrix).T
    ends -= ends.reshape(-1, 2).min(axis=0)
    swapped = (ends[:, 0, 0] > ends[:, 1, 0]) | ((ends[:, 0, 0] == ends[:, 1, 0]) & (ends[:, 0, 1] > ends[:, 1, 1]))
    rows = np.where(swapped[:, None, None], ends[:, ::-1], ends).reshape(-1, 4)
    return rows[np.lexsort(rows.T[::-1])].astype(">i8").tobytes()


def coarse_images(layouts: Sequence[Layout], grid: Grid) -> np.ndarray:
    """Rasterises layouts with their lower left corners at the origin.

    Args:
        layouts: Layouts no larger than the grid's field.
        grid: The pixels.

    Returns:
        Area coverage, float32 (n, H, W) in [0, 1].
    """
    moved = (layout.translated(*(-corner for corner in layout.bbox_nm[:2])) for layout in layouts)
    return np.stack([rasterize(layout, grid) for layout in moved])


def similarity(layout: Layout, images: np.ndarray, grid: Grid) -> np.ndarray:
    """Similarity of a pattern to others: the largest intersection over union of all orientations and positions.

    <a, b> / (<a, a> + <b, b> - <a, b>), maximised over the eight orientations of one pattern and its periodic shifts by
    whole pixels. It is 1 for copies at any pixel; the larger the pixel, the more patterns come close to 1.

    Args:
        layout: One pattern.
        images: The others, (n, H, W), made by `coarse_images`.
        grid: The pixels of the images.

    Returns:
        (n,), from 0 to 1.
    """
    spectra, areas = rfft2(images), np.square(images).sum((1, 2))
    best = np.zeros(len(images))
    for image in coarse_images([_turned(layout, name) for name in SYMMETRIES], grid):
        common = irfft2(spectra * rfft2(image).conj(), s=grid.shape).max((1, 2))
        best = np.maximum(best, common / (np.square(image).sum() + areas - common))
    return best


def _turned(layout: Layout, symmetry: str) -> Layout:
    matrix = np.array(SYMMETRIES[symmetry])
    return Layout(layout.name, tuple(polygon.mapped(lambda points: points @ matrix.T) for polygon in layout.polygons))
