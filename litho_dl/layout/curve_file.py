"""Files of Bezier outlines, `NAME.curves.json`: control points for tools that take curves.

The format is our own and claims no conformance to a standard; docs/guide/curves.md describes it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.core.io import plain_file, write_text
from litho_dl.layout.bezier import GRID_NM, BezierLoop, BezierOutline
from litho_dl.layout.layout import Layout

CURVES_SUFFIX = ".curves.json"
FORMAT, VERSION, UNIT = "litho_dl curves", 1, "nm"
KEYS = ("format", "version", "unit", "name", "shapes")
SHAPE_KEYS = ("outer", "holes")
DECIMALS = 6
MOST_BYTES = 256 * 2**20


@dataclass(frozen=True, eq=False, repr=False)
class CurvedMask:
    """Bezier outlines of a mask that do not overlap, in a layout's coordinates.

    Attributes:
        name: The name of the layout or its cell.
        outlines: The outlines.
    """

    name: str
    outlines: tuple[BezierOutline, ...]

    def __repr__(self) -> str:
        return f"CurvedMask({self.name}: {len(self.outlines)} outlines)"

    def layout(self) -> Layout:
        """The outlines as polygons within `bezier.GRID_NM`."""
        return Layout(self.name, tuple(outline.flattened(GRID_NM) for outline in self.outlines))

    def translated(self, dx_nm: float, dy_nm: float) -> "CurvedMask":
        """The outlines, moved."""
        return CurvedMask(self.name, tuple(outline.translated(dx_nm, dy_nm) for outline in self.outlines))


def is_curves(path: str | Path) -> bool:
    """Whether a file's name ends as those of curves do."""
    return str(path).lower().endswith(CURVES_SUFFIX)


def write_curves(path: str | Path, mask: CurvedMask) -> None:
    """Writes outlines atomically, one segment a line.

    Args:
        path: The file; ends in `CURVES_SUFFIX`.
        mask: The outlines.

    Raises:
        LayoutError: The file's name ends otherwise.
        OutputError: The file cannot be written.
    """
    if not is_curves(path):
        raise LayoutError(f"{path}: Expected a file ending in {CURVES_SUFFIX}, got '{Path(path).name}'.")
    shapes = [
        f'{{"outer": {_loop_text(outline.hull)}, "holes": [{", ".join(map(_loop_text, outline.holes))}]}}'
        for outline in mask.outlines
    ]
    head = json.dumps({"format": FORMAT, "version": VERSION, "unit": UNIT, "name": mask.name})
    write_text(path, head[:-1] + ', "shapes": [\n' + ",\n".join(shapes) + "\n]}\n")


def _loop_text(loop: BezierLoop) -> str:
    rows = np.round(loop.segments[:, :3].reshape(-1, 6), DECIMALS) + 0.0  # no -0
    return "[\n" + ",\n".join(json.dumps(row) for row in rows.tolist()) + "]"


def read_curves(path: str | Path) -> CurvedMask:
    """Reads the outlines of a file.

    Args:
        path: The file.

    Returns:
        The outlines.

    Raises:
        LayoutError: The file is missing, damaged, of another format, version or unit, or too large. The message names
            the shape.
    """
    found = _require_keys(path, _loaded(path), KEYS, "a file of curves")
    for key, wanted in (("format", FORMAT), ("version", VERSION), ("unit", UNIT)):
        if found[key] != wanted or isinstance(found[key], bool):
            raise LayoutError(f"{path}: Expected the {key} {wanted!r}, got {found[key]!r:.60}.")
    if not isinstance(found["name"], str) or not isinstance(found["shapes"], list):
        raise LayoutError(f"{path}: Expected a name and a list of shapes, got others; write the file again.")
    if not found["shapes"]:
        raise LayoutError(f"{path}: Expected shapes, got none.")
    return CurvedMask(found["name"], tuple(_outline(path, n, shape) for n, shape in enumerate(found["shapes"])))


def _loaded(path: str | Path) -> Any:
    try:
        with open(plain_file(path, LayoutError), "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise LayoutError(f"{path}: Expected a file of at most {MOST_BYTES:,} bytes, got more.")
        return json.loads(data.decode("utf-8"))
    except FileNotFoundError:
        raise LayoutError(f"{path}: no such file.") from None
    except OSError as error:
        raise LayoutError(f"{path}: Expected a readable file, got '{error.strerror}'; check the path.") from error
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{path}: Expected JSON, got text that is none ({error}); the file is damaged.") from error


def _require_keys(where: str | Path, found: Any, keys: Sequence[str], what: str) -> dict[str, Any]:
    """`found`, if it is an object with just these keys."""
    if not isinstance(found, dict) or set(found) != set(keys):
        got = f"the keys {', '.join(map(str, found))}" if isinstance(found, dict) else type(found).__name__
        raise LayoutError(f"{where}: Expected {what} with the keys {', '.join(keys)}, got {got:.200}.")
    return found


def _outline(path: str | Path, number: int, shape: Any) -> BezierOutline:
    where = f"{path}: shape {number}"
    parts = _require_keys(where, shape, SHAPE_KEYS, "a shape")
    if not isinstance(parts["holes"], list):
        raise LayoutError(f"{where}: Expected a list of holes, got {type(parts['holes']).__name__}.")
    hull, *holes = (_loop(where, loop) for loop in (parts["outer"], *parts["holes"]))
    if hull.area_nm2 <= 0 or any(hole.area_nm2 >= 0 for hole in holes):
        raise LayoutError(f"{where}: Expected an outer loop to turn left, and holes right, got others; turn them.")
    return BezierOutline(hull, tuple(holes))


def _loop(where: str, rows: Any) -> BezierLoop:
    """The loop of rows [x, y, c1x, c1y, c2x, c2y]."""
    expected = f"{where}: Expected a loop of rows of six finite numbers"
    if not isinstance(rows, list) or not rows:
        raise LayoutError(f"{expected}, got {'an empty list' if rows == [] else type(rows).__name__}.")
    for n, row in enumerate(rows):
        if not (isinstance(row, list) and len(row) == 6 and all(type(value) in (int, float) for value in row)):
            raise LayoutError(f"{expected}, got {row!r:.60} as segment {n}.")
    try:
        points = np.array(rows, dtype=np.float64).reshape(-1, 3, 2)
        return BezierLoop(np.concatenate([points, np.roll(points[:, :1], -1, axis=0)], axis=1))
    except (OverflowError, LayoutError) as error:
        raise LayoutError(f"{where}: {error}") from error
