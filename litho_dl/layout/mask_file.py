"""Layout files of masks: main and assist features on layers of their own, the target beside them on request."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.files import read_layout
from litho_dl.layout.gds import GDS_SUFFIXES, LARGEST_LAYER, write_layers
from litho_dl.layout.hierarchy import Hierarchy
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.stream import load_stream

Layer = tuple[int, int]
MAIN, ASSIST = (1, 0), (1, 1)
UNITS_NM = (1.0, 0.5, 0.25, 0.1, 0.05, 0.01)  # tried where the source's unit is too coarse
PLAIN_UNIT_NM = 0.1  # where nothing else is asked for, and for curves
FEATURES_AT_ONCE = 1000  # a chip's would take hundreds of megabytes
ROUNDING = 1e-5  # units by which a vertex may miss the file's grid


@dataclass(frozen=True)
class MaskForm:
    """How the polygons of masks are written.

    Attributes:
        suffix: Suffix of the files that are named after their layout: OASIS or GDSII.
        main: (layer, datatype) of the features that overlap a drawn feature.
        assist: That of the others, which are not to print; None: the next datatype after `main`.
        target: That of the drawn layout, written beside the mask; None: it is left out.

    Raises:
        LayoutError: The target has the same layer as the mask.
    """

    suffix: Literal["oas", "gds"] = "oas"
    main: Layer = MAIN
    assist: Layer | None = None
    target: Layer | None = None

    def __post_init__(self) -> None:
        if self.assist_layer[1] > LARGEST_LAYER:
            raise LayoutError(
                f"Expected a layer of assist features, as there is none after {layer_text(self.main)}; give one."
            )
        if self.target in (self.main, self.assist_layer):
            raise LayoutError(
                f"Expected a target beside the mask's layers, got {layer_text(self.target)}; choose another."
            )

    @property
    def assist_layer(self) -> Layer:
        """(layer, datatype) of assist features."""
        return self.assist or (self.main[0], self.main[1] + 1)


PLAIN_FORM = MaskForm()


def layer_text(layer: Layer) -> str:
    """A layer as users write it, such as `11/0`."""
    return f"{layer[0]}/{layer[1]}"


def split_features(mask: Layout, drawn: Layout, *, merged: bool = False) -> tuple[Layout, Layout]:
    """The features of a mask that overlap a drawn feature, and those that overlap none: its assist features.

    Args:
        mask: The mask; polygons that overlap are one feature.
        drawn: The drawn layout, in the same coordinates.
        merged: Whether no two polygons of the mask touch, so that each is a feature.

    Returns:
        Main features and assist features.
    """
    import klayout.db as db

    from litho_dl.layout import region

    frame = region.Frame.of((*mask.polygons, *drawn.polygons))
    target, main, assist = frame.region(drawn.polygons), db.Region(), db.Region()
    features = mask.polygons if merged else frame.polygons(frame.region(mask.polygons).merged(True, 0))
    for start in range(0, len(features), FEATURES_AT_ONCE):
        part = frame.region(features[start : start + FEATURES_AT_ONCE])
        part.merged_semantics = False
        overlapping, others = part.split_overlapping(target)
        main.insert(overlapping)
        assist.insert(others)
    return Layout(mask.name, frame.polygons(main)), Layout(mask.name, frame.polygons(assist))


def write_mask(
    path: str | Path,
    mask: Layout,
    drawn: Layout,
    form: MaskForm,
    *,
    cell: str,
    source_nm: float | None,
    merged: bool = False,
) -> float:
    """Writes the layout file of a mask as one flat cell, atomically; the path's suffix chooses GDSII or OASIS.

    Args:
        path: The file.
        mask: The mask, in the layout's own coordinates.
        drawn: The drawn layout, likewise.
        form: Its layers.
        cell: Name of the cell.
        source_nm: Database unit of the drawn layout's file; None: unknown.
        merged: Whether no two polygons of the mask touch, on the file's grid, so that they need not be merged.

    Returns:
        The database unit of the file in nm.

    Raises:
        LayoutError: The layers or coordinates do not fit into the format.
        OutputError: The file cannot be written.
    """
    layers: dict[Layer, Layout] = {}
    if form.main == form.assist_layer:
        layers[form.main] = mask
    else:
        main, assist = split_features(mask, drawn, merged=merged)
        layers = {form.main: main} | ({form.assist_layer: assist} if assist.polygons else {})
    if form.target is not None:
        layers[form.target] = drawn
    unit_nm = file_unit_nm([polygon for layout in layers.values() for polygon in layout.polygons], source_nm)
    write_layers(path, layers, dbu_nm=unit_nm, cell=cell, merged=not merged)
    return unit_nm


def file_unit_nm(polygons: Iterable[Polygon], source_nm: float | None) -> float:
    """The database unit to write polygons in: the source's, if all vertices lie on its grid, otherwise a finer one.

    Args:
        polygons: The polygons.
        source_nm: The source's unit; None: unknown.

    Returns:
        The unit in nm.
    """
    if source_nm is None:
        return PLAIN_UNIT_NM
    loops = [loop for polygon in polygons for loop in polygon.loops]
    for unit_nm in (source_nm, *(unit_nm for unit_nm in UNITS_NM if unit_nm < source_nm)):
        in_units = (loop / unit_nm for loop in loops)  # one by one: a chip has millions of vertices
        if all(np.abs(places - np.rint(places)).max(initial=0) <= ROUNDING for places in in_units):
            return unit_nm
    return min(source_nm, PLAIN_UNIT_NM)


def read_mask(
    path: str | Path,
    *,
    layer: str | None = None,
    cell: str | None = None,
    window_nm: Box | None = None,
    allow_missing: bool = False,
) -> Layout:
    """Reads the layout file of a mask; without a layer, main and assist features of a file with only these two.

    Args:
        path: The file.
        layer: As for `layout.files.read_layout`; None: the only one, or 1/0 and 1/1 of a file with nothing else.
        cell: As for `read_layout`.
        window_nm: As for `read_layout`.
        allow_missing: As for `read_layout`.

    Returns:
        The union of the shapes.

    Raises:
        LayoutError: As `read_layout`.
    """
    if layer is None and str(path).lower().endswith(GDS_SUFFIXES):
        found = _filled_layers(path, cell)
        named = ",".join(map(layer_text, found))
        if len(found) > 1 and found != [MAIN, ASSIST]:
            raise LayoutError(
                f"{path}: Expected a mask on one layer, or on {layer_text(MAIN)} and {layer_text(ASSIST)}, got shapes "
                f"on {named}; choose those of main and assist features, with commas between (--mask-layer)."
            )
        layer = named or None
    return read_layout(path, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)


def _filled_layers(path: str | Path, cell: str | None) -> list[Layer]:
    """The layers with shapes in and below a cell of a GDSII or OASIS file."""
    hierarchy = Hierarchy.of(load_stream(path), cell, path)
    return sorted((info.layer, info.datatype) for info in map(hierarchy.source.get_info, hierarchy.layers))
