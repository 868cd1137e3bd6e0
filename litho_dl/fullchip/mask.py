"""Files of masks: the core of each tile and pass, the mask in a tile's window, and the stitched mask.

A file holds the mask as pixels, which neighbours are solved and scored beside, and as the outlines of its polygons,
which are stitched: the workers draw them, so that the main process need not.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from torch import Tensor

from litho_dl.core.errors import DatasetError
from litho_dl.core.grid import whole_ratio
from litho_dl.core.hdf5 import StoredFile, hdf5_bytes, open_hdf5
from litho_dl.core.io import atomic_path
from litho_dl.core.settings import Positive
from litho_dl.core.stored import Stored
from litho_dl.fullchip.plan import Plan, WorkerContext, tile_path
from litho_dl.fullchip.tiling import Tile
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon

FORMAT = "litho_dl.tile/2"


class _TileSettings(Stored):
    """The settings in a tile's file."""

    pixel_nm: Positive


def mask_file(folder: Path, tile: Tile, number: int) -> Path:
    """The path of a tile's mask: `mask_0000_0000.h5` of the first pass, `mask2_0000_0000.h5` of the second, ...

    Args:
        folder: The run's folder.
        tile: The tile.
        number: Number of the pass, from 1.

    Returns:
        The path.
    """
    return tile_path(folder, "mask" if number == 1 else f"mask{number}", tile)


def write_mask(folder: Path, tile: Tile, number: int, core: Tensor, pixel_nm: float, digest: str) -> None:
    """Writes the mask in a tile's core after a pass and its outlines, atomically.

    Args:
        folder: The run's folder.
        tile: The tile.
        number: Number of the pass, from 1.
        core: The mask, bool (n, n).
        pixel_nm: Its pixel.
        digest: Digest of the run's plan.

    Raises:
        OutputError: The file cannot be written.
    """
    attributes = {"digest": digest, "settings": json.dumps({"pixel_nm": pixel_nm})}
    polygons = pixel_polygons(core.numpy(), 1.0)
    loops = [loop for polygon in polygons for loop in polygon.loops]
    arrays: dict[str, np.ndarray | list[str]] = {
        "mask": core.numpy().astype(np.uint8)[None],
        "corners": np.concatenate(loops or [np.zeros((0, 2))]).astype(np.int32),
        "lengths": np.array([len(loop) for loop in loops], dtype=np.int32),
        "holes": np.array([len(polygon.holes) for polygon in polygons], dtype=np.int32),
    }
    with atomic_path(mask_file(folder, tile, number)) as temporary:
        temporary.write_bytes(hdf5_bytes(FORMAT, attributes, arrays))


def read_mask(folder: Path, tile: Tile, number: int, plan: Plan) -> tuple[np.ndarray, float] | None:
    """Reads the mask in a tile's core after a pass.

    Args:
        folder: The run's folder.
        tile: The tile.
        number: Number of the pass, from 1.
        plan: The run's plan.

    Returns:
        The mask, bool (n, n), and its pixel in nm; None if there is no file.

    Raises:
        DatasetError: The file is damaged or of another run.
    """
    with _opened(folder, tile, number, plan) as found:
        if found is None:
            return None
        file, pixel_nm, side = found
        return file.array("mask", "u", (1, side, side)).read()[0] > 0, pixel_nm


