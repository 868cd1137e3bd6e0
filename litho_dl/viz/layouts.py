"""Galleries of layout clips above the distributions of their widths, spaces and densities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLACK, BLUE, CYCLE, TICK_SIZE, new_figure, style_axes, style_chart

CLIP_IN, CHART_IN = 1.35, 2.6
MOST_BINS = 60
Loops = Sequence[ArrayLike]  # vertices (n, 2) in nm; holes run the other way round than hulls
Weighted = tuple[ArrayLike, ArrayLike]  # values (n,) and their weights (n,)


@dataclass(frozen=True)
class ClipGroup:
    """Clips that belong together.

    Attributes:
        name: What they are.
        clips: Outlines of the clips to show, by name.
        extent_nm: Side of a clip's square.
        charts: Values and weights by the label of the chart's axis, for example "width (nm)".
    """

    name: str
    clips: Mapping[str, Loops]
    extent_nm: float
    charts: Mapping[str, Weighted]


def clips_figure(groups: Sequence[ClipGroup], *, across: int = 8, title: str = "") -> Figure:
    """Draws the clips of every group, `across` in a row, and one chart with a line a group for each distribution.

    Args:
        groups: What to draw, in order.
        across: Clips a row.
        title: Heading of the figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    if not any(group.clips for group in groups):
        raise LithoError("Expected at least one clip for the gallery, got none; give it some.")
    rows = [-(-len(group.clips) // across) for group in groups]
    height = (CLIP_IN + 0.25) * sum(rows)
    figure = new_figure(CLIP_IN * across + 0.4, height + CHART_IN + 0.5, title)
    gallery, charts = np.asarray(figure.subfigures(2, 1, height_ratios=(height, CHART_IN)))
    places = gallery.subplots(sum(rows), across, squeeze=False)
    for axes in places.ravel():
        axes.set_axis_off()
    first = 0
    for group, count in zip(groups, rows, strict=True):
        for place, (name, loops) in zip(places[first : first + count].ravel(), group.clips.items(), strict=False):
            clip_panel(place, loops, group.extent_nm, name)
        if count:
            places[first, 0].set_title(group.name, loc="left", fontsize=TICK_SIZE, fontweight="bold")
        first += count
    labels = list(dict.fromkeys(label for group in groups for label in group.charts))
    for axes, label in zip(np.atleast_1d(charts.subplots(1, len(labels))), labels, strict=True):
        distribution_panel(axes, {group.name: group.charts[label] for group in groups if label in group.charts}, label)
    handles, names = charts.axes[0].get_legend_handles_labels()
    if len(groups) > 1:
        charts.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=TICK_SIZE, frameon=False)
    return figure


def clip_panel(axes: Axes, loops: Loops, extent_nm: float, title: str = "") -> None:
    """Draws the polygons of one clip in its square."""
    axes.set_axis_on()
    style_axes(axes)
    axes.set_title(title, fontsize=TICK_SIZE - 2, loc="right")
    axes.set(xlim=(0, extent_nm), ylim=(0, extent_nm), xticks=[], yticks=[], aspect="equal")
    if len(loops):
        outlines = [Path(np.vstack([loop, np.asarray(loop)[:1]]), closed=True) for loop in loops]
        axes.add_patch(PathPatch(Path.make_compound_path(*outlines), facecolor=BLUE, linewidth=0))


def distribution_panel(axes: Axes, series: Mapping[str, Weighted], label: str) -> None:
    """Draws the share of the weight in even bins, one stepped line a series; the last bin also holds all beyond it."""
    weighted = {
        name: (np.asarray(values, float), np.asarray(weights, float)) for name, (values, weights) in series.items()
    }
    filled = {name: pair for name, pair in weighted.items() if pair[1].sum() > 0}
    top = max((_quantile(*pair, 0.98) for pair in filled.values()), default=1.0)
    edges = np.linspace(0, top * 1.02, MOST_BINS + 1)
    for index, (name, (values, weights)) in enumerate(filled.items()):
        share, _ = np.histogram(np.minimum(values, edges[-1]), edges, weights=weights / weights.sum())
        colour = (*CYCLE, BLACK)[index % (len(CYCLE) + 1)]
        axes.stairs(100 * share, edges, color=colour, linewidth=1.2, label=name)
    style_chart(axes, "", label, "share (%)")


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The value below which a share of the weight lies."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, share * total[-1])])
