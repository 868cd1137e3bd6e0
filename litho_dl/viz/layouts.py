"""Layout clips beside histograms of their widths, spaces and densities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLUE, TICK_SIZE, TITLE_SIZE, as_it_is, new_figure, style_axes, style_chart

CLIP_IN, CHART_IN = 1.35, 2.3  # side of a clip's panel, and width of a histogram
BINS = 50
COVERED = 0.95  # share of the weight that histograms cover
Loops = Sequence[ArrayLike]  # vertices (n, 2) in nm; holes run the other way round than hulls
Weighted = tuple[ArrayLike, ArrayLike]  # values (n,) and their weights (n,)


@dataclass(frozen=True)
class ClipGroup:
    """Clips that are drawn in one row.

    Attributes:
        name: Heading of the row.
        clips: Outlines of the clips to show, by name.
        extent_nm: Side of the clips, which are square.
        charts: Values and weights of each histogram, by the label of its axis, such as "width (nm)".
    """

    name: str
    clips: Mapping[str, Loops]
    extent_nm: float
    charts: Mapping[str, Weighted]


def clips_figure(groups: Sequence[ClipGroup], *, across: int = 8, title: str = "") -> Figure:
    """Draws every group in a row: its clips, and right of them a histogram of each distribution.

    The histograms of all groups share their bins.

    Args:
        groups: The groups, in order.
        across: Clips side by side.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is no group, or a group has no clips.
    """
    if not groups or not all(group.clips for group in groups):
        raise LithoError("Expected at least one clip in every group of the gallery, got none; give it some.")
    rows = [-(-len(group.clips) // across) for group in groups]
    labels = list(dict.fromkeys(label for group in groups for label in group.charts))
    edges = {label: _edges([group.charts[label] for group in groups if label in group.charts]) for label in labels}
    height = (CLIP_IN + 0.2) * sum(rows) + 0.3 * len(rows)
    figure = new_figure(CLIP_IN * across + CHART_IN * len(labels), height + 0.5, title)
    parts = figure.subfigures(len(groups), 2, squeeze=False, height_ratios=rows, width_ratios=(across, 2 * len(labels)))
    for (gallery, charts), group, count in zip(parts, groups, rows, strict=True):
        places = gallery.subplots(count, across, squeeze=False).ravel()
        for place in places:
            place.set_axis_off()
        for place, (name, loops) in zip(places, group.clips.items(), strict=False):
            clip_panel(place, loops, group.extent_nm, name if len(groups) == 1 else "")
        gallery.suptitle(as_it_is(group.name), fontsize=TITLE_SIZE, x=0.01, ha="left")
        for axes, label in zip(charts.subplots(1, len(labels), squeeze=False).ravel(), labels, strict=True):
            if label in group.charts:
                histogram_panel(axes, group.charts[label], edges[label], label)
    return figure


def clip_panel(axes: Axes, loops: Loops, extent_nm: float, title: str = "") -> None:
    """Draws the polygons of one clip.

    Args:
        axes: Where to draw.
        loops: Vertices (n, 2) in nm of hulls and holes.
        extent_nm: Side of the clip, whose lower left corner is (0, 0).
        title: Title of the panel.
    """
    axes.set_axis_on()
    style_axes(axes)
    axes.set_title(as_it_is(title), fontsize=TICK_SIZE - 2, loc="right")
    axes.set(xlim=(0, extent_nm), ylim=(0, extent_nm), xticks=[], yticks=[], aspect="equal")
    if len(loops):
        outlines = [Path(np.vstack([loop, np.asarray(loop)[:1]]), closed=True) for loop in loops]
        axes.add_patch(PathPatch(Path.make_compound_path(*outlines), facecolor=BLUE, linewidth=0))


def histogram_panel(axes: Axes, weighted: Weighted, edges: np.ndarray, label: str) -> None:
    """Draws the share of the weight in each bin; the last bin also holds all larger values.

    Args:
        axes: Where to draw.
        weighted: Values (n,) and their weights (n,).
        edges: Edges of the bins (m + 1,).
        label: Quantity and unit of the values.
    """
    values, weights = (np.asarray(column, dtype=float) for column in weighted)
    share, _ = np.histogram(np.minimum(values, edges[-1]), edges, weights=weights / max(weights.sum(), 1e-300))
    axes.stairs(100 * share, edges, color=BLUE, fill=True)
    style_chart(axes, "", label, "share (%)")


def _edges(series: Sequence[Weighted]) -> np.ndarray:
    """Equal bins from zero that cover the share `COVERED` of every series."""
    top = 0.0
    for values, weights in series:
        order = np.argsort(np.asarray(values, dtype=float))
        total = np.cumsum(np.asarray(weights, dtype=float)[order])
        if len(total):
            top = max(top, float(np.asarray(values, dtype=float)[order][np.searchsorted(total, COVERED * total[-1])]))
    return np.linspace(0, 1.02 * top or 1.0, BINS + 1)
