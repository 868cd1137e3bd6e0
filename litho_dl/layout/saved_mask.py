"""The files of a clip's mask: an image of the field, and polygons in the layout's coordinates."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.core.io import write_png
from litho_dl.layout.bezier import BezierOutline
from litho_dl.layout.clips import Clip, magnified
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.curve_file import CURVES_SUFFIX, CurvedMask, write_curves
from litho_dl.layout.file_pixel import file_pixel_nm
from litho_dl.layout.layout import Layout
from litho_dl.layout.mask_file import PLAIN_FORM, MaskForm, write_mask
from litho_dl.layout.polygon import Polygon


class SavedMask(NamedTuple):
    """The files of a mask: the image, the polygons, the database unit of these in nm, and the curves, if it has any."""

    image: Path
    drawing: Path
    unit_nm: float
    curves: Path | None


def save_mask(
    mask: Tensor,
    pixel_nm: float,
    clip: Clip,
    folder: str | Path,
    polygons: Sequence[Polygon] | None = None,
    form: MaskForm = PLAIN_FORM,
    outlines: Sequence[BezierOutline] | None = None,
) -> SavedMask:
    """Writes NAME.mask.png, the field at 1 nm times its scale, and NAME.mask.oas (or .gds), in layout coordinates.

    With outlines, NAME.mask.curves.json holds their control points.

    Args:
        mask: Binary mask, bool (h, w).
        pixel_nm: Its pixel; a whole multiple of the file's.
        clip: The clip that it is the mask of.
        folder: Folder to write to.
        polygons: The mask as polygons on the field; None: the outline along its pixels.
        form: Format and layers of the polygons.
        outlines: The mask as Bezier outlines on the field; None: it has none.

    Returns:
        The files.

    Raises:
        MaskError: The pixel is no whole multiple of the file's.
        LayoutError: The form's layers do not fit into the format.
        OutputError: A file cannot be written.
    """
    folder = Path(folder)
    image, drawing = folder / f"{clip.name}.mask.png", folder / f"{clip.name}.mask.{form.suffix}"
    grey = 255 * mask.to(torch.uint8)
    write_png(image, magnified(grey, pixel_nm, file_pixel_nm(clip)).numpy())
    if polygons is None:
        polygons = pixel_polygons(mask.cpu().numpy(), pixel_nm)
    back_nm = (-clip.shift_nm[0], -clip.shift_nm[1])
    drawn, own = clip.placed.translated(*back_nm), Layout(clip.name, tuple(polygons)).translated(*back_nm)
    unit_nm = write_mask(drawing, own, drawn, form, cell=clip.cell or clip.name, source_nm=clip.unit_nm)
    curves = None
    if outlines is not None:
        curves = folder / f"{clip.name}.mask{CURVES_SUFFIX}"
        write_curves(curves, CurvedMask(clip.cell or clip.name, tuple(outlines)).translated(*back_nm))
    return SavedMask(image, drawing, unit_nm, curves)
