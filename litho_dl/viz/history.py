"""Convergence of an optimisation."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from litho_dl.viz.figure import BLACK, CYCLE, GREY, TICK_SIZE, new_figure, style_chart

SHOWN_SHARE = 1e-6  # of the largest value; smaller values are drawn as zero


def history_figure(
    terms: Mapping[str, ArrayLike],
    *,
    level_starts: Sequence[int] = (),
    total: str = "total",
    y_label: str = "objective (nm²)",
    title: str = "",
) -> Figure:
    """Draws every term of an objective against the step, on a logarithmic axis.

    Args:
        terms: Values (T,), one for each step, by the term's name; NaN where the term was not evaluated.
        level_starts: First step of each level (coarse to fine); 0 may be left out.
        total: The term to draw thick and black, if present.
        y_label: Quantity and unit of the terms.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(7.2, 4.2, title)
    axes = figure.subplots()
    colours = iter(CYCLE * (1 + len(terms) // len(CYCLE)))
    for name, series in terms.items():
        values = np.asarray(series, dtype=float)
        colour, width = (BLACK, 2.0) if name == total else (next(colours), 1.3)
        axes.plot(np.arange(len(values)), values, color=colour, linewidth=width, label=name)
    values = np.concatenate([np.asarray(series, dtype=float) for series in terms.values()])
    set_log_scale(axes, values, least=SHOWN_SHARE * float(np.nanmax(values)))
    style_chart(axes, "", "step", y_label)
    mark_levels(axes, level_starts)
    axes.margins(x=0.01)
    figure.legend(loc="outside right upper", fontsize=TICK_SIZE, frameon=False)
    return figure


def set_log_scale(axes: Axes, values: ArrayLike, least: float = 0.0) -> None:
    """Makes the y axis logarithmic, but linear near zero if some values are too small for that.

    Args:
        axes: What to change.
        values: All values drawn; those that are not finite are ignored.
        least: Values up to this one, or up to 0, are too small for a logarithmic axis.
    """
    finite = np.asarray(values, dtype=float)[np.isfinite(values)]
    shown = finite[finite > max(least, 0)]
    if len(shown) == len(finite) > 0:
        axes.set_yscale("log")
        if shown.max() < 10 * shown.min():  # otherwise there are powers of ten to label
            plain_ticks(axes.yaxis)
    elif len(shown):
        axes.set_yscale("symlog", linthresh=shown.min())


def plain_ticks(axis: Axis) -> None:
    """Labels a few values on a logarithmic axis in plain decimal notation."""
    axis.set_major_locator(MaxNLocator(6))
    axis.set_major_formatter("{x:,.6g}")
    axis.set_minor_formatter(NullFormatter())


def mark_levels(axes: Axes, starts: Sequence[int]) -> None:
    """Draws dashed lines where levels start, numbered from 1 along the top; nothing for a single level.

    Args:
        axes: Where to draw.
        starts: First step of each level; 0 may be left out.
    """
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
