"""Cells and layers of a GDSII or OASIS file: which to read, what is missing, and how much it is when flattened."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from litho_dl.core.errors import LayoutError
from litho_dl.layout.layout import Box
from litho_dl.layout.stream import cell_name, units_per_nm

if TYPE_CHECKING:
    import klayout.db as db

Layer = tuple[int, int] | str

MOST_SHAPES = 5_000_000
SMALL_CELL = 500  # cells of fewer shapes count in full where a window touches them
MOST_VISITS = 20_000  # of larger cells, to count the shapes of a window


def listed(names: Iterable[str], most: int = 12) -> str:
    """The first names, sorted, for a message."""
    shown = sorted(names)
    return (", ".join(shown[:most]) or "none") + (f" and {len(shown) - most} more" if len(shown) > most else "")


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A cell of a loaded file, and all cells below it.

    Attributes:
        source: The file.
        top: The cell.
        path: The file's path, for messages.
    """

    source: "db.Layout"
    top: "db.Cell"
    path: str | Path

    @classmethod
    def of(cls, source: "db.Layout", cell: str | None, path: str | Path) -> "Hierarchy":
        """The hierarchy below a cell; None: the only top cell that holds shapes, or references to absent cells.

        Raises:
            LayoutError: The cell is unknown, or not unique.
        """
        if cell is not None:
            chosen = source.cell(cell)
            if chosen is None:
                names = [cell_name(one) for one in source.each_cell()]
                raise LayoutError(f"{path}: Expected a cell of the file, got '{cell}'; choose one of {listed(names)}.")
            return cls(source, chosen, path)
        tops = [cls(source, top, path) for top in source.top_cells()]
        full = [one for one in tops if one.layers or one.missing] or tops[:1]
        if len(full) != 1:
            names = [cell_name(one.top) for one in full]
            raise LayoutError(f"{path}: Expected one top cell, got {len(names)}; choose a cell among {listed(names)}.")
        return full[0]

    @cached_property
    def units_per_nm(self) -> float:
        """The file's units in one nm."""
        return units_per_nm(self.source.dbu, self.path)

    def extent_nm(self, layers: Sequence[int]) -> Box:
        """x0, y0, x1, y1 in nm of all that lies on some of the file's layers."""
        box = sum((self.top.bbox(index) for index in layers), type(self.top.bbox())())
        x0, y0, x1, y1 = (value / self.units_per_nm for value in (box.left, box.bottom, box.right, box.top))
        return x0, y0, x1, y1

    @cached_property
    def cells(self) -> list["db.Cell"]:
        """The cell and all below it."""
        return [self.top, *map(self.source.cell, self.top.called_cells())]

    @cached_property
    def missing(self) -> list[str]:
        """Names of the cells that are referred to, but not in the file."""
        return [cell_name(cell) for cell in self.cells if cell.is_ghost_cell()]

    @cached_property
    def layers(self) -> dict[int, str]:
        """klayout's layer index -> its name for messages, for the layers with shapes that have an area."""
        return {
            index: _layer_text(self.source.get_info(index))
            for index in self.source.layer_indexes()
            if any(_has_area(cell.shapes(index)) for cell in self.cells)
        }

    @cached_property
    def on_grid(self) -> bool:
        """Whether all outlines have whole coordinates: no path, and no instance at an angle or magnified."""
        import klayout.db as db

        paths = (cell.shapes(index).each(db.Shapes.SPaths) for cell in self.cells for index in self.layers)
        turned = (instance.is_complex() for cell in self.cells for instance in cell.each_inst())
        return not any(turned) and all(next(shapes, None) is None for shapes in paths)

    @cached_property
    def magnification(self) -> float:
        """The largest factor, at least 1, by which instances magnify a cell on its way to the top."""
        factors = {self.top.cell_index(): 1.0}
        for cell_index in self.source.each_cell_top_down():
            if cell_index in factors:
                for instance in self.source.cell(cell_index).each_inst():
                    factor = factors[cell_index] * instance.cplx_trans.mag
                    factors[instance.cell_index] = max(factor, factors.get(instance.cell_index, 0.0))
        return max(1.0, *factors.values())

    def require_complete(self) -> None:
        """Refuses references to absent cells."""
        if self.missing:
            raise LayoutError(
                f"{self.path}: Expected all cells that '{cell_name(self.top)}' refers to, got none of "
                f"{listed(self.missing)}; read a complete file, or go on without them by allow_missing "
                f"(--allow-missing)."
            )

    def chosen(self, wanted: Sequence[Layer]) -> list[int]:
        """klayout's indices of the wanted layers, or of the only one with shapes.

        Args:
            wanted: (layer, datatype) or a layer's name, each; empty: the only layer with shapes.

        Raises:
            LayoutError: A layer has no shapes, or it is not unique.
        """
        names = listed(self.layers.values())
        if not self.layers:
            raise LayoutError(f"{self.path}: Expected shapes, got a cell without any; choose another cell.")
        if not wanted and len(self.layers) > 1:
            raise LayoutError(
                f"{self.path}: Expected one layer with shapes, got several; choose a layer among {names}."
            )
        found = [[index for index in self.layers if self._is(index, layer)] for layer in wanted]
        for layer, indices in zip(wanted, found, strict=True):
            if not indices:
                text = layer if isinstance(layer, str) else f"{layer[0]}/{layer[1]}"
                raise LayoutError(
                    f"{self.path}: Expected a layer with shapes, got {text}; choose a layer among {names}."
                )
        return sorted({index for indices in found for index in indices}) if wanted else list(self.layers)

    def _is(self, index: int, layer: Layer) -> bool:
        info = self.source.get_info(index)
        return bool(info.name == layer if isinstance(layer, str) else (info.layer, info.datatype) == layer)

    def require_countable(self, index: int, box: "db.Box | None") -> None:
        """Refuses what would not fit into memory or time (a damaged array, cells that double, or a full chip).

        Args:
            index: klayout's layer index.
            box: Count only what touches this box, in the file's units; None: everything.
        """
        flat: dict[int, int] = {}
        called = {cell.cell_index() for cell in self.cells}
        for cell_index in self.source.each_cell_bottom_up():
            if cell_index in called:
                cell = self.source.cell(cell_index)
                below = sum(flat[instance.cell_index] * instance.size() for instance in cell.each_inst())
                flat[cell_index] = cell.shapes(index).size() + below
        count = flat[self.top.cell_index()]
        if count > MOST_SHAPES and box is not None:
            count = self._count_inside(index, box, flat)
        if count > MOST_SHAPES:
            advice = "read a window of it" if box is None else "read a smaller window"
            raise LayoutError(f"{self.path}: Expected at most {MOST_SHAPES:,} shapes, got more; {advice}.")

    def _count_inside(self, index: int, box: "db.Box", flat: dict[int, int]) -> int:
        """How many shapes touch a box, at most; `flat` has the number of each cell and all below it."""
        count = visits = 0
        waiting = [(self.top, box)]
        while waiting and count <= MOST_SHAPES and visits <= MOST_VISITS:
            cell, part = waiting.pop()
            visits += 1
            if cell.bbox(index).inside(part):
                count += flat[cell.cell_index()]
                continue
            count += sum(1 for _ in cell.shapes(index).each_touching(part))
            for instance in cell.each_touching_inst(part):
                child = self.source.cell(instance.cell_index)
                places = _touching(instance.cell_inst, child.bbox(index), part)
                if flat[instance.cell_index] <= SMALL_CELL:
                    count += flat[instance.cell_index] * len(places)
                else:
                    waiting += [(child, part.transformed(place.inverted())) for place in islice(places, MOST_VISITS)]
        return MOST_SHAPES + 1 if waiting else count


