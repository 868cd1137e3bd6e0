"""A clip drawn as SVG paths: target, mask, nominal print, PV band, and the sites of EPE violations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from litho_dl.layout.curves import simplify
from litho_dl.layout.layout import Layout
from litho_dl.report.table import Record

Frame = tuple[np.ndarray, np.ndarray]  # lower left and upper right corner, (x, y) in nm
PRINTS = ("nominal", "band")
TOLERANCE_NM = 0.75  # of simplified prints; enough to remove the staircase of 1 nm pixels
STEPS_PER_NM = 10
MARGIN = 0.2  # shown at first on each side, relative to the larger side; SRAFs may lie outside


@dataclass(frozen=True)
class Drawing:
    """The drawing of a clip. Its y axis points up, so it must be flipped to be drawn as SVG.

    Attributes:
        name: The clip.
        corner_nm: Lower left corner of the square shown at first, in the layout's own coordinates.
        side_nm: Side of that square.
        paths: SVG path data by layer, in steps of 1 / `STEPS_PER_NM` from the corner.
        sites: (x, y) of the sites to mark, in the same unit.
        captions: Scores to print below it, by heading.
    """

    name: str
    corner_nm: tuple[float, float]
    side_nm: float
    paths: dict[str, str]
    sites: tuple[tuple[float, float], ...]
    captions: dict[str, str]

    @property
    def side(self) -> float:
        """The square's side in the paths' unit."""
        return round(self.side_nm * STEPS_PER_NM, 1)


def draw(
    name: str, stack: Mapping[str, Layout], frame: Frame, sites: Sequence[Record], captions: dict[str, str]
) -> Drawing:
    """The drawing of a clip's layers.

    Args:
        name: The clip.
        stack: Its layers.
        frame: What is shown at first.
        sites: Records of the sites to mark, with `x_nm` and `y_nm`.
        captions: Scores to print below the drawing, by heading.
    """
    low, high = frame
    side = float(max(high - low))
    x0, y0 = ((low + high - side) / 2).tolist()
    paths = {layer: path_data(smoothed(layer, layout), (x0, y0)) for layer, layout in stack.items()}
    marked = tuple(((s["x_nm"] - x0) * STEPS_PER_NM, (s["y_nm"] - y0) * STEPS_PER_NM) for s in sites)
    return Drawing(name, (x0, y0), side, paths, marked, captions)


def framed(stack: Mapping[str, Layout], reach_nm: float) -> Frame | None:
    """The corners of what is shown of a clip at first: target, prints, a margin, and the mask's features around them.

    Args:
        stack: The clip's layers.
        reach_nm: Distance from target and prints up to which features of the mask are shown.

    Returns:
        The lower left and the upper right corner in nm; None if there are neither target nor prints.
    """
    boxes = [layout.bbox_nm for layer, layout in stack.items() if layout.polygons and layer != "mask"]
    if not boxes:
        return None
    low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    first, last = low - reach_nm, high + reach_nm
    margin = MARGIN * float(max(high - low))
    low, high = low - margin, high + margin
    for polygon in stack["mask"].polygons if reach_nm > 0 else ():
        own_low, own_high = polygon.hull.min(0), polygon.hull.max(0)
        if (own_high > first).all() and (own_low < last).all():
            low, high = np.minimum(low, np.maximum(own_low, first)), np.maximum(high, np.minimum(own_high, last))
    return low, high


def smoothed(layer: str, layout: Layout) -> Layout:
    """Removes the staircase of pixels from a print.

    Args:
        layer: Name of the layer.
        layout: Its polygons.

    Returns:
        A print, simplified; any other layer as it is.
    """
    if layer not in PRINTS:
        return layout
    return Layout(layout.name, simplify(layout.polygons, TOLERANCE_NM))


def path_data(layout: Layout, origin_nm: tuple[float, float]) -> str:
    """SVG path data of all loops, in relative coordinates.

    Args:
        layout: The polygons.
        origin_nm: (x, y) of the path's origin.

    Returns:
        Path data in whole steps of 1 / `STEPS_PER_NM`.
    """
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
