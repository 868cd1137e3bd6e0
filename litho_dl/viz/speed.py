"""Run time against clip size."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from litho_dl.viz.figure import CYCLE, GREY, TICK_SIZE, new_figure, style_chart

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GUIDE_BELOW = 0.6  # height of the guide's first point relative to the fastest series


def speed_figure(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x_label: str = "clip side (pixels)",
    y_label: str = "time (s)",
    order: float | None = 2.0,
    title: str = "",
) -> Figure:
    """Draws run time against clip size on logarithmic axes, one line for each series.

    Args:
        series: Sizes (n,) and times (n,) by the series' name.
        x_label: Quantity and unit of the sizes.
        y_label: Quantity and unit of the times.
        order: Slope of a dotted guide (2: proportional to the area); None for no guide.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(6.8, 4.0, title)
    axes = figure.subplots()
    lines = {name: (np.asarray(x, dtype=float), np.asarray(y, dtype=float)) for name, (x, y) in series.items()}
    for index, (name, (sizes, times)) in enumerate(lines.items()):
        colour, marker = CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)]
        axes.plot(sizes, times, color=colour, marker=marker, linewidth=1.5, markersize=5, label=name)
    places = np.unique(np.concatenate([sizes for sizes, _ in lines.values()]))
    if order is not None:
        start = GUIDE_BELOW * min(times[np.argmin(sizes)] for sizes, times in lines.values())
        guide = start * (places / places[0]) ** order
        axes.plot(places, guide, color=GREY, linewidth=1, linestyle="dotted", label=f"slope {order:g}")
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.minorticks_off()
    style_chart(axes, "", x_label, y_label)
    figure.legend(loc="outside right upper", fontsize=TICK_SIZE, frameon=False)
    return figure
