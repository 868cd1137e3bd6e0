"""GDSII and OASIS files, through klayout."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.core.io import atomic_path
from litho_dl.layout.hierarchy import Hierarchy, Layer, listed
from litho_dl.layout.layout import Box, Layout, nothing_inside, require_window
from litho_dl.layout.stream import DBU_NM_RANGE, INT32_MAX, NM_PER_MICRON, cell_name, load_stream

if TYPE_CHECKING:
    import klayout.db as db

GDS_SUFFIXES = tuple(suffix + gz for suffix in (".gds", ".gds2", ".oas", ".oasis") for gz in ("", ".gz"))
LARGEST_LAYER = 65535
MOST_VERTICES = 4000  # fits the signed 16-bit record length that older readers require


def read_gds(
    path: str | Path,
    *,
    layer: str | tuple[int, int] | None = None,
    cell: str | None = None,
    window_nm: Box | None = None,
    allow_missing: bool = False,
) -> Layout:
    """Reads layers of a GDSII or OASIS file, plain or gzipped, as the union of their shapes.

    The hierarchy below the cell is flattened, boxes and paths become polygons, texts are ignored, and coordinates are
    scaled by the database unit of the file. Paths are drawn as klayout draws them, and instances at any angle and
    magnification, paths of odd width and the window's edges are exact to 0.01 nm.

    Args:
        path: The file; its first bytes, not its suffix, decide the format.
        layer: "11/0", "11" for 11/0, an OASIS layer's name, or several of them, as in "11/0,11/5"; or (layer,
            datatype); None: the only one with shapes.
        cell: Cell name; None: the only top cell with shapes.
        window_nm: x0, y0, x1, y1 in nm, to read only what lies inside; coordinates stay as they are. None: everything.
        allow_missing: Read on where cells are referred to that are not in the file.

    Returns:
        The union, named after the cell.

    Raises:
        LayoutError: The file is missing or damaged; cells are missing or hold themselves; the layer or cell is unknown
            or not unique; a polygon crosses itself; there are no shapes, or too many.
    """
    from litho_dl.layout.flatten import flattened

    if window_nm is not None:
        require_window(window_nm)
    hierarchy = Hierarchy.of(load_stream(path), cell, path)
    if not allow_missing:
        hierarchy.require_complete()
    layers = hierarchy.chosen(gds_layers(layer))
    union, frame = flattened(hierarchy, layers, window_nm)
    if union.is_empty():
        where = " on layer " + listed(hierarchy.layers[index] for index in layers)
        if window_nm is None:
            raise LayoutError(f"{path}: Expected shapes{where}, got none.")
        raise nothing_inside(path, window_nm, hierarchy.extent_nm(layers), where=where)
    unit_nm = round(1 / hierarchy.units_per_nm, 9)
    return Layout(cell_name(hierarchy.top), frame.polygons(union), unit_nm=unit_nm)


def gds_layers(layer: str | tuple[int, int] | None) -> list[Layer]:
    """The layers that a text such as `11/0,11/5` names, for GDSII and OASIS.

    Args:
        layer: "11/0", "11" for 11/0, a name, or several of them with commas between; or (layer, datatype).

    Returns:
        (layer, datatype) or a name, each; empty for None.

    Raises:
        LayoutError: A name is empty, or a number is too large.
    """
    if layer is None:
        return []
    return [_gds_layer(text.strip()) for text in layer.split(",")] if isinstance(layer, str) else [layer]


def _gds_layer(text: str) -> Layer:
    match = re.fullmatch(r"(\d{1,9})(?:/(\d{1,9}))?", text, flags=re.ASCII)
    if match is None and (not text or "/" in text):
        raise LayoutError(f"Expected a layer such as 11/0, 11 or an OASIS layer's name, got '{text}'.")
    return text if match is None else (int(match[1]), int(match[2] or 0))


def write_gds(
    path: str | Path,
    layout: Layout,
    *,
    layer: tuple[int, int] = (1, 0),
    dbu_nm: float = 0.1,
    cell: str | None = None,
) -> None:
    """Writes the union of a layout as one flat cell, atomically; the suffix chooses GDSII or OASIS, .gz compresses.

    Vertices are rounded to the database unit. Neither format has holes: a hole is joined to its hull by a cut of zero
    width, so that every reader sees the same area. The same layout gives the same bytes.

    Args:
        path: The file, ending in .gds, .gds2, .oas or .oasis, optionally with .gz.
        layout: The polygons.
        layer: (layer, datatype), each from 0 to 65535.
        dbu_nm: Database unit in nm.
        cell: Name of the cell; None: the layout's name.

    Raises:
        LayoutError: The suffix, layer or unit is invalid, or a coordinate does not fit into 32 bits.
        OutputError: The file cannot be written.
    """
    write_layers(path, {layer: layout}, dbu_nm=dbu_nm, cell=cell or layout.name)


def write_layers(
    path: str | Path,
    layers: Mapping[tuple[int, int], Layout],
    *,
    dbu_nm: float = 0.1,
    cell: str = "",
    merged: bool = True,
) -> None:
    """Writes several layers as one flat cell; otherwise like `write_gds`.

    Args:
        path: The file, ending in .gds, .gds2, .oas or .oasis, optionally with .gz.
        layers: Polygons by (layer, datatype).
        dbu_nm: Database unit in nm.
        cell: Name of the cell; empty: TOP.
        merged: Write the union of each layer; False: each polygon by itself.

    Raises:
        LayoutError, OutputError: As `write_gds`.
    """
    from litho_dl.layout import region

    target = _new_stream(path, dbu_nm)
    top = target.create_cell(cell or "TOP")
    for layer, layout in layers.items():
        shapes = region.to_region(layout.polygons, _writable_units_per_nm(layout, layer, dbu_nm))
        top.shapes(target.layer(*layer)).insert(shapes.merged(True, 0) if merged else shapes)
    _save_stream(path, target)


def write_library(
    path: str | Path, layouts: Iterable[Layout], *, layer: tuple[int, int] = (1, 0), dbu_nm: float = 0.1
) -> None:
    """Writes each layout as a flat cell of its name; otherwise like `write_gds`.

    Args:
        path: The file, ending in .gds, .gds2, .oas or .oasis, optionally with .gz.
        layouts: The layouts, of different names.
        layer: (layer, datatype) of all cells.
        dbu_nm: Database unit in nm.

    Raises:
        LayoutError, OutputError: As `write_gds`; also LayoutError if two layouts have the same name.
    """
    from litho_dl.layout import region

    target = _new_stream(path, dbu_nm)
    index = target.layer(*layer)
    for layout in layouts:
        if target.has_cell(layout.name):
            raise LayoutError(f"{path}: Expected layouts with names of their own, got '{layout.name}' twice.")
        shapes = region.to_region(layout.polygons, _writable_units_per_nm(layout, layer, dbu_nm))
        target.create_cell(layout.name).shapes(index).insert(shapes.merged(True, 0))
    _save_stream(path, target)


def exact_dbu_nm(layouts: Iterable[Layout]) -> float:
    """The coarsest database unit of 0.1, 0.01, 0.001 and 0.0001 nm in which all vertices are whole.

    Args:
        layouts: The layouts.

    Returns:
        The unit in nm; 0.0001 if there is none.
    """
    loops = [loop for layout in layouts for polygon in layout.polygons for loop in polygon.loops]
    xy = np.concatenate(loops) if loops else np.zeros((0, 2))
    whole = (units for units in (10, 100, 1000) if np.allclose(xy * units, np.rint(xy * units), rtol=0, atol=1e-5))
    return 1 / next(whole, 10_000)


def _new_stream(path: str | Path, dbu_nm: float) -> "db.Layout":
    """An empty layout for a file, after checking its suffix."""
    import klayout.db as db

    if not Path(path).name.lower().endswith(GDS_SUFFIXES):
        raise LayoutError(
            f"{path}: Expected a file ending in .gds or .oas (or .gz of them), got '{Path(path).suffix}'."
        )
    target = db.Layout()
    target.dbu = dbu_nm / NM_PER_MICRON
    return target


def _save_stream(path: str | Path, target: "db.Layout") -> None:
    """Writes a layout atomically in the format of the suffix, without time stamps."""
    import klayout.db as db

    name = Path(path).name.lower()
    options = db.SaveLayoutOptions()
    options.format = "OASIS" if ".oas" in name else "GDS2"
    options.gds2_write_timestamps = False
    options.gds2_max_vertex_count = MOST_VERTICES
    with atomic_path(path) as temporary:
        try:
            target.write(str(temporary), options)
        except RuntimeError as error:
            raise LayoutError(f"{path}: Expected a layout that can be written, got: {error}") from error


def _writable_units_per_nm(layout: Layout, layer: tuple[int, int], dbu_nm: float) -> float:
    """Database units in one nm, after checking that layer and coordinates fit into the file."""
    low, high = DBU_NM_RANGE
    if not low <= dbu_nm <= high:
        raise LayoutError(f"Expected a database unit from {low:g} to {high:g} nm, got {dbu_nm:g} nm.")
    if not all(0 <= number <= LARGEST_LAYER for number in layer):
        raise LayoutError(f"Expected layer and datatype from 0 to {LARGEST_LAYER}, got {layer[0]}/{layer[1]}.")
    reach = max((float(np.abs(polygon.hull).max()) for polygon in layout.polygons), default=0.0)
    if reach / dbu_nm > INT32_MAX:
        raise LayoutError(
            f"Expected coordinates within {INT32_MAX * dbu_nm:g} nm at a unit of {dbu_nm:g} nm, got {reach:g}; "
            f"choose a coarser unit."
        )
    return 1 / dbu_nm
