"""Quality against the cost of optimisation, by the masks that it starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLACK, CYCLE, GREY, TICK_SIZE, new_figure, style_chart
from litho_dl.viz.history import plain_ticks
from litho_dl.viz.labels import label_points

LINE_STYLES = ("solid", "dashed", "dotted")  # the next one once all colours are used


@dataclass(frozen=True)
class Refinement:
    """Quality after optimisations of rising cost from one kind of start.

    Attributes:
        steps: Optimisation steps.
        seconds: Seconds per clip, with the time to make the start.
        quality: Mean quality afterwards; lower is better.
    """

    steps: Sequence[float]
    seconds: Sequence[float]
    quality: Sequence[float]


def refinement_figure(
    starts: Mapping[str, Refinement],
    whole: Mapping[str, Refinement],
    published: Mapping[str, float] | None = None,
    *,
    quality: str,
    title: str = "",
) -> Figure:
    """Draws the quality from every start against steps, and against seconds on a logarithmic axis; lower is better.

    Args:
        starts: Curves by the name of the start; points of zero seconds are left out of the second panel.
        whole: Complete methods, drawn as points, by name.
        published: Quality of published starts before any optimisation, drawn open at zero steps.
        quality: Name and unit of the quality.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    if not starts:
        raise LithoError("Expected starts to draw, got none.")
    figure = new_figure(10.4, 4.4, title)
    by_steps, by_seconds = figure.subplots(1, 2, sharey=True)
    for index, (name, curve) in enumerate(starts.items()):
        line = LINE_STYLES[index // len(CYCLE) % len(LINE_STYLES)]
        style = {"color": CYCLE[index % len(CYCLE)], "linestyle": line, "marker": ".", "linewidth": 1.2, "label": name}
        by_steps.plot(curve.steps, curve.quality, **style)
        timed = np.asarray(curve.seconds) > 0
        by_seconds.plot(np.asarray(curve.seconds)[timed], np.asarray(curve.quality)[timed], **style)
    for name, point in whole.items():
        style = {"color": BLACK, "linestyle": "none", "marker": "*", "markersize": 10, "label": name}
        by_steps.plot(point.steps, point.quality, **style)
        by_seconds.plot(point.seconds, point.quality, **style)
    _style(by_steps, by_seconds, quality)
    handles, labels = by_steps.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(len(labels), 6), fontsize=TICK_SIZE, frameon=False
    )
    if published:
        points = np.array([(0.0, value) for value in published.values()])
        by_steps.scatter(*points.T, s=34, facecolors="white", edgecolors=GREY, zorder=3)
        label_points(by_steps, points, [f"{name}, published" for name in published], [GREY] * len(points))
    return figure


def _style(by_steps: Axes, by_seconds: Axes, quality: str) -> None:
    style_chart(by_steps, "", "steps", quality)
    style_chart(by_seconds, "", "seconds per clip", "")
    by_steps.xaxis.set_major_locator(MaxNLocator(integer=True))
    by_seconds.set_xscale("log")
    by_seconds.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    by_seconds.xaxis.set_major_formatter("{x:g}")
    by_seconds.xaxis.set_minor_formatter(NullFormatter())
    by_steps.set_yscale("log")
    plain_ticks(by_steps.yaxis)
