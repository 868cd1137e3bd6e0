"""Edge placement errors of a whole chip: their map, the seams between tiles, and the error near the seams."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from litho_dl.viz.figure import BLUE, GREY, VERMILION, legend_below, new_figure, style_axes, style_chart

Box = tuple[float, float, float, float]

CELLS = 96  # of the map, along the longer side


def chip_figure(
    xy_nm: NDArray,
    epe_nm: NDArray,
    spots: Sequence[int],
    wanted_nm: Box,
    seams_nm: tuple[Sequence[float], Sequence[float]],
    seam_rows: Sequence[tuple[str, float, int]],
    *,
    title: str = "",
) -> Figure:
    """Draws the mean EPE over the chip, its worst sites, and the mean EPE against the distance to seams.

    Args:
        xy_nm: Sites (n, 2) as x, y.
        epe_nm: Their signed EPE (n,), NaN where no printed edge is found.
        spots: Indices of the worst sites.
        wanted_nm: (x0, y0, x1, y1) of the region to draw.
        seams_nm: x of the vertical and y of the horizontal seams.
        seam_rows: Label, mean |EPE| in nm and number of sites for each range of distances to the nearest seam; if
            empty, the second panel is left out.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    x0, y0, x1, y1 = wanted_nm
    figure = new_figure(10.5 if seam_rows else 7.0, 6.0, title)
    axes = figure.subplots(1, 2 if seam_rows else 1, width_ratios=(1.5, 1) if seam_rows else None, squeeze=False)[0]
    chart = axes[0]
    style_axes(chart, "Mean |EPE| of the nominal print (x, y in nm)")
    side = max(x1 - x0, y1 - y0) / CELLS
    shown = np.isfinite(epe_nm)
    across, up = (np.arange(low, high + side, side) for low, high in ((x0, x1), (y0, y1)))
    x, y = xy_nm[shown].T
    sums = np.histogram2d(x, y, bins=[across, up], weights=np.abs(epe_nm[shown]))[0].T
    counts = np.histogram2d(x, y, bins=[across, up])[0].T
    mean = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    top = max(1.0, float(np.nanpercentile(mean, 98)) if np.isfinite(mean).any() else 1.0)
    image = chart.pcolormesh(across, up, mean, cmap="viridis", vmin=0, vmax=top, rasterized=True)
    bar = figure.colorbar(image, ax=chart, fraction=0.04, pad=0.02)
    bar.set_label("mean |EPE| (nm)")
    for lines, draw in zip(seams_nm, (chart.axvline, chart.axhline), strict=True):
        for place in lines:
            draw(place, color=GREY, linewidth=0.8, linestyle="--")
    worst = xy_nm[list(spots)]
    chart.scatter(*worst.T, s=14, facecolors="none", edgecolors=VERMILION, linewidths=1.0)
    chart.set_xlim(x0, x1)
    chart.set_ylim(y0, y1)
    chart.set_aspect("equal")
    seams = Line2D([], [], color=GREY, linestyle="--", linewidth=0.8, label="seams between tiles")
    rings = Line2D(
        [], [], color=VERMILION, marker="o", fillstyle="none", linestyle="", label=f"{len(worst)} worst sites"
    )
    legend_below(chart, [entry for entry, drawn in ((seams, sum(map(len, seams_nm))), (rings, len(worst))) if drawn])
    if seam_rows:
        labels, values, sites = zip(*seam_rows, strict=True)
        style_chart(axes[1], "Mean |EPE| near seams", "distance to seam (nm); above: sites", "mean |EPE| (nm)")
        places = np.arange(len(labels))
        axes[1].bar(places, values, color=BLUE, width=0.7)
        axes[1].set_xticks(places, labels, rotation=30, ha="right")
        for bar_index, (value, count) in enumerate(zip(values, sites, strict=True)):
            axes[1].annotate(f"{count:,}", (bar_index, value), ha="center", va="bottom", fontsize=7)
    return figure
