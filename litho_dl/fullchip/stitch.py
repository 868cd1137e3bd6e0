"""Tiles' masks as one set of polygons."""

from pathlib import Path

from litho_dl.fullchip.mask import read_mask
from litho_dl.fullchip.tiling import Tiling
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon


def stitched(folder: Path, tiling: Tiling, number: int, digest: str, name: str) -> Layout:
    """The chip's mask after a pass, in layout coordinates; polygons that meet at a seam become one.

    Raises:
        DatasetError: A tile's file is damaged or of another run.
    """
    polygons: list[Polygon] = []
    for tile in tiling.tiles:
        found = read_mask(folder, tile, number, digest)
        if found is None:
            continue
        core, pixel_nm = found
        x0, y0, _, _ = tiling.core(tile)
        polygons += Layout(name, pixel_polygons(core, pixel_nm)).translated(x0, y0).polygons
    return Layout(name, tuple(polygons)).clipped(tiling.wanted_nm)
