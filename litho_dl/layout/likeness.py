"""How alike two patterns are, wherever they lie and however they are turned or mirrored."""

from collections.abc import Sequence

import numpy as np

from litho_dl.core.grid import Grid
from litho_dl.core.symmetry import SYMMETRIES
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize


def coarse_images(layouts: Sequence[Layout], grid: Grid) -> np.ndarray:
    """Area coverage of each layout, float32 (n, H, W), its lower-left corner at the origin."""
    moved = (layout.translated(*(-corner for corner in layout.bbox_nm[:2])) for layout in layouts)
    return np.stack([rasterize(layout, grid) for layout in moved])


def likeness(layout: Layout, images: np.ndarray, grid: Grid) -> np.ndarray:
    """The share of what either pattern covers that both do, where the best of eight images of one lies best on another.

    <a, b> / (<a, a> + <b, b> - <a, b>), the largest over all moves by whole pixels round the field. Copies have 1 at
    any pixel; the larger the pixel, the less it takes to be as good as one.

    Args:
        layout: One pattern.
        images: The others, (n, H, W) as of `coarse_images`.
        grid: Their pixels.

    Returns:
        (n,), from 0 to 1.
    """
    from scipy.fft import irfft2, rfft2

    spectra, areas = rfft2(images), np.square(images).sum((1, 2))
    best = np.zeros(len(images))
    for image in coarse_images([_turned(layout, name) for name in SYMMETRIES], grid):
        common = irfft2(spectra * rfft2(image).conj(), s=grid.shape).max((1, 2))
        best = np.maximum(best, common / (np.square(image).sum() + areas - common))
    return best


def _turned(layout: Layout, symmetry: str) -> Layout:
    matrix = np.array(SYMMETRIES[symmetry])
    return Layout(layout.name, tuple(polygon.mapped(lambda points: points @ matrix.T) for polygon in layout.polygons))
