"""Clips and masks, placed on the simulation field.

A clip's bounding box is centred on the field. Images (.png, .npy, .csv) are the field itself; polygon files keep the
layout's own coordinates, so that a mask opens on top of its layout in any viewer.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.core.arguments import require_paths
from litho_dl.core.errors import GridMismatchError, LayoutError, LithoError, MaskError
from litho_dl.core.grid import Grid, HasField, scale_of, whole_ratio
from litho_dl.core.io import IMAGE_SUFFIXES, read_image
from litho_dl.core.naming import require_name
from litho_dl.layout.curve_file import CURVES_SUFFIX, is_curves
from litho_dl.layout.edges import is_manhattan
from litho_dl.layout.file_pixel import file_pixel_nm, whole_factor
from litho_dl.layout.files import read_layout
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.mask_file import read_mask
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize, require_inside

FAINTEST = 1 / 32  # brightest value of an image below which it holds numbers, such as 0 and 1, in place of greys


@dataclass(frozen=True, eq=False, repr=False)
class Clip:
    """A layout and its place on the field.

    Attributes:
        name: The stem of the names of its files.
        placed: The layout in field coordinates.
        shift_nm: (dx, dy) from the layout's own coordinates to the field's.
        field_nm: (height, width) of the field.
        window_nm: x0, y0, x1, y1 in the layout's own coordinates, where shapes were cut; None: nothing was.
        cell: The layout's own name, such as its cell's; empty: `name`.
        unit_nm: Database unit of the layout's file; None: unknown.
        scale: Scale of the process that the field is of; its mask files have pixels of `MASK_FILE_PIXEL_NM` times it.

    Raises:
        LayoutError: The name cannot be part of a file name.
    """

    name: str
    placed: Layout
    shift_nm: tuple[float, float]
    field_nm: tuple[float, float]
    window_nm: Box | None = None
    cell: str = ""
    unit_nm: float | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        require_name(self.name, "the name of a clip", LayoutError)

    def __repr__(self) -> str:
        shapes, (height, width) = len(self.placed.polygons), self.field_nm
        size = "empty"
        if shapes:
            x0, y0, x1, y1 = self.placed.bbox_nm
            size = f"{shapes} {'shapes' if shapes > 1 else 'shape'} in {x1 - x0:g} x {y1 - y0:g} nm"
        return f"Clip({self.name}: {size}, on a field of {width:g} x {height:g} nm)"

    def coverage(self, pixel_nm: float) -> Tensor:
        """Exact area coverage (H, W), float32 in [0, 1], on pixels of `pixel_nm`, which must divide the field."""
        return torch.from_numpy(rasterize(self.placed, Grid.of_field(self.field_nm, pixel_nm)))


def drawn_polygons(clip: Clip) -> tuple[Polygon, ...] | None:
    """The merged polygons of a clip on the field, in nm; None if pixels of its files hold all of their edges."""
    merged, pixel_nm = clip.placed.merged().polygons, file_pixel_nm(clip)
    loops = (loop / pixel_nm for polygon in merged for loop in polygon.loops)
    on_pixels = all(bool((loop == np.rint(loop)).all()) for loop in loops)
    return None if on_pixels and is_manhattan(merged) else merged


def place(layout: Layout, optics: HasField, name: str) -> Clip:
    """Centres a layout on the field.

    Args:
        layout: The polygons.
        optics: A simulator, process model or other object with the field.
        name: The clip's name.

    Returns:
        The clip.

    Raises:
        LayoutError: The layout is empty or larger than the field.
    """
    field_nm = _field_of(optics)
    shift = layout.centring_shift(field_nm)
    placed = Layout(name, layout.translated(*shift).polygons)
    return Clip(name, placed, shift, field_nm, cell=layout.name, unit_nm=layout.unit_nm, scale=scale_of(optics))


def _field_of(optics: HasField) -> tuple[float, float]:
    """(height, width) of an object's field in nm, after checking that it has one."""
    if not hasattr(optics, "field_nm"):
        raise LithoError(
            f"Expected a simulator or other object with a field, got {type(optics).__name__}; make one by "
            f"Simulator(optics)."
        )
    return optics.field_nm


def _require_clip(clip: Clip) -> None:
    if not isinstance(clip, Clip):
        raise LithoError(f"Expected the clip of the mask, got {type(clip).__name__}; load it by load_clip.")


