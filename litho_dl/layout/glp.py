"""GLP: the text format of the ICCAD 2013 contest clips."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.core.io import plain_file, write_text
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import LARGEST_COORDINATE_NM, Polygon

NM_PER_MICRON = 1000.0
WRITABLE_UNITS_PER_NM = (1, 10, 100, 1000)
MOST_BYTES = 64 * 2**20
MOST_SHAPES = 200_000
MOST_VERTICES = 100_000  # of one polygon
COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
KEYWORDS = ("BEGIN", "EQUIV", "CNAME", "LEVEL", "CELL", "RECT", "PGON", "ENDMSG")


@dataclass
class _Parser:
    """The state of the parser; `where` names the current line."""

    where: str
    unit_nm: float | None = None
    cell: str | None = None
    begun: bool = False
    ended: bool = False
    name: str = ""
    shapes: dict[tuple[str, str], list[Polygon]] = field(default_factory=dict)
    count: int = 0

    def error(self, expected: str, got: str) -> LayoutError:
        return LayoutError(f"{self.where}: Expected {expected}, got {got}.")


def read_glp(path: str | Path, *, layer: str | None = None, cell: str | None = None) -> Layout:
    """Reads layers of one cell of a GLP file as the union of their shapes.

    Args:
        path: The file.
        layer: A layer's name, or several with commas between; None: the only layer with shapes.
        cell: Cell name; None: the only cell with shapes.

    Returns:
        The union, named by CNAME, or else after the cell.

    Raises:
        LayoutError: The file is missing, damaged, empty or too large; a shape is degenerate, slanted or crosses itself;
            the layer or cell is unknown or not unique. The message names file and line.
    """
    parser = _Parser(where=str(path))
    for number, tokens in _statements(path):
        parser.where = f"{path}:{number}"
        _read_statement(parser, tokens)
    if not parser.ended:
        raise parser.error("ENDMSG as the last statement", "the end of the file; the file is truncated")
    chosen_cell = _choose("cell", cell, sorted({key[0] for key in parser.shapes}), path)
    in_cell = sorted(key[1] for key in parser.shapes if key[0] == chosen_cell)
    names = [None] if layer is None else [name.strip() for name in layer.split(",")]
    layers = {_choose("layer", name, in_cell, path) for name in names}
    polygons = tuple(polygon for name in sorted(layers) for polygon in parser.shapes[chosen_cell, name])
    _require_mergeable(polygons, path)
    return Layout(parser.name or chosen_cell, polygons).merged()


def _require_mergeable(polygons: Sequence[Polygon], path: str | Path) -> None:
    import klayout.db as db

    from litho_dl.layout import merge, region

    shapes = db.Shapes()
    if len(polygons) > merge.FEW_SHAPES:
        shapes.insert(region.Frame.of(polygons).region(polygons))
    merge.require_mergeable(shapes, path)


def _statements(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and tokens of every line that is not blank, without comments."""
    try:
        with open(plain_file(path, LayoutError), "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise LayoutError(
                f"{path}: Expected a GLP file of at most {MOST_BYTES:,} bytes, got more; save it as GDSII or OASIS."
            )
        text = data.decode("utf-8")
    except FileNotFoundError:
        raise LayoutError(f"{path}: no such file.") from None
    except OSError as error:
        raise LayoutError(f"{path}: Expected a readable GLP file, got '{error.strerror}'; check the path.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise LayoutError(f"{path}:{line}: Expected text, got the byte 0x{error.object[error.start]:02x}.") from error
    if not text.strip():
        raise LayoutError(f"{path}: Expected a GLP file, got an empty file.")
    for number, content in enumerate(text.split("\n"), start=1):
        tokens = COMMENT.sub(" ", content).split()
        if tokens:
            yield number, tokens


def _read_statement(parser: _Parser, tokens: list[str]) -> None:
    keyword, values = tokens[0], tokens[1:]
    if keyword not in KEYWORDS:
        raise parser.error(f"one of {', '.join(KEYWORDS)}", _quoted(keyword))
    if parser.ended:
        raise parser.error("nothing after ENDMSG", _quoted(keyword))
    if parser.begun == (keyword == "BEGIN"):
        raise parser.error("one BEGIN as the first statement", _quoted(keyword))
    if keyword == "BEGIN":
        parser.begun = True
    elif keyword == "EQUIV":
        parser.unit_nm = _unit_nm(parser, values)
    elif keyword == "CNAME":
        parser.name = " ".join(values)
    elif keyword == "CELL":
        if not values:
            raise parser.error("CELL <name> PRIME", "no name")
        parser.cell = values[0]
    elif keyword in ("RECT", "PGON"):
        _read_shape(parser, keyword, values)
    elif keyword == "ENDMSG":
        parser.ended = True


def _quoted(text: str) -> str:
    """A token for a message, shortened and printable."""
    return repr(text if len(text) <= 40 else text[:40] + "...")


def _numbers(parser: _Parser, tokens: Sequence[str]) -> list[float]:
    """The tokens as finite numbers."""
    numbers = []
    for token in tokens:
        try:
            number = float(token)
        except ValueError:
            number = np.nan
        if not np.isfinite(number):
            raise parser.error("numbers", _quoted(token))
        numbers.append(number)
    return numbers


def _unit_nm(parser: _Parser, values: list[str]) -> float:
    """Nanometres of one unit from EQUIV <n> <m> MICRON: one unit is n/m micron."""
    if parser.unit_nm is not None:
        raise parser.error("one EQUIV", "a second one")
    if len(values) < 3 or values[2].upper() not in ("MICRON", "MICRONS") or values[3:] not in ([], ["+X,+Y"]):
        raise parser.error("EQUIV <n> <m> MICRON +X,+Y", _quoted(" ".join(values)))
    numerator, denominator = _numbers(parser, values[:2])
    if not 1e-6 <= numerator <= 1e6 or not 1e-6 <= denominator <= 1e6:
        raise parser.error("a ratio of positive numbers", f"{numerator:g} / {denominator:g}")
    return NM_PER_MICRON * numerator / denominator


def _read_shape(parser: _Parser, keyword: str, values: list[str]) -> None:
    if parser.unit_nm is None or parser.cell is None:
        raise parser.error("EQUIV and CELL before the first shape", keyword)
    if len(values) < 2:
        raise parser.error(f"{keyword} N <layer> <coordinates>", f"{len(values)} values")
    vertices = np.array(_numbers(parser, values[2:])) * parser.unit_nm
    hull = _rectangle(parser, vertices) if keyword == "RECT" else _polygon(parser, vertices)
    if np.abs(hull).max() > LARGEST_COORDINATE_NM:
        raise parser.error("coordinates within 1e9 nm", f"{np.abs(hull).max():g} nm")
    if keyword == "PGON":
        _require_simple(parser, hull)
    parser.count += 1
    if parser.count > MOST_SHAPES:
        raise parser.error(f"at most {MOST_SHAPES:,} shapes", "more; save the layout as GDSII or OASIS")
    parser.shapes.setdefault((parser.cell, values[1]), []).append(Polygon(hull))


def _rectangle(parser: _Parser, values: np.ndarray) -> np.ndarray:
    if len(values) != 4:
        raise parser.error("RECT N <layer> x y width height", f"{len(values)} numbers")
    x, y, width, height = values
    if width <= 0 or height <= 0:
        raise parser.error("a rectangle of positive size", f"{width:g} x {height:g} nm")
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])


