"""Reading and writing layout files; the suffix chooses the format."""

import re
from pathlib import Path

from litho_dl.core.arguments import require_boxes, require_texts
from litho_dl.core.errors import LayoutError
from litho_dl.layout.curve_file import CURVES_SUFFIX, CurvedMask, read_curves
from litho_dl.layout.gds import GDS_SUFFIXES, read_gds, write_gds
from litho_dl.layout.glp import read_glp, write_glp
from litho_dl.layout.layout import Box, Layout, nothing_inside

LAYOUT_SUFFIXES = (".glp", *GDS_SUFFIXES, CURVES_SUFFIX)


def read_layout(
    path: str | Path,
    *,
    layer: str | None = None,
    cell: str | None = None,
    window_nm: Box | None = None,
    allow_missing: bool = False,
) -> Layout:
    """Reads layers of a GLP, GDSII or OASIS file (.glp, .gds, .gds2, .oas, .oasis; the binary formats also as .gz).

    Curves (.curves.json), which have neither layers nor cells, are read as polygons within 0.1 nm of them.

    Args:
        path: The file; the suffix chooses the format.
        layer: A name for GLP; "11/0", "11" for 11/0, or an OASIS layer's name; several with commas between, as in
            "11/0,11/5", of which the union is taken; None: the only layer with shapes.
        cell: Cell name; None: the only top cell with shapes (GLP: the only cell with shapes).
        window_nm: x0, y0, x1, y1 in nm, to read only what lies inside; coordinates stay as they are. None: everything.
        allow_missing: Read on where cells are referred to that are not in the file, as if they were empty.

    Returns:
        The union of the shapes.

    Raises:
        LayoutError: The file cannot be read, or has no shapes there.
    """
    require_texts(layer=layer, cell=cell)
    require_boxes(window_nm=window_nm)
    match _suffix(path):
        case ".glp":
            return _inside(path, read_glp(path, layer=layer, cell=cell), window_nm)
        case ".curves.json":
            return _inside(path, _curves(path, layer, cell).layout().merged(), window_nm)
        case _:
            return read_gds(path, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)


def write_layout(path: str | Path, layout: Layout, *, layer: str | None = None, dbu_nm: float = 0.1) -> None:
    """Writes a layout atomically in the format of the suffix (see `read_layout`).

    Args:
        path: The file.
        layout: The polygons.
        layer: A name for GLP (None: M1); "1/0" or "1" for GDSII and OASIS (None: 1/0).
        dbu_nm: Database unit of GDSII and OASIS; GLP takes the coarsest that is exact.

    Raises:
        LayoutError: The suffix is unknown, or the format cannot hold the layout.
        OutputError: The file cannot be written.
    """
    require_texts(layer=layer)
    if not isinstance(layout, Layout):
        raise LayoutError(f"Expected a Layout to write, got {type(layout).__name__}.")
    match _suffix(path):
        case ".glp":
            write_glp(path, layout, layer=layer or "M1")
        case ".curves.json":
            raise LayoutError(f"{path}: Expected curves for {CURVES_SUFFIX}, got polygons; choose .gds or .oas.")
        case _:
            write_gds(path, layout, layer=_layer_pair(layer) or (1, 0), dbu_nm=dbu_nm)


def _curves(path: str | Path, layer: str | None, cell: str | None) -> CurvedMask:
    """The curves of a file, after checking that none of its layers and cells are asked for, as it has none."""
    if layer is not None or cell is not None:
        raise LayoutError(f"{path}: Expected no layer and no cell for {CURVES_SUFFIX}, which has none; leave them out.")
    return read_curves(path)


def _suffix(path: str | Path) -> str:
    """Which of the known suffixes a file's name has."""
    if not isinstance(path, str | Path):
        raise LayoutError(f"Expected the path of a layout file, got {type(path).__name__}.")
    name = Path(path).name.lower()
    for suffix in LAYOUT_SUFFIXES:
        if name.endswith(suffix):
            return suffix
    known = ", ".join(LAYOUT_SUFFIXES)
    raise LayoutError(f"{path}: Expected a layout file ending in {known}, got '{Path(path).suffix}'.")


def _inside(path: str | Path, layout: Layout, window_nm: Box | None) -> Layout:
    """What of a layout lies in a window.

    Raises:
        LayoutError: Nothing does.
    """
    if window_nm is None:
        return layout
    clipped = layout.clipped(window_nm)
    if not clipped.polygons:
        raise nothing_inside(path, window_nm, layout.bbox_nm)
    return clipped


def _layer_pair(layer: str | None) -> tuple[int, int] | None:
    """(layer, datatype) from "11/0" or "11"."""
    if layer is None:
        return None
    match = re.fullmatch(r"(\d{1,9})(?:/(\d{1,9}))?", layer.strip(), flags=re.ASCII)
    if match is None:
        raise LayoutError(f"Expected a GDSII layer such as 11/0 or 11, got '{layer}'.")
    return int(match[1]), int(match[2] or 0)
