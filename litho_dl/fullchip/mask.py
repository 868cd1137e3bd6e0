"""Tiles' masks on disk: a core for each tile and pass, those in a tile's window, and all of them stitched."""

import json
import math
from pathlib import Path

import numpy as np
from torch import Tensor

from litho_dl.core.errors import DatasetError
from litho_dl.core.hdf5 import file_bytes, opened
from litho_dl.core.io import atomic_path
from litho_dl.fullchip.plan import Setting, tile_path
from litho_dl.fullchip.tiling import Tile, Tiling
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

FORMAT = "litho_dl.tile/1"


def mask_file(folder: Path, tile: Tile, number: int) -> Path:
    """Where a tile's mask of a pass lies: `mask_0000_0000.h5`, then `mask2_0000_0000.h5`, ..."""
    return tile_path(folder, "mask" if number == 1 else f"mask{number}", tile)


def write_mask(folder: Path, tile: Tile, number: int, core: Tensor, pixel_nm: float, digest: str) -> None:
    """Writes a tile's core of a pass, bool (n, n), atomically."""
    attributes = {"digest": digest, "settings": json.dumps({"pixel_nm": pixel_nm})}
    arrays = {"mask": core.numpy().astype(np.uint8)[None]}
    with atomic_path(mask_file(folder, tile, number)) as temporary:
        temporary.write_bytes(file_bytes(FORMAT, attributes, arrays))


def read_mask(folder: Path, tile: Tile, number: int, digest: str) -> tuple[np.ndarray, float] | None:
    """A tile's core of a pass, bool (n, n), and its pixel; None if there is none.

    Raises:
        DatasetError: The file is damaged or of another run.
    """
    path = mask_file(folder, tile, number)
    if not path.exists():
        return None
    with opened(path, FORMAT) as file:
        if file.attrs["digest"] != digest:
            raise DatasetError(f"{path}: expected a tile of this run, got another's; remove it.")
        return file["mask"][0] > 0, float(json.loads(file.attrs["settings"])["pixel_nm"])


def window_mask(own: Setting, folder: Path, tile: Tile, passes: dict[Tile, int]) -> tuple[np.ndarray, float]:
    """The chip's mask in the window of a tile that sees something, bool (n, n), and its pixel; closed beyond the area.

    Args:
        own: The run's.
        folder: The run's.
        tile: Which one.
        passes: Whose masks are taken: a pass for the tile and for each that touches it.

    Raises:
        DatasetError: A mask is missing, damaged or of another run.
    """
    tiling = own.plan.tiling
    found = {other: read_mask(folder, other, number, own.plan.digest) for other, number in passes.items()}
    for other, part in found.items():
        if part is None and own.chip.clipped(tiling.window(other)).polygons:
            raise DatasetError(f"{mask_file(folder, other, passes[other])}: expected the mask of a tile, got no file.")
    mine = found[tile]
    assert mine is not None
    pixel_nm = mine[1]
    halo, core = round(tiling.halo_nm / pixel_nm), round(tiling.core_nm / pixel_nm)
    side = core + 2 * halo
    mask = np.zeros((side, side), dtype=bool)
    for other, part in found.items():
        if part is None:
            continue
        (rows, row), (columns, column) = (
            (slice(max(low, 0), min(low + core, side)), max(-low, 0))
            for low in (halo + (other.row - tile.row) * core, halo + (other.column - tile.column) * core)
        )
        height, width = rows.stop - rows.start, columns.stop - columns.start
        mask[rows, columns] = part[0][row : row + height, column : column + width]
    left, bottom, _, _ = tiling.window(tile)
    _, _, right, top = tiling.area_nm
    mask[math.ceil((top - bottom) / pixel_nm) :] = False
    mask[:, math.ceil((right - left) / pixel_nm) :] = False
    return mask, pixel_nm


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
