"""Polygons with numbered places on them: a map, and windows that enlarge some."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from litho_dl.viz.figure import TICK_SIZE, scale_bar
from litho_dl.viz.images import Extent, square_around

FILL, EDGE = "#D9D9D9", "#6E6E6E"
MARGIN = 0.03  # of the map's width

Loops = Sequence[NDArray]
Corners = tuple[float, float, float, float]


def map_extent(shapes: Sequence[Loops]) -> Extent:
    """A square around polygons with a margin, as x0, x1, y0, y1 in nm.

    Args:
        shapes: The loops (n, 2) in nm of each polygon, hull and holes.
    """
    if not shapes:
        return 0.0, 1.0, 0.0, 1.0
    low, high = np.min([loops[0].min(0) for loops in shapes], 0), np.max([loops[0].max(0) for loops in shapes], 0)
    side = float((high - low).max())
    return square_around((low[0], high[0], low[1], high[1]), side * (1 + 2 * MARGIN))


def draw_shapes(
    axes: Axes, shapes: Sequence[Loops], extent: Extent, *, fill: str = FILL, edge: str = EDGE, width: float = 0.5
) -> None:
    """Draws the polygons that reach into an extent.

    Args:
        axes: Where to draw.
        shapes: The loops (n, 2) in nm of each polygon, hull and holes.
        extent: x0, x1, y0, y1 in nm.
        fill: Colour of the insides; `none` leaves them empty.
        edge: Colour of the outlines.
        width: Width of the outlines in points.
    """
    x0, x1, y0, y1 = extent
    paths = [
        Path.make_compound_path(*(Path(np.vstack([loop, loop[:1]]), closed=True) for loop in loops))
        for loops in shapes
        if loops[0][:, 0].max() > x0
        and loops[0][:, 0].min() < x1
        and loops[0][:, 1].max() > y0
        and loops[0][:, 1].min() < y1
    ]
    axes.add_collection(PathCollection(paths, facecolor=fill, edgecolor=edge, linewidth=width), autolim=False)


def show_window(axes: Axes, extent: Extent) -> None:
    """Limits axes to x0, x1, y0, y1 in nm, with a scale bar in place of ticks."""
    x0, x1, y0, y1 = extent
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    axes.set_aspect("equal", anchor="N")
    axes.set_xticks([])
    axes.set_yticks([])
    scale_bar(axes, x1 - x0)


def at_least(box: NDArray, side_nm: float) -> Corners:
    """The box (4,), enlarged about its centre to at least `side_nm` a side."""
    grow = np.maximum(side_nm - (box[2:] - box[:2]), 0) / 2
    return (*(box[:2] - grow).tolist(), *(box[2:] + grow).tolist())


def mark_place(axes: Axes, box: Corners, colour: str, *, dashed: bool = False) -> None:
    """Draws a box around a place."""
    (x0, y0, x1, y1), line = box, "dashed" if dashed else "solid"
    axes.add_patch(
        Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=colour, linewidth=1.2, linestyle=line, zorder=5)
    )


def number_place(axes: Axes, box: Corners, number: int, colour: str) -> None:
    """Writes a number beside the upper right corner of a place's box."""
    axes.annotate(
        str(number),
        (box[2], box[3]),
        xytext=(1, 1),
        textcoords="offset points",
        fontsize=TICK_SIZE,
        fontweight="bold",
        color=colour,
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=6,
    )
