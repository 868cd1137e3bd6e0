"""Histograms of scores."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLUE, LABEL_SIZE, VERMILION, new_figure, style_chart

BINS, FEWEST = 40, 9  # bins, and fewest bins of whole numbers
PANEL_IN = (3.0, 2.5)


def score_histograms(scores: Mapping[str, ArrayLike], *, title: str = "") -> Figure:
    """Draws a histogram of every score, with its median.

    Args:
        scores: Values (n,), one for each pair, by the score's name with its unit.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    if not scores or not all(np.size(values) for values in scores.values()):
        raise LithoError("Expected scores to draw, got none; give it some pairs.")
    figure = new_figure(PANEL_IN[0] * len(scores), PANEL_IN[1] + 0.4, title)
    panels = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, (name, given) in zip(panels, scores.items(), strict=True):
        values = np.asarray(given, dtype=float)
        axes.hist(values, bins=_edges(values), color=BLUE)
        axes.axvline(np.median(values), color=VERMILION, linewidth=1.2)
        style_chart(axes, "", name, "pairs" if axes is panels[0] else "")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(f"median {np.median(values):,.3g}", loc="right", fontsize=LABEL_SIZE, color=VERMILION)
    return figure


def _edges(values: NDArray) -> NDArray:
    """Edges of the bins; whole numbers get a bin each, and at least `FEWEST` bins, so that a constant is a thin bar."""
    if np.array_equal(values, np.rint(values)) and np.ptp(values) < BINS:
        return np.arange(values.min(), values.min() + max(np.ptp(values) + 1, FEWEST) + 1) - 0.5
    return np.histogram_bin_edges(values, BINS)