def _touching(array: "db.CellInstArray", extent: "db.Box", box: "db.Box") -> "_Members | list[db.ICplxTrans]":
    """Where the cells of an array lie that touch a box, and perhaps others."""
    import klayout.db as db

    if extent.empty():
        return []
    columns, rows = max(1, array.na), max(1, array.nb)
    if array.size() != columns * rows:  # at places of their own
        return [place for place in array.each_cplx_trans() if extent.transformed(place).touches(box)]
    a, b, first = array.a, array.b, extent.transformed(array.cplx_trans)
    if columns == 1:
        a = db.Vector(-b.y, b.x) if rows > 1 else db.Vector(1, 0)
    if rows == 1:
        b = db.Vector(-a.y, a.x)
    area = a.x * b.y - a.y * b.x
    if not area:
        return _Members(array, range(columns), range(rows))
    # A shift i a + j b must lie in the box, widened by the cell; solved for i and j at its corners.
    low, high = box.p1 - first.p2, box.p2 - first.p1
    corners = [(x, y) for x in (low.x, high.x) for y in (low.y, high.y)]
    i = _whole([(x * b.y - y * b.x) / area for x, y in corners], columns)
    return _Members(array, i, _whole([(y * a.x - x * a.y) / area for x, y in corners], rows))


def _whole(values: list[float], count: int) -> range:
    """The whole numbers from 0 below `count` among real ones."""
    return range(max(0, math.ceil(min(values))), min(count - 1, math.floor(max(values))) + 1)


@dataclass(frozen=True)
class _Members:
    """Some columns and rows of an array of cells."""

    array: "db.CellInstArray"
    columns: range
    rows: range

    def __len__(self) -> int:
        return len(self.columns) * len(self.rows)

    def __iter__(self) -> Iterator["db.ICplxTrans"]:
        import klayout.db as db

        for column in self.columns:
            for row in self.rows:
                yield db.ICplxTrans(self.array.a * column + self.array.b * row) * self.array.cplx_trans


def _layer_text(info: "db.LayerInfo") -> str:
    """`11/0`, and the name of a layer that has one."""
    numbers = f"{info.layer}/{info.datatype}" if info.layer >= 0 else ""
    return f"{numbers} ({info.name})" if numbers and info.name else numbers or str(info.name)


def _has_area(shapes: "db.Shapes") -> bool:
    """Whether a cell's shapes of a layer cover anything; texts and degenerate shapes do not."""
    import klayout.db as db

    return any(_area(shape) for shape in shapes.each(db.Shapes.SRegions))


def _area(shape: "db.Shape") -> float:
    """The area of a shape; that of a path in floating point, as a path may be narrower than two units."""
    if shape.is_path():
        import klayout.db as db

        return float(abs(db.DPath(shape.path).polygon().area()))
    return float(shape.area())
