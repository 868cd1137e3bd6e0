"""Training runs and classifiers in pictures: curves, confusion, images with captions, gradient norms."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLUE, CYCLE, LABEL_SIZE, TICK_SIZE, VERMILION, new_figure, style_axes, style_chart
from litho_dl.viz.history import set_log_scale

Curves = Mapping[str, ArrayLike]


def learning_curves(runs: Mapping[str, tuple[Curves, Curves]], *, columns: int = 4, title: str = "") -> Figure:
    """One panel a run: its loss and its error rate by epoch, training dashed, validation solid.

    Args:
        runs: By name: training and validation figures by epoch. `loss`, and `accuracy` if there is one, are drawn.
        columns: Panels a row.
        title: Heading.
    """
    if not runs:
        raise LithoError("Expected runs to draw, got none.")
    columns = min(columns, len(runs))
    rows = -(-len(runs) // columns)
    figure = new_figure(3.2 * columns, 2.6 * rows + 0.4, title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(runs) :]:
        axes.set_visible(False)
    for axes, (name, (training, validation)) in zip(panels, runs.items(), strict=False):
        values: list[float] = []
        for kind, curves, line in (("training", training, "dashed"), ("validation", validation, "solid")):
            for figure_name, colour in (("loss", BLUE), ("error rate", VERMILION)):
                series = _series(curves, figure_name)
                if series is not None:
                    epochs = np.arange(1, len(series) + 1)
                    axes.plot(epochs, series, color=colour, linestyle=line, label=f"{figure_name}, {kind}", marker=".")
                    values += list(series)
        set_log_scale(axes, values)
        style_chart(axes, name, "epoch", "")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=TICK_SIZE, frameon=False)
    return figure


def _series(curves: Curves, name: str) -> np.ndarray | None:
    if name == "error rate":
        return 1 - np.asarray(curves["accuracy"], dtype=float) if "accuracy" in curves else None
    return np.asarray(curves[name], dtype=float) if name in curves else None


def confusion_figure(counts: ArrayLike, names: Sequence[str], *, title: str = "") -> Figure:
    """How often which class (rows) was taken for which (columns), counts (n, n); the colour leaves the diagonal out."""
    counts = np.asarray(counts)
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    figure = new_figure(5.4, 5.2, title)
    axes = figure.subplots()
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(wrong.max(), 1))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=TICK_SIZE)
    style_axes(axes, "", "taken for", "is")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    return figure


def image_grid(rows: Sequence[Sequence[tuple[ArrayLike, str]]], *, title: str = "") -> Figure:
    """Small grey images (H, W), row 0 at the top, each under its caption."""
    width = max(len(row) for row in rows)
    figure = new_figure(1.0 * width, 1.25 * len(rows) + 0.4, title)
    panels = figure.subplots(len(rows), width, squeeze=False)
    for axes in panels.ravel():
        axes.set_axis_off()
    for panel_row, row in zip(panels, rows, strict=True):
        for axes, (image, caption) in zip(panel_row, row, strict=False):
            axes.imshow(np.asarray(image), cmap="Greys", interpolation="nearest")
            axes.set_title(caption, fontsize=TICK_SIZE)
    return figure


def gradient_figure(by_layer: Mapping[str, ArrayLike], by_step: Mapping[str, ArrayLike], *, title: str = "") -> Figure:
    """Gradient norms along a network's layers before training, and by step; values that are not finite are left out."""
    figure = new_figure(9.6, 3.6, title)
    panels = figure.subplots(1, 2)
    for axes, curves, (heading, x_label) in zip(
        panels, (by_layer, by_step), (("before training", "layer"), ("gradient descent", "step")), strict=True
    ):
        drawn: list[float] = []
        for colour, (name, values) in zip(CYCLE, curves.items(), strict=False):
            series = np.asarray(values, dtype=float)
            series = np.where(np.isfinite(series), series, np.nan)
            axes.plot(np.arange(1, len(series) + 1), series, color=colour, label=name, marker=".", linewidth=1.2)
            drawn += list(series)
        set_log_scale(axes, drawn)
        style_chart(axes, heading, x_label, "norm of the gradient")
        axes.legend(fontsize=TICK_SIZE, frameon=False, title_fontsize=LABEL_SIZE)
    return figure
