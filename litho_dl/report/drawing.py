"""A clip as a drawing of paths, in nm: target, mask, nominal print, PV band, and the sites that miss their edge."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from litho_dl.layout.curves import simplify
from litho_dl.layout.layout import Layout
from litho_dl.layout.stack import read_stack
from litho_dl.report.table import Record

PRINTS = ("nominal", "band")
TOLERANCE_NM = 0.75  # takes the staircase of 1 nm pixels off prints
STEPS_PER_NM = 10
MARGIN = 0.2  # of the larger side; assist features further out are there, but not seen at first


@dataclass(frozen=True)
class Drawing:
    """A clip's picture; y points up in it, so what draws it must flip it.

    Attributes:
        name: The clip.
        corner_nm: Lower left corner of the square to show first, in the layout's own coordinates.
        side_nm: Its side.
        paths: SVG path data by layer, in steps of 1 / `STEPS_PER_NM` from the corner.
        sites: (x, y) of the sites to mark, in the same unit.
        figures: What to say below it, by heading.
    """

    name: str
    corner_nm: tuple[float, float]
    side_nm: float
    paths: dict[str, str]
    sites: tuple[tuple[float, float], ...]
    figures: dict[str, str]

    @property
    def side(self) -> float:
        """The square's side in the paths' unit."""
        return round(self.side_nm * STEPS_PER_NM, 1)


def draw(name: str, path: Path, sites: Sequence[Record], figures: dict[str, str]) -> Drawing | None:
    """The drawing of a clip's layer file; None without a target and prints.

    Raises:
        LayoutError: The file is damaged.
    """
    stack = read_stack(path)
    boxes = [layout.bbox_nm for layer, layout in stack.items() if layout.polygons and layer != "mask"]
    if not boxes:
        return None
    low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    side = float((1 + 2 * MARGIN) * max(high - low))
    x0, y0 = ((low + high - side) / 2).tolist()
    paths = {layer: path_data(smoothed(layer, layout), (x0, y0)) for layer, layout in stack.items()}
    marked = tuple(((s["x_nm"] - x0) * STEPS_PER_NM, (s["y_nm"] - y0) * STEPS_PER_NM) for s in sites)
    return Drawing(name, (x0, y0), side, paths, marked, figures)


def smoothed(layer: str, layout: Layout) -> Layout:
    """Prints without the staircase of their pixels; other layers as they are."""
    if layer not in PRINTS:
        return layout
    return Layout(layout.name, simplify(layout.polygons, TOLERANCE_NM))


def path_data(layout: Layout, origin_nm: tuple[float, float]) -> str:
    """SVG path data of all loops, in whole tenths of a nm from the origin: relative, `h` and `v` where they will do."""
    parts = []
    for polygon in layout.polygons:
        for loop in polygon.loops:
            points = np.rint((loop - np.array(origin_nm)) * STEPS_PER_NM).astype(int)
            parts.append(f"M{points[0, 0]} {points[0, 1]}")
            parts += [_step(dx, dy) for dx, dy in np.diff(points, axis=0).tolist()]
            parts.append("z")
    return "".join(parts)


def _step(dx: int, dy: int) -> str:
    if dy == 0:
        return f"h{dx}"
    return f"v{dy}" if dx == 0 else f"l{dx} {dy}"
