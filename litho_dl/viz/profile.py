"""Resist profiles: concentrations in the plane across the lines, and what development leaves."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litho_dl.viz.figure import LABEL_SIZE, TICK_SIZE, new_figure, style_axes


class ProfileImages(NamedTuple):
    """One panel.

    Attributes:
        title: Its heading.
        label: What its colours are.
        share: Values (Z, W) in [0, 1], from the resist's top.
        times_s: When the developer reaches each point; None: no profile is drawn.
    """

    title: str
    label: str
    share: NDArray
    times_s: NDArray | None


def profile_figure(
    panels: Sequence[ProfileImages], size_nm: tuple[float, float], seconds: float, *, title: str = ""
) -> Figure:
    """Draws concentrations across the lines, and the profile after development: what goes is white.

    Args:
        panels: The panels, from left to right.
        size_nm: Width and depth of what they show.
        seconds: Time of development.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(4.2 * len(panels), 3.6, title)
    width, depth = size_nm
    extent = (0, width, depth, 0)
    for axes, panel in zip(figure.subplots(1, len(panels)), panels, strict=True):
        rows, columns = panel.share.shape
        shown = axes.imshow(panel.share, cmap="magma", vmin=0, extent=extent, aspect="auto", interpolation="bilinear")
        if panel.times_s is not None:
            x, z = (np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * depth / rows
            # To the very top and border, where the samples do not reach.
            z, x = np.concatenate([[0], z, [depth]]), np.concatenate([[0], x, [width]])
            excess = np.pad(np.log(panel.times_s / seconds), 1, mode="edge")
            excess[0] = -1
            axes.contourf(x, z, excess, levels=[-np.inf, 0], colors="white", alpha=0.85)
            axes.contour(x, z, excess, levels=[0], colors="black", linewidths=1.4)
        style_axes(axes, panel.title, "x (nm)", "depth in the resist (nm)")
        bar = figure.colorbar(shown, ax=axes)
        bar.set_label(panel.label, fontsize=LABEL_SIZE)
        bar.ax.tick_params(labelsize=TICK_SIZE, width=0.6, length=3)
    return figure
