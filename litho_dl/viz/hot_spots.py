"""Hot spots: the drawn layout with all places, and the worst ones enlarged, with the print at their corners."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from litho_dl.viz.figure import (
    BLACK,
    BLUE,
    GREEN,
    PURPLE,
    TICK_SIZE,
    VERMILION,
    as_it_is,
    legend_below,
    new_figure,
    style_axes,
)
from litho_dl.viz.images import square_around
from litho_dl.viz.places import Loops, at_least, draw_shapes, map_extent, mark_place, number_place, show_window

COLOURS = {"pinch": VERMILION, "bridge": BLUE, "missing": PURPLE, "stray": GREEN}
ROWS = 3
MAP_IN, INSET_IN = 7.0, 2.3
SMALLEST_MARKER = 1 / 60  # of the map's width
SHOWN_LIMITS = 5.0  # width of an enlarged window, at least, in limits


@dataclass(frozen=True, eq=False)
class MarkedPlace:
    """One place, at the corner where it is worst.

    Attributes:
        kind: pinch, bridge, missing or stray.
        box_nm: (4,) x0, y0, x1, y1.
        title: What it says when enlarged, such as the measured width and the corner.
        limit_nm: The limit that it breaks; the scale of its enlargement.
        printed: The loops of each polygon that prints at that corner.
    """

    kind: str
    box_nm: NDArray
    title: str
    limit_nm: float
    printed: Sequence[Loops]


def hot_spots_figure(
    drawn: Sequence[Loops], printed: Sequence[Loops], places: Sequence[MarkedPlace], *, most: int = 6, title: str = ""
) -> Figure:
    """Draws the layout with the nominal print and a box around every place, and the first ones enlarged beside it.

    Args:
        drawn: The loops (n, 2) in nm of each drawn polygon, hull and holes.
        printed: Likewise, of the print that the map shows.
        places: The places, the worst first.
        most: How many are enlarged.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    shown = places[:most]
    columns = -(-len(shown) // ROWS)
    figure = new_figure(MAP_IN + INSET_IN * columns, MAP_IN + 0.6, title)
    grid = figure.add_gridspec(ROWS, ROWS + columns)
    overview, extent = figure.add_subplot(grid[:, :ROWS]), map_extent([*drawn, *printed])
    span_nm = extent[1] - extent[0]
    draw_shapes(overview, drawn, extent)
    draw_shapes(overview, printed, extent, fill="none", edge=BLACK, width=0.6)
    show_window(overview, extent)
    for number, place in enumerate(places, start=1):
        box = at_least(place.box_nm, span_nm * SMALLEST_MARKER)
        mark_place(overview, box, COLOURS[place.kind])
        if number <= most:
            number_place(overview, box, number, COLOURS[place.kind])
    for index, place in enumerate(shown):
        axes = figure.add_subplot(grid[index % ROWS, ROWS + index // ROWS])
        x0, y0, x1, y1 = place.box_nm
        side_nm = max(SHOWN_LIMITS * place.limit_nm, 1.6 * max(x1 - x0, y1 - y0))
        window = square_around((x0, x1, y0, y1), side_nm)
        style_axes(axes)
        draw_shapes(axes, drawn, window)
        draw_shapes(axes, place.printed, window, fill="none", edge=BLACK, width=1.0)
        show_window(axes, window)
        mark_place(axes, at_least(place.box_nm, side_nm / 25), COLOURS[place.kind])
        colour, text = COLOURS[place.kind], as_it_is(f"{index + 1}: {place.title}")
        axes.set_title(text, fontsize=TICK_SIZE, color=colour, fontweight="bold")
    legend_below(overview, [_entry(kind, sum(place.kind == kind for place in places)) for kind in COLOURS])
    return figure


def _entry(kind: str, count: int) -> Line2D:
    """A kind's legend entry, with its number of places."""
    label = f"{kind}: {count}"
    return Line2D([], [], color=COLOURS[kind], label=label, linestyle="none", marker="s", markerfacecolor="none")
