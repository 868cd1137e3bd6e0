"""Quality against the seconds of optimisation, by the masks that it starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLACK, CYCLE, TICK_SIZE, new_figure, style_chart
from litho_dl.viz.history import plain_ticks

LINE_STYLES = ("solid", "dashed", "dotted")  # the next one once all colours are used


@dataclass(frozen=True)
class Refinement:
    """Scores after optimisations of rising cost from one kind of start.

    Attributes:
        seconds: Seconds per clip, with the time to make the start.
        scores: Mean scores afterwards, by name and unit; lower is better.
    """

    seconds: Sequence[float]
    scores: Mapping[str, Sequence[float]]


def refinement_figure(starts: Mapping[str, Refinement], whole: Mapping[str, Refinement], *, title: str = "") -> Figure:
    """Draws one panel for each score: the score from every start against seconds, both logarithmic.

    Args:
        starts: Curves by the name of the start, all with the same scores; points of zero seconds are left out.
        whole: Complete methods, drawn as points, by name.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw, or the starts have different scores.
    """
    curves = [*starts.values(), *whole.values()]
    names = list(curves[0].scores) if starts else []
    if not names or any(list(curve.scores) != names for curve in curves):
        raise LithoError("Expected starts of the same scores to draw, got none or others.")
    figure = new_figure(5.2 * len(names), 4.4, title)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for index, (start, curve) in enumerate(starts.items()):
            line = LINE_STYLES[index // len(CYCLE) % len(LINE_STYLES)]
            style = {"color": CYCLE[index % len(CYCLE)], "linestyle": line, "marker": ".", "linewidth": 1.2}
            timed = np.asarray(curve.seconds) > 0
            axes.plot(np.asarray(curve.seconds)[timed], np.asarray(curve.scores[name])[timed], label=start, **style)
        for method, point in whole.items():
            axes.plot(point.seconds, point.scores[name], "*", color=BLACK, markersize=10, label=method)
        _style(axes, name)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(len(labels), 7), fontsize=TICK_SIZE, frameon=False
    )
    return figure


def _style(axes: Axes, name: str) -> None:
    style_chart(axes, "", "seconds per clip", name)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    if all((np.asarray(line.get_ydata()) > 0).all() for line in axes.lines):  # no score is zero
        axes.set_yscale("log")
    plain_ticks(axes.yaxis)
