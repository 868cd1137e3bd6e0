"""Trials of a parameter search: quality against run time, on each suite of clips."""

from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litho_dl.core.errors import LithoError
from litho_dl.core.pareto import pareto_front
from litho_dl.viz.figure import BLUE, GREY, TICK_SIZE, VERMILION, new_figure, style_chart
from litho_dl.viz.labels import label_points

Points = Mapping[str, tuple[float, float]]  # name to (seconds, nm^2)


def tuning_figure(panels: Mapping[str, Points], best: Collection[str], start: str | None, *, title: str = "") -> Figure:
    """Draws one panel for each suite of clips: points nearer to the lower left are both better and faster.

    Args:
        panels: By the suite's name and the trial's: seconds per clip, and L2 + PV band in nm^2.
        best: The trials to mark and to name. A line joins the Pareto front of each panel's points.
        start: The trial with the settings that the search started from, marked differently; None: not drawn.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    if not panels or not all(panels.values()):
        raise LithoError("Expected points to draw in every panel, got none; give it some trials.")
    figure = new_figure(5.2 * len(panels), 4.4, title)
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, points) in zip(row, panels.items(), strict=True):
        _draw(axes, points, best, start)
        style_chart(axes, name, "seconds per clip", "L2 + PV band (nm²)" if axes is row[0] else "")
        axes.yaxis.set_major_formatter("{x:,.0f}")
    row[0].legend(fontsize=TICK_SIZE, frameon=False)
    for axes, points in zip(row, panels.values(), strict=True):  # last, as it measures the finished figure
        named = {name: point for name, point in points.items() if name in best or name == start}
        colours = [BLUE if name == start else VERMILION for name in named]
        label_points(axes, _coordinates(named), list(named), colours)
    return figure


def _draw(axes: Axes, points: Points, best: Collection[str], start: str | None) -> None:
    others = {name: point for name, point in points.items() if name not in best and name != start}
    marked = {name: point for name, point in points.items() if name in best}
    _dots(axes, others, size=16, color=GREY, marker="o", label="trials")
    _dots(axes, marked, size=34, color=VERMILION, marker="D", label="Pareto front")
    axes.plot(*pareto_front(_coordinates(points)).T, color=VERMILION, linewidth=1, alpha=0.6, zorder=2)
    if start is not None:
        _dots(axes, {start: points[start]}, size=110, color=BLUE, marker="*", label="start")
    axes.margins(0.12)


def _dots(axes: Axes, points: Points, *, size: float, color: str, marker: str, label: str) -> None:
    x, y = _coordinates(points).T
    axes.scatter(x, y, s=size, color=color, marker=marker, label=label, zorder=3)


def _coordinates(points: Points) -> NDArray:
    return np.array(list(points.values()), dtype=float).reshape(-1, 2)
