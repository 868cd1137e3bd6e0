"""Mask rule violations: the whole mask with all of them, and the worst ones enlarged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from litho_dl.viz.figure import (
    BLUE,
    GREEN,
    PURPLE,
    TICK_SIZE,
    VERMILION,
    legend_below,
    new_figure,
    style_axes,
)
from litho_dl.viz.images import square_around
from litho_dl.viz.places import Loops, at_least, draw_shapes, map_extent, mark_place, number_place, show_window

COLOURS = {"width": VERMILION, "space": BLUE, "area": GREEN, "radius": PURPLE}
WORST = 6  # number of violations enlarged
MAP_IN, INSET_IN = 7.0, 2.3
SMALLEST_MARKER = 1 / 60  # of the map's width


@dataclass(frozen=True, eq=False)
class RuleMarkers:
    """Violations of one mask rule.

    Attributes:
        rule: width, space, area or radius.
        limit: Smallest allowed value.
        unit: Unit of the limit and the values.
        boxes_nm: (n, 4) bounding boxes as x0, y0, x1, y1.
        values: (n,) measured values; a negative radius is concave.
        at_border: (n,) bool: cut by the mask's border; drawn dashed.
    """

    rule: str
    limit: float
    unit: str
    boxes_nm: NDArray
    values: NDArray
    at_border: NDArray


def rules_figure(mask: Sequence[Loops], rules: Sequence[RuleMarkers], *, title: str = "") -> Figure:
    """Draws the mask with a box around every violation, and the worst ones enlarged beside it.

    The violations enlarged are those `worst_places` chooses.

    Args:
        mask: The loops (n, 2) in nm of each polygon, hull and holes.
        rules: The violations of each rule; rules without violations appear in the legend too.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    shown = worst_places(rules, WORST)
    columns = -(-len(shown) // 3)
    figure = new_figure(MAP_IN + INSET_IN * columns, MAP_IN + 0.6, title)
    grid = figure.add_gridspec(3, 3 + columns)
    overview = figure.add_subplot(grid[:, :3])
    extent = map_extent(mask)
    draw_shapes(overview, mask, extent)
    show_window(overview, extent)
    span = extent[1] - extent[0]
    for markers in rules:
        for box, cut in zip(markers.boxes_nm, markers.at_border, strict=True):
            mark_place(overview, at_least(box, span * SMALLEST_MARKER), COLOURS[markers.rule], dashed=cut)
    for n, (markers, index) in enumerate(shown):
        box = markers.boxes_nm[index]
        corner = at_least(box, span * SMALLEST_MARKER)
        number_place(overview, corner, n + 1, COLOURS[markers.rule])
        inset = figure.add_subplot(grid[n % 3, 3 + n // 3])
        _inset(inset, mask, markers, index, n + 1)
    legend_below(overview, [_entry(markers) for markers in rules])
    return figure


def worst_places(rules: Sequence[RuleMarkers], most: int) -> list[tuple[RuleMarkers, int]]:
    """Violations with the smallest ratios of measured value to limit, at least one of each broken rule.

    Args:
        rules: The violations of each rule.
        most: Number of violations wanted; if more rules are broken, some have none.

    Returns:
        The rule and the index of each violation, by rising ratio, those at the border last.
    """
    ranked = sorted(
        (bool(markers.at_border[n]), abs(float(markers.values[n])) / markers.limit, order > 0, number, int(n))
        for number, markers in enumerate(rules)
        for order, n in enumerate(np.lexsort((np.abs(markers.values), markers.at_border)))
    )
    first = sorted(ranked, key=lambda place: place[2])[:most]
    return [(rules[number], n) for *_, number, n in sorted(first)]


def _inset(axes: Axes, mask: Sequence[Loops], markers: RuleMarkers, index: int, number: int) -> None:
    """Draws one violation enlarged, with its measured value."""
    x0, y0, x1, y1 = box = markers.boxes_nm[index]
    reach = markers.limit**0.5 if markers.rule == "area" else markers.limit
    window = square_around((x0, x1, y0, y1), max(4 * reach, 1.6 * max(x1 - x0, y1 - y0)))
    style_axes(axes)
    draw_shapes(axes, mask, window)
    show_window(axes, window)
    mark_place(
        axes, at_least(box, (window[1] - window[0]) / 25), COLOURS[markers.rule], dashed=markers.at_border[index]
    )
    value = float(markers.values[index])
    bend = "" if markers.rule != "radius" else (" convex" if value > 0 else " concave")
    digits = 0 if markers.rule == "area" else 1
    axes.set_title(
        f"{number}: {markers.rule}{bend} {abs(value):,.{digits}f} {markers.unit}",
        fontsize=TICK_SIZE,
        color=COLOURS[markers.rule],
        fontweight="bold",
    )


def _entry(markers: RuleMarkers) -> Line2D:
    """The rule's legend entry, with its limit and its number of violations."""
    label = f"{markers.rule} < {markers.limit:,g} {markers.unit}: {len(markers.values)}"
    return Line2D(
        [], [], color=COLOURS[markers.rule], label=label, linestyle="none", marker="s", markerfacecolor="none"
    )