def read_outlines(folder: Path, tile: Tile, number: int, plan: Plan) -> tuple[Polygon, ...]:
    """Reads the polygons of the mask in a tile's core after a pass.

    Args:
        folder: The run's folder.
        tile: The tile.
        number: Number of the pass, from 1.
        plan: The run's plan.

    Returns:
        The polygons along the mask's pixels, in layout coordinates; none if there is no file.

    Raises:
        DatasetError: The file is damaged or of another run.
    """
    with _opened(folder, tile, number, plan) as found:
        if found is None:
            return ()
        file, pixel_nm, side = found
        corners = file.array("corners", "i", (None, 2)).read()
        lengths, holes = (file.array(name, "i", (None,)).read() for name in ("lengths", "holes"))
    if (
        lengths.min(initial=3) < 3
        or holes.min(initial=0) < 0
        or (lengths.sum(), holes.sum()) != (len(corners), len(lengths) - len(holes))
        or not (corners.min(initial=0) >= 0 and corners.max(initial=0) <= side)
    ):
        raise DatasetError(f"{mask_file(folder, tile, number)}: expected outlines of a mask, got others; remove it.")
    xy = corners * pixel_nm + plan.tiling.core(tile)[:2]
    loops = iter(np.split(xy, np.cumsum(lengths)[:-1]))
    return tuple(Polygon(next(loops), tuple(islice(loops, count))) for count in holes.tolist())


@contextmanager
def _opened(folder: Path, tile: Tile, number: int, plan: Plan) -> Iterator[tuple[StoredFile, float, int] | None]:
    """A tile's file, its pixel in nm, and the pixels of a core's side; None if there is no file."""
    path = mask_file(folder, tile, number)
    if not path.exists():
        yield None
        return
    with open_hdf5(path, FORMAT) as file:
        if file.attribute("digest") != plan.digest:
            raise DatasetError(f"{path}: expected a tile of this run, got another's; remove it.")
        pixel_nm = file.settings(_TileSettings).pixel_nm
        side = whole_ratio(plan.tiling.core_nm, pixel_nm)
        if side is None:
            raise DatasetError(f"{path}: expected a pixel that divides the tile, got {pixel_nm:g} nm; remove it.")
        yield file, pixel_nm, side


def window_mask(context: WorkerContext, folder: Path, tile: Tile, passes: dict[Tile, int]) -> tuple[np.ndarray, float]:
    """The chip's mask in a tile's window, with no shapes beyond the tiling's area.

    Args:
        context: The run.
        folder: The run's folder.
        tile: The tile; its window must contain shapes.
        passes: Number of the pass whose mask is used, for the tile and each of its neighbours.

    Returns:
        The mask, bool (n, n), and its pixel in nm.

    Raises:
        DatasetError: A mask is missing, damaged or of another run.
    """
    tiling = context.plan.tiling
    centre = read_mask(folder, tile, passes[tile], context.plan)
    if centre is None:
        raise _missing(folder, tile, passes[tile])
    pixel_nm = centre[1]
    halo, core = round(tiling.halo_nm / pixel_nm), round(tiling.core_nm / pixel_nm)
    side = core + 2 * halo
    mask = np.zeros((side, side), dtype=bool)
    for other, number in passes.items():
        part = centre if other == tile else read_mask(folder, other, number, context.plan)
        if part is None:
            if context.chip.clipped(tiling.window(other)).polygons:
                raise _missing(folder, other, number)
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


def _missing(folder: Path, tile: Tile, number: int) -> DatasetError:
    return DatasetError(f"{mask_file(folder, tile, number)}: expected the mask of a tile, got no file.")


def stitched(folder: Path, plan: Plan, number: int, name: str) -> Layout:
    """The chip's mask after a pass, in which polygons that meet at a seam are merged.

    Args:
        folder: The run's folder.
        plan: The run's plan.
        number: Number of the pass, from 1.
        name: Name of the layout.

    Returns:
        The mask, in layout coordinates; its polygons do not touch.

    Raises:
        DatasetError: A tile's file is damaged or of another run.
    """
    tiling = plan.tiling
    whole: list[Polygon] = []
    cut: list[Polygon] = []
    for tile in tiling.tiles:
        left, bottom, right, top = tiling.inside(tile)
        for polygon in read_outlines(folder, tile, number, plan):
            (x0, y0), (x1, y1) = polygon.hull.min(0), polygon.hull.max(0)
            (whole if left < x0 and bottom < y0 and x1 < right and y1 < top else cut).append(polygon)
    return Layout(name, (*whole, *Layout(name, tuple(cut)).clipped(tiling.wanted_nm).polygons))
