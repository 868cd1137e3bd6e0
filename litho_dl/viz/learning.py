"""Training and classification: learning curves, confusion matrix, rows of images, gradient norms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import (
    BLACK,
    BLUE,
    BROWN,
    CYCLE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    TICK_SIZE,
    VERMILION,
    YELLOW,
    new_figure,
    style_axes,
    style_chart,
)
from litho_dl.viz.history import set_log_scale

Curves = Mapping[str, ArrayLike]


# The metrics that are drawn, with their colours: the first two of classifiers, the others of GANs and mask generators.
DRAWN = {
    "loss": BLUE,
    "error rate": VERMILION,
    "generator loss": GREEN,
    "discriminator loss": PURPLE,
    "l1": ORANGE,
    "l2 nm2": BLACK,
    "pvb nm2": BROWN,
    "right on real": GREY,
    "right on fake": YELLOW,
    "aerial mse": "#7F3C8D",
    "print iou": "#80BA5A",
}
# Names in the legend, where they differ from those above.
LABELS = {
    "l1": "L1",
    "l2 nm2": "L2 (nm²)",
    "pvb nm2": "PV band (nm²)",
    "aerial mse": "squared error of the aerial image",
    "print iou": "IoU of the print",
}
# Classes 0 ... 9, and white for class 10, the background.
CLASS_COLOURS = ListedColormap([*colormaps["tab10"](range(10)), "white"])
CLASS_RANGE = (-0.5, 10.5)


@dataclass(frozen=True, eq=False)
class ImageRow:
    """Small images in a row, on one colour scale.

    Attributes:
        images: (H, W) each, row 0 at the top, with their captions.
        extremes: The values of the first and the last colour.
        colours: A colour map; by default white to black.
    """

    images: Sequence[tuple[ArrayLike, str]]
    extremes: tuple[float, float]
    colours: str | Colormap = "Greys"


def learning_curves(
    runs: Mapping[str, tuple[Curves, Curves]], *, columns: int = 4, title: str = "", note: str = ""
) -> Figure:
    """Draws the metrics of `DRAWN` against the epoch, one panel for each run, training dashed and validation solid.

    Args:
        runs: Training and validation metrics by epoch, as `train` reports them, by the run's name.
        columns: Panels in a row.
        title: Heading of the figure.
        note: A line above the legend.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    if not runs:
        raise LithoError("Expected runs to draw, got none.")
    columns = min(columns, len(runs))
    rows = -(-len(runs) // columns)
    figure = new_figure(3.2 * columns, 2.6 * rows + 0.4, title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    entries: dict[str, Line2D] = {}
    for axes in panels[len(runs) :]:
        axes.set_visible(False)
    for axes, (name, (training, validation)) in zip(panels, runs.items(), strict=False):
        values: list[float] = []
        for kind, curves, line in (("training", training, "dashed"), ("validation", validation, "solid")):
            for metric, series in _drawn(curves).items():
                label, epochs = f"{LABELS.get(metric, metric)}, {kind}", np.arange(1, len(series) + 1)
                style = {"color": DRAWN[metric], "linestyle": line, "marker": "."}
                (entries[label],) = axes.plot(epochs, series, label=label, **style)
                values += list(series)
        set_log_scale(axes, values)
        style_chart(axes, name, "epoch", "")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=min(len(entries), 2 * columns),
        fontsize=TICK_SIZE,
        frameon=False,
        title=note,
        title_fontsize=TICK_SIZE,
    )
    return figure


def _drawn(curves: Curves) -> dict[str, np.ndarray]:
    """The metrics of `DRAWN` that a run has."""
    series = {name.replace("_", " "): np.asarray(values, dtype=float) for name, values in curves.items()}
    if "accuracy" in series:
        series["error rate"] = 1 - series["accuracy"]
    return {name: series[name] for name in DRAWN if name in series}


def confusion_figure(counts: ArrayLike, names: Sequence[str], *, title: str = "") -> Figure:
    """Draws a confusion matrix; its colours ignore the diagonal.

    Args:
        counts: (n, n), how often the class of the row was classified as that of the column.
        names: The names of the n classes.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    counts = np.asarray(counts)
    wrong = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    figure = new_figure(5.4, 5.2, title)
    axes = figure.subplots()
    most = max(wrong.max(), 1)
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=most)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if wrong[row, column] > most / 2 else BLACK
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=TICK_SIZE, color=colour)
    style_axes(axes, "", "taken for", "is")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    return figure


def image_grid(rows: Sequence[ImageRow], *, title: str = "") -> Figure:
    """Draws rows of small images, each under its caption.

    Args:
        rows: The rows, from top to bottom.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    width = max(len(row.images) for row in rows)
    figure = new_figure(1.0 * width, 1.25 * len(rows) + 0.4, title)
    panels = figure.subplots(len(rows), width, squeeze=False)
    for axes in panels.ravel():
        axes.set_axis_off()
    for panel_row, row in zip(panels, rows, strict=True):
        lowest, highest = row.extremes
        for axes, (image, caption) in zip(panel_row, row.images, strict=False):
            axes.imshow(np.asarray(image), cmap=row.colours, vmin=lowest, vmax=highest, interpolation="nearest")
            axes.set_title(caption, fontsize=TICK_SIZE)
    return figure


def gradient_figure(by_layer: Curves, norms: Curves, losses: Curves, *, title: str = "") -> Figure:
    """Draws gradient norms by layer before training, and gradient norms and losses by step; only finite values.

    Args:
        by_layer: Norm of each layer's gradient, from the first layer to the last, by the network's name.
        norms: Norm of the whole gradient at each step, by the variant of gradient descent.
        losses: Loss at each step, likewise.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(13.2, 3.6, title)
    headings = (("before training", "layer"), ("gradient descent", "step"), ("gradient descent", "step"))
    quantities = ("norm of the gradient", "norm of the gradient", "loss")
    for axes, curves, (heading, x_label), quantity in zip(
        figure.subplots(1, 3), (by_layer, norms, losses), headings, quantities, strict=True
    ):
        drawn: list[float] = []
        for colour, (name, values) in zip(CYCLE, curves.items(), strict=False):
            series = np.asarray(values, dtype=float)
            series = np.where(np.isfinite(series), series, np.nan)
            axes.plot(np.arange(1, len(series) + 1), series, color=colour, label=name, marker=".", linewidth=1.2)
            drawn += list(series)
        set_log_scale(axes, drawn)
        style_chart(axes, heading, x_label, quantity)
        axes.legend(fontsize=TICK_SIZE, frameon=False)
    return figure