def _polygon(parser: _Parser, values: np.ndarray) -> np.ndarray:
    if len(values) % 2:
        raise parser.error("x y pairs", f"{len(values)} numbers")
    hull = values.reshape(-1, 2)
    if len(hull) > 1 and (hull[0] == hull[-1]).all():
        hull = hull[:-1]
    if not 4 <= len(hull) <= MOST_VERTICES:
        raise parser.error(f"a polygon of 4 to {MOST_VERTICES:,} vertices", str(len(hull)))
    steps = np.roll(hull, -1, axis=0) - hull
    bad = np.flatnonzero((steps != 0).sum(axis=1) != 1)
    if len(bad):
        (xa, ya), (xb, yb) = hull[bad[0]], hull[(bad[0] + 1) % len(hull)]
        raise parser.error("horizontal and vertical edges", f"one from ({xa:g}, {ya:g}) to ({xb:g}, {yb:g}) nm")
    return hull


def _require_simple(parser: _Parser, hull: np.ndarray) -> None:
    from litho_dl.layout import region
    from litho_dl.layout.merge import self_crossing

    shape = (Polygon(hull),)
    frame = region.Frame.of(shape)
    as_region = frame.region(shape)
    place = self_crossing(as_region)
    if place is not None:
        x, y = frame.point_nm(place)
        raise parser.error("a polygon that does not cross itself", f"an overlap near ({x:g}, {y:g}) nm")
    if as_region.area() == 0:
        raise parser.error("a polygon of positive area", "zero area")


