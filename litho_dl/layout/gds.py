"""GDSII and OASIS files, through klayout."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.core.io import atomic_path
from litho_dl.layout.layout import Box, Layout, nothing_inside, require_window
from litho_dl.layout.polygon import LARGEST_COORDINATE_NM
from litho_dl.layout.stream import load_stream

if TYPE_CHECKING:
    import klayout.db as db

GDS_SUFFIXES = tuple(suffix + gz for suffix in (".gds", ".gds2", ".oas", ".oasis") for gz in ("", ".gz"))
NM_PER_MICRON = 1000.0
INT32_MAX = 2**31 - 1
DBU_NM_RANGE = (1e-4, 1e4)
MOST_SHAPES = 20_000_000
LARGEST_LAYER = 65535
MOST_VERTICES = 4000  # fits the signed 16-bit record length that older readers require


def read_gds(
    path: str | Path,
    *,
    layer: tuple[int, int] | None = None,
    cell: str | None = None,
    window_nm: Box | None = None,
) -> Layout:
    """Reads one layer of a GDSII or OASIS file, plain or gzipped, as the union of its shapes.

    The hierarchy below the cell is flattened, boxes and paths become polygons, texts are ignored, and coordinates are
    scaled by the database unit of the file.

    Args:
        path: The file; its first bytes, not its suffix, decide the format.
        layer: (layer, datatype); None: the only one with shapes.
        cell: Cell name; None: the only top cell.
        window_nm: x0, y0, x1, y1 in nm, to read only what lies inside; coordinates stay as they are. None: everything.

    Returns:
        The union, named after the cell.

    Raises:
        LayoutError: The file is missing or damaged; the layer or cell is unknown or not unique; a polygon crosses
            itself; there are no shapes.
    """
    import klayout.db as db

    from litho_dl.layout import region

    source = load_stream(path)
    units = _units_per_nm(source.dbu, path)
    top = _chosen_cell(source, cell, path)
    layers = _layers_with_shapes(source, top)
    index = _chosen_layer(layers, layer, path)
    box = _window_box(window_nm, units, path)
    _require_countable(source, top, index, box, path)

    shapes = db.RecursiveShapeIterator(source, top, index, box or db.Box.world(), True)
    shapes.shape_flags = db.Shapes.SRegions
    flat = db.Region(shapes)
    _require_simple(flat, units, path)
    union = flat.merged(True, 0)
    if box is not None:
        union = (union & db.Region(box)).merged(True, 0)
    if union.is_empty():
        where = f" on layer {_layer_text(source, index)}"
        if window_nm is not None:
            box = top.bbox(index)
            extent_nm = (box.left / units, box.bottom / units, box.right / units, box.top / units)
            raise nothing_inside(path, window_nm, extent_nm, where=where)
        raise LayoutError(f"{path}: Expected shapes{where}, got none; layers with shapes: {_listed(layers)}.")
    layout = Layout(_name(top), region.from_region(union, units), unit_nm=round(1 / units, 9))
    reach = max(map(abs, layout.bbox_nm))
    if reach > LARGEST_COORDINATE_NM:
        raise LayoutError(f"{path}: Expected coordinates within 1e9 nm, got {reach:g} nm; check the database unit.")
    return layout


def _units_per_nm(dbu_micron: float, path: str | Path) -> float:
    """Database units in one nm, free of the rounding noise of 1e-4 micron."""
    dbu_nm = dbu_micron * NM_PER_MICRON
    low, high = DBU_NM_RANGE
    if not low <= dbu_nm <= high:
        raise LayoutError(f"{path}: Expected a database unit from {low:g} to {high:g} nm, got {dbu_nm:g} nm.")
    units = 1 / dbu_nm
    return float(round(units)) if abs(units - round(units)) < 1e-9 * units else units


def _chosen_cell(source: "db.Layout", name: str | None, path: str | Path) -> "db.Cell":
    if name is not None:
        chosen = source.cell(name)
        if chosen is None:
            names = [_name(cell) for cell in source.each_cell()]
            raise LayoutError(f"{path}: Expected a cell of the file, got '{name}'; choose one of {_listed(names)}.")
        return chosen
    tops = source.top_cells()
    if len(tops) != 1:
        names = [_name(cell) for cell in tops]
        raise LayoutError(f"{path}: Expected one top cell, got {len(tops)}; choose a cell among {_listed(names)}.")
    return tops[0]


def _name(cell: "db.Cell") -> str:
    """The cell's name, or its number if the name is not UTF-8."""
    try:
        return cell.name
    except RuntimeError:
        return f"cell-{cell.cell_index()}"


def _listed(names: Iterable[str], most: int = 12) -> str:
    shown = sorted(names)
    return (", ".join(shown[:most]) or "none") + (f" and {len(shown) - most} more" if len(shown) > most else "")


def _layer_text(source: "db.Layout", index: int) -> str:
    info = source.get_info(index)
    return f"{info.layer}/{info.datatype}"


def _layers_with_shapes(source: "db.Layout", top: "db.Cell") -> dict[str, int]:
    """Layer text -> klayout layer index, for the layers with shapes in or below the cell."""
    return {_layer_text(source, index): index for index in source.layer_indexes() if not top.bbox(index).empty()}


def _chosen_layer(layers: dict[str, int], layer: tuple[int, int] | None, path: str | Path) -> int:
    if not layers:
        raise LayoutError(f"{path}: Expected shapes, got a cell without any; choose another cell.")
    if layer is None:
        if len(layers) > 1:
            raise LayoutError(
                f"{path}: Expected one layer with shapes, got several; choose a layer among {_listed(layers)}."
            )
        return next(iter(layers.values()))
    wanted = f"{layer[0]}/{layer[1]}"
    if wanted not in layers:
        raise LayoutError(
            f"{path}: Expected a layer with shapes, got {wanted}; choose a layer among {_listed(layers)}."
        )
    return layers[wanted]


def _window_box(window_nm: Box | None, units: float, path: str | Path) -> "db.Box | None":
    import klayout.db as db

    if window_nm is None:
        return None
    corners = np.rint(np.array(require_window(window_nm)) * units)
    if np.abs(corners).max() > INT32_MAX:
        raise LayoutError(f"{path}: Expected a window within the range of the file, got {window_nm} nm.")
    return db.Box(*corners.astype(np.int64).tolist())


def _require_countable(source: "db.Layout", top: "db.Cell", index: int, box: "db.Box | None", path: str | Path) -> None:
    """Refuses a flattened layer that would not fit into memory (a damaged array count, or a full chip)."""
    if box is not None:
        return
    flat: dict[int, int] = {}
    for cell_index in source.each_cell_bottom_up():
        cell = source.cell(cell_index)
        below = sum(flat[instance.cell_index] * instance.size() for instance in cell.each_inst())
        flat[cell_index] = cell.shapes(index).size() + below
    if flat[top.cell_index()] > MOST_SHAPES:
        raise LayoutError(f"{path}: Expected at most {MOST_SHAPES:,} shapes, got more; read a window of it.")


def _require_simple(flat: "db.Region", units: float, path: str | Path) -> None:
    from litho_dl.layout import region

    crossing = region.self_overlaps(flat)
    if not crossing.is_empty():
        box = crossing.bbox()
        raise LayoutError(
            f"{path}: Expected polygons that do not cross themselves, got {crossing.count()} such place(s), near "
            f"({box.left / units:g}, {box.bottom / units:g}) nm; repair the polygon."
        )


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
