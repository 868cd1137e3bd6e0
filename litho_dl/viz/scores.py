"""Histograms of scores."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLUE, LABEL_SIZE, VERMILION, new_figure, style_chart

BINS = 40
PANEL_IN = (3.0, 2.5)


def score_histograms(scores: Mapping[str, ArrayLike], *, title: str = "") -> Figure:
    """One panel a figure: how often which value comes, with its median.

    Args:
        scores: Values (n,) by the figure's name with its unit.
        title: Heading of the figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    if not scores or not all(np.size(values) for values in scores.values()):
        raise LithoError("Expected scores to draw, got none; give it some pairs.")
    figure = new_figure(PANEL_IN[0] * len(scores), PANEL_IN[1] + 0.4, title)
    panels = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, (name, given) in zip(panels, scores.items(), strict=True):
        values = np.asarray(given, dtype=float)
        whole = np.array_equal(values, np.rint(values)) and np.ptp(values) < BINS
        edges = np.arange(values.min(), values.max() + 2) - 0.5 if whole else BINS
        axes.hist(values, bins=edges, color=BLUE)
        axes.axvline(np.median(values), color=VERMILION, linewidth=1.2)
        style_chart(axes, "", name, "pairs" if axes is panels[0] else "")
        axes.text(
            0.97, 0.95, f"median {np.median(values):,.3g}", transform=axes.transAxes, ha="right", va="top",
            fontsize=LABEL_SIZE, color=VERMILION,
        )  # fmt: skip
    return figure
