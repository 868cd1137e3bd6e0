"""Edge noise: printed contours, coloured by how far noise moves them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litho_dl.viz.figure import BLACK, colour_bar, new_figure, style_axes
from litho_dl.viz.labels import label_points
from litho_dl.viz.places import Corners, Loops, draw_shapes, map_extent, show_window

MAP_IN = 7.0
HIGHEST = 98.0  # percentile of the colours' end: noise has no bound where an edge is about to vanish


def edge_noise_figure(
    drawn: Sequence[Loops],
    points_nm: NDArray,
    noise_nm: NDArray,
    gauges: Sequence[tuple[str, Corners]],
    *,
    title: str = "",
) -> Figure:
    """Draws points along printed contours in the colour of their noise, on the drawn layout with the gauges.

    Args:
        drawn: The loops (n, 2) in nm of each drawn polygon, hull and holes.
        points_nm: (n, 2) points along the contours.
        noise_nm: (n,) three standard deviations of the edge there.
        gauges: Name and x0, y0, x1, y1 of each gauge.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(MAP_IN, MAP_IN + 0.6, title)
    axes, extent = figure.add_subplot(), map_extent(drawn)
    draw_shapes(axes, drawn, extent)
    show_window(axes, extent)
    style_axes(axes)
    if len(points_nm):
        top = float(np.percentile(noise_nm, HIGHEST))
        x, y = points_nm.T
        shown = axes.scatter(x, y, c=noise_nm, s=1.5, cmap="plasma", vmin=0, vmax=top, zorder=4)
        colour_bar(shown, axes, "3 sigma of the edge (nm)")
    for _, (x0, y0, x1, y1) in gauges:
        axes.plot([x0, x1], [y0, y1], color=BLACK, linewidth=1.4, marker="|", markersize=6, zorder=5)
    if gauges:
        middles = np.array([((x0 + x1) / 2, (y0 + y1) / 2) for _, (x0, y0, x1, y1) in gauges])
        label_points(axes, middles, [name for name, _ in gauges], [BLACK] * len(gauges))
    return figure