def _choose(kind: str, wanted: str | None, present: list[str], path: str | Path) -> str:
    """The wanted name, or the only one present."""
    listed = ", ".join(present)
    if not present:
        raise LayoutError(f"{path}: Expected shapes, got a file without RECT or PGON.")
    if wanted is not None and wanted not in present:
        raise LayoutError(f"{path}: Expected a {kind} with shapes, got '{wanted}'; choose one of {listed}.")
    if wanted is None and len(present) > 1:
        raise LayoutError(f"{path}: Expected one {kind} with shapes, got several; choose one of {listed}.")
    return wanted if wanted is not None else present[0]


def write_glp(path: str | Path, layout: Layout, layer: str = "M1") -> None:
    """Writes the union of a rectilinear layout atomically; polygons with holes become rectangles.

    The unit is the coarsest of 1, 0.1, 0.01 and 0.001 nm in which all coordinates are whole.

    Args:
        path: The file.
        layout: The polygons.
        layer: Layer name, without blanks.

    Raises:
        LayoutError: The layout has slanted edges or coordinates finer than 0.001 nm, or the layer's name has blanks.
        OutputError: The file cannot be written.
    """
    if not layer or layer.split() != [layer] or "/*" in layer:
        raise LayoutError(f"Expected a layer name without blanks, got '{layer}'; write for example M1.")
    merged = layout.merged()
    name = "_".join(layout.name.replace("/*", "_").split()) or "TOP"
    units = _writable_units_per_nm(merged)
    lines = ["BEGIN", f"EQUIV  1  {1000 * units}  MICRON  +X,+Y", f"CNAME {name}", f"LEVEL {layer}", ""]
    lines += [f"CELL {name} PRIME", *_shape_lines(merged, layer, units), "ENDMSG", ""]
    write_text(path, "\n".join(lines))


def _writable_units_per_nm(layout: Layout) -> int:
    loops = [loop for polygon in layout.polygons for loop in polygon.loops]
    xy = np.concatenate(loops) if loops else np.zeros((0, 2))
    for units in WRITABLE_UNITS_PER_NM:
        if np.allclose(xy * units, np.rint(xy * units), rtol=0, atol=1e-6):
            return units
    raise LayoutError("Expected coordinates on a 0.001 nm grid for GLP, got finer ones; snap them or write GDSII.")


def _shape_lines(layout: Layout, layer: str, units: int) -> Iterator[str]:
    from litho_dl.layout.fracture import fracture

    def whole(values: np.ndarray) -> str:
        return "  ".join(str(value) for value in np.rint(values * units).astype(np.int64).ravel().tolist())

    for polygon in layout.polygons:
        if any(((np.roll(loop, -1, axis=0) - loop) != 0).all(axis=1).any() for loop in polygon.loops):
            raise LayoutError("Expected a rectilinear layout for GLP, got slanted edges; write GDSII or OASIS.")
        if polygon.holes or len(polygon.hull) == 4:
            for x0, y0, x1, y1 in fracture((polygon,)):
                yield f"   RECT N {layer}  {whole(np.array([x0, y0, x1 - x0, y1 - y0]))}"
        else:
            yield f"   PGON N {layer}  {whole(polygon.hull)}"
