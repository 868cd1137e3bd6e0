"""Convergence of an optimisation."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from litho_dl.viz.figure import BLACK, CYCLE, GREY, TICK_SIZE, new_figure, style_chart


def history_figure(
    terms: Mapping[str, ArrayLike],
    *,
    level_starts: Sequence[int] = (),
    total: str = "total",
    y_label: str = "objective (nm²)",
    title: str = "",
) -> Figure:
    """Draws every term of an objective against the step, on a log axis.

    Args:
        terms: Name to (T,) values, one a step; NaN where a term was not evaluated.
        level_starts: First step of each level (coarse to fine); 0 may be left out.
        total: The term drawn thick and black, if present.
        y_label: What the terms measure.
        title: Heading of the figure.
    """
    figure = new_figure(7.2, 4.2, title)
    axes = figure.subplots()
    colours = iter(CYCLE * (1 + len(terms) // len(CYCLE)))
    for name, series in terms.items():
        values = np.asarray(series, dtype=float)
        colour, width = (BLACK, 2.0) if name == total else (next(colours), 1.3)
        axes.plot(np.arange(len(values)), values, color=colour, linewidth=width, label=name)
    set_log_scale(axes, [value for series in terms.values() for value in np.asarray(series, dtype=float)])
    style_chart(axes, "", "step", y_label)
    mark_levels(axes, level_starts)
    axes.margins(x=0.01)
    figure.legend(loc="outside right upper", fontsize=TICK_SIZE, frameon=False)
    return figure


def set_log_scale(axes: Axes, values: Sequence[float]) -> None:
    """A log axis; with zeros or negative values among `values`, one that is linear below the smallest positive one."""
    finite = np.asarray([value for value in values if np.isfinite(value)])
    positive = finite[finite > 0]
    if len(positive) == len(finite) > 0:
        axes.set_yscale("log")
    elif len(positive):
        axes.set_yscale("symlog", linthresh=positive.min())


def mark_levels(axes: Axes, starts: Sequence[int]) -> None:
    """Dashed lines where levels start, numbered from 1 along the top; nothing for a single level."""
    starts = sorted({0, *starts})
    for number, start in enumerate(starts if len(starts) > 1 else [], start=1):
        if start:
            axes.axvline(start - 0.5, color=GREY, linewidth=0.8, linestyle="dashed", zorder=0)
        axes.text(
            start,
            1.01,
            f" level {number}",
            transform=axes.get_xaxis_transform(),
            va="bottom",
            fontsize=TICK_SIZE,
            color=GREY,
        )
