"""Layout files with the target, mask, nominal print and PV band of a clip, each on its own layer."""

from collections.abc import Mapping
from pathlib import Path

from litho_dl.layout.gds import write_layers
from litho_dl.layout.layout import Layout
from litho_dl.layout.stream import load_stream, units_per_nm

LAYERS = {"target": (1, 0), "mask": (2, 0), "nominal": (3, 0), "band": (4, 0)}
SUFFIX = ".layers.oas"


def write_stack(path: str | Path, stack: Mapping[str, Layout], cell: str) -> None:
    """Writes layouts on the layers of `LAYERS` as one flat cell, atomically.

    Args:
        path: The file, ending in .oas or .gds.
        stack: Layouts by key of `LAYERS`; keys may be missing.
        cell: Name of the cell.

    Raises:
        LayoutError, OutputError: As `gds.write_layers`.
    """
    write_layers(path, {LAYERS[name]: layout for name, layout in stack.items()}, cell=cell)


def read_stack(path: str | Path) -> dict[str, Layout]:
    """Reads a file of `write_stack`; a layer that is absent or empty gives a layout without polygons.

    Raises:
        LayoutError: The file is missing or damaged.
    """
    import klayout.db as db

    from litho_dl.layout import region

    source = load_stream(path)
    units = units_per_nm(source.dbu, path)
    stack = {}
    for name, layer in LAYERS.items():
        shapes, index = db.Region(), source.find_layer(*layer)
        if index is not None:
            for top in source.top_cells():
                shapes += db.Region(top.begin_shapes_rec(index))
        stack[name] = Layout(name, region.from_region(shapes.merged(True, 0), units))
    return stack
