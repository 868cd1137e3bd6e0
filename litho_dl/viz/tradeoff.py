"""L2 against PV band, the two scores of which one improves at the cost of the other."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litho_dl.core.errors import LithoError
from litho_dl.core.pareto import pareto_front
from litho_dl.viz.figure import BLACK, GREY, TICK_SIZE, VERMILION, new_figure, style_chart
from litho_dl.viz.labels import label_points

Points = Mapping[str, tuple[float, float]]  # name to (L2, PVB), nm^2


def tradeoff_figure(ours: Points, published: Points | None = None, *, title: str = "") -> Figure:
    """Draws L2 against the PV band: points nearer to the lower left are better in both.

    Args:
        ours: (L2, PVB) in nm^2 by name, drawn filled; a line joins their Pareto front.
        published: The same from the literature, drawn open.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    published = published or {}
    if not ours and not published:
        raise LithoError("Expected at least one (L2, PVB) point, got none; give it ours or published ones.")
    figure = new_figure(7.2, 5.2, title)
    axes = figure.subplots()
    theirs, mine = _coordinates(published), _coordinates(ours)
    if published:
        axes.scatter(theirs[:, 0], theirs[:, 1], s=34, facecolors="white", edgecolors=GREY, zorder=3, label="published")
    if ours:
        axes.scatter(mine[:, 0], mine[:, 1], s=42, color=VERMILION, marker="D", zorder=3, label="this work")
        axes.plot(*pareto_front(mine).T, color=VERMILION, linewidth=1, alpha=0.6)
    axes.margins(0.12)
    style_chart(axes, "", "L2 (nm²)", "PV band (nm²)")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    _equal_sums(axes)
    axes.legend(fontsize=TICK_SIZE, frameon=False, loc="upper left")
    colours = [BLACK] * len(published) + [VERMILION] * len(ours)
    label_points(axes, np.concatenate([theirs, mine]), [*published, *ours], colours)
    return figure


def _coordinates(points: Points) -> NDArray:
    return np.array(list(points.values()), dtype=float).reshape(-1, 2)


def _equal_sums(axes: Axes, count: int = 6) -> None:
    """Faint lines of equal L2 + PVB behind the points."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    for total in np.linspace(x0 + y0, x1 + y1, count + 2)[1:-1]:
        axes.plot([x0, x1], [total - x0, total - x1], color="#DDDDDD", linewidth=0.8, linestyle="dashed", zorder=0)
    axes.grid(False)
    axes.set(xlim=(x0, x1), ylim=(y0, y1))