def load_clip(
    path: str | Path,
    optics: HasField,
    *,
    layer: str | None = None,
    cell: str | None = None,
    window_nm: Box | None = None,
    allow_missing: bool = False,
) -> Clip:
    """Reads a layout file and centres it on the field.

    Args:
        path: A GLP, GDSII or OASIS file; see `layout.files.read_layout`.
        optics: A simulator, process model or other object with the field.
        layer: A name for GLP; "11/0", "11" or a name for GDSII and OASIS; several with commas between; None: the only
            layer with shapes.
        cell: Cell name; None: the only top cell with shapes.
        window_nm: x0, y0, x1, y1 in the layout's own coordinates, to read only what lies inside; None: everything.
        allow_missing: Read on where cells are referred to that are not in the file.

    Returns:
        The clip, named after the file.

    Raises:
        LayoutError: The file, layer, cell or window is wrong, or the layout does not fit on the field.
    """
    _field_of(optics)
    layout = read_layout(path, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
    return replace(place(layout, optics, file_stem(path)), window_nm=window_nm)


def file_stem(path: str | Path) -> str:
    """The file name without the suffix of its format: `a` for `a.oas.gz`, `a.glp` and `a.curves.json`."""
    name = Path(path).name
    if is_curves(name):
        return name[: -len(CURVES_SUFFIX)]
    return Path(name.removesuffix(".gz")).stem


def load_mask_image(path: str | Path, optics: HasField, *, lowest: float = 0.0) -> Tensor:
    """Reads a mask that fills the field from .png (0 to 255), .npy or .csv.

    Args:
        path: The file.
        optics: A simulator, clip or other object with the field.
        lowest: The smallest value of the mask technology: 0, or -1 for an alternating mask.

    Returns:
        (H, W) values in [lowest, 1], float32, row 0 = lowest y.

    Raises:
        LithoError: The file cannot be read.
        MaskError: Values are not finite or lie outside [lowest, 1] (a .png's 255 is 1).
        GridMismatchError: It does not fill the field with square pixels of a whole multiple or fraction of
            `file_pixel_nm`.
    """
    field_nm, values = _field_of(optics), load_mask_values(path, lowest=lowest)
    height, width = values.shape
    try:
        pixel_nm = Grid.of_shape((height, width), field_nm).pixel_nm
    except LithoError as error:
        raise type(error)(f"{path}: {error}") from error
    file_nm = file_pixel_nm(optics)
    if not _nested(pixel_nm, file_nm):
        raise GridMismatchError(
            f"{path}: expected an image of the whole field of {field_nm[0]:g} x {field_nm[1]:g} nm on pixels of whole "
            f"{'' if file_nm == 1 else f'multiples of {file_nm:g} '}nm, or of {file_nm:g} nm over a whole number, got "
            f"{height} x {width} pixels of {pixel_nm:.6g} nm; pad or resample it, or give its field (--field)."
        )
    return values


def pixel_of(mask: Tensor, optics: HasField) -> float:
    """The pixel of a mask, from its shape.

    Args:
        mask: (..., H, W), filling the field.
        optics: A simulator, clip or other object with the field.

    Returns:
        Side of a pixel in nm.

    Raises:
        GridMismatchError: Its pixels are not square.
    """
    return Grid.of_shape((mask.shape[-2], mask.shape[-1]), optics.field_nm).pixel_nm


def load_mask_values(path: str | Path, *, lowest: float = 0.0) -> Tensor:
    """Reads mask values as `load_mask_image` does, whatever their field.

    Args:
        path: A .png (0 to 255, or to 65535 with 16 bits), .npy or .csv file.
        lowest: The smallest value of the mask technology: 0, or -1 for an alternating mask.

    Returns:
        (H, W) values in [lowest, 1], float32, row 0 = lowest y.

    Raises:
        LithoError: The file cannot be read.
        MaskError: Values are not finite or lie outside [lowest, 1] (a .png's 255 is 1).
    """
    image = read_image(path)
    scale = np.iinfo(image.dtype).max if Path(path).suffix.lower() == ".png" else 1
    low, high = float(image.min()) / scale, float(image.max()) / scale
    if not math.isfinite(high - low):
        raise MaskError(f"{path}: expected finite mask values, got NaN or infinity.")
    if low < lowest or high > 1:
        hint = "; divide it by 255" if low >= 0 and 1 < high <= 255 else ""
        raise MaskError(
            f"{path}: expected mask values in [{lowest:g}, 1] (.png: 0 to 255), got {low:g} to {high:g}{hint}."
        )
    if scale > 1 and 0 < high < FAINTEST:
        raise MaskError(
            f"{path}: expected a .png mask from 0 to {scale}, got 0 to {image.max()} only; multiply it by "
            f"{scale // image.max()}."
        )
    return torch.from_numpy(image.astype(np.float32) / scale)


def load_mask(
    path: str | Path,
    clip: Clip,
    *,
    layer: str | None = None,
    cell: str | None = None,
    allow_missing: bool = False,
) -> Tensor:
    """Reads the mask of a clip, as an image of the field or as polygons in the clip's own layout coordinates.

    Args:
        path: The file.
        clip: The clip.
        layer: Layer of a polygon file; None: the only one, or 1/0 and 1/1 of a file with nothing else.
        cell: Cell of a polygon file; None: the only top cell.
        allow_missing: Read on where cells are referred to that are not in the file.

    Returns:
        (H, W) values in [0, 1], float32, that fill the field; of polygons, their coverage on pixels of `file_pixel_nm`.

    Raises:
        LithoError: As `load_mask_image` and `layout.files.read_layout`, or the polygons leave the field.
    """
    _require_clip(clip)
    require_paths(path=path)
    if Path(path).suffix.lower() in IMAGE_SUFFIXES:
        return load_mask_image(path, clip)
    placed = _placed_mask(path, clip, layer, cell, allow_missing=allow_missing)
    return torch.from_numpy(rasterize(placed, Grid.of_field(clip.field_nm, file_pixel_nm(clip))))


def load_mask_polygons(
    path: str | Path,
    clip: Clip,
    *,
    layer: str | None = None,
    cell: str | None = None,
    allow_missing: bool = False,
) -> Layout:
    """Reads the mask of a clip as polygons on the field; an image is binarised at 0.5 and outlined along its pixels.

    Args:
        path: The file.
        clip: The clip.
        layer: Layer of a polygon file; None: the only one, or 1/0 and 1/1 of a file with nothing else.
        cell: Cell of a polygon file; None: the only top cell.
        allow_missing: Read on where cells are referred to that are not in the file.

    Returns:
        The polygons, in field coordinates.

    Raises:
        LithoError: As `load_mask_image` and `layout.files.read_layout`, or the polygons leave the field.
    """
    if Path(path).suffix.lower() in IMAGE_SUFFIXES:
        from litho_dl.layout.contour import pixel_polygons  # loads SciPy

        values = load_mask_image(path, clip)
        return Layout(file_stem(path), pixel_polygons((values >= 0.5).numpy(), pixel_of(values, clip)))
    return _placed_mask(path, clip, layer, cell, allow_missing=allow_missing)


def _placed_mask(path: str | Path, clip: Clip, layer: str | None, cell: str | None, *, allow_missing: bool) -> Layout:
    placed = read_mask(path, layer=layer, cell=cell, allow_missing=allow_missing).translated(*clip.shift_nm)
    try:
        require_inside(placed, Grid.of_field(clip.field_nm, file_pixel_nm(clip)))
    except LithoError as error:
        raise MaskError(f"{path}: {error} Mask polygons are in the target layout's coordinates.") from error
    return placed


def load_start_mask(
    path: str | Path,
    clip: Clip,
    pixel_nm: float,
    *,
    layer: str | None = None,
    cell: str | None = None,
    allow_missing: bool = False,
) -> Tensor:
    """Reads the mask of a clip, to start an optimisation from.

    Args:
        path: The file.
        clip: The clip.
        pixel_nm: Pixel of the result; must divide the field.
        layer: As for `load_mask`.
        cell: As for `load_mask`.
        allow_missing: As for `load_mask`.

    Returns:
        Area coverage (H, W), float32 in [0, 1].

    Raises:
        LithoError: As `load_mask`, or an image's pixel is neither a multiple of the wanted one nor divides it.
    """
    if Path(path).suffix.lower() not in IMAGE_SUFFIXES:
        drawn = load_mask_polygons(path, clip, layer=layer, cell=cell, allow_missing=allow_missing)
        return torch.from_numpy(rasterize(drawn, Grid.of_field(clip.field_nm, pixel_nm)))
    values = load_mask_image(path, clip)
    found_nm = pixel_of(values, clip)
    if not _nested(found_nm, pixel_nm):
        raise MaskError(
            f"{path}: expected a mask whose pixel divides the method's {pixel_nm:g} nm, or is a multiple of it, got "
            f"{found_nm:g} nm."
        )
    return on_pixel(values, found_nm, pixel_nm)


def on_pixel(mask: Tensor, mask_nm: float, pixel_nm: float) -> Tensor:
    """A mask resampled to another pixel, which divides its own or is a multiple of it.

    Args:
        mask: (h, w), bool or in [0, 1].
        mask_nm: The mask's pixel.
        pixel_nm: The new pixel.

    Returns:
        Area coverage (H, W), float32, on the CPU.

    Raises:
        MaskError: Neither pixel is a multiple of the other.
    """
    if mask_nm > pixel_nm:
        return magnified(mask.float(), mask_nm, pixel_nm)
    return avg_pool2d(mask.float().cpu()[None, None], whole_factor(pixel_nm, mask_nm))[0, 0]


def magnified(mask: Tensor, pixel_nm: float, fine_nm: float) -> Tensor:
    """A mask on a finer pixel, each value repeated.

    Args:
        mask: (..., h, w).
        pixel_nm: The mask's pixel.
        fine_nm: The finer pixel, which must divide it.

    Returns:
        (..., H, W), on the CPU.

    Raises:
        MaskError: The finer pixel does not divide the mask's.
    """
    factor = whole_factor(pixel_nm, fine_nm)
    return mask.cpu().repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def _nested(one_nm: float, other_nm: float) -> bool:
    """True if one of two pixels is a whole multiple of the other."""
    fine_nm, coarse_nm = sorted((one_nm, other_nm))
    return whole_ratio(coarse_nm, fine_nm) is not None
