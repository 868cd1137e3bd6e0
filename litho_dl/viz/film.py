"""Film stacks: swing curve, reflectivity against the antireflective layer, standing waves, and a bulk image."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from litho_dl.viz.figure import BLUE, GREY, LABEL_SIZE, TICK_SIZE, VERMILION, new_figure, style_axes, style_chart


def film_figure(
    swing: tuple[NDArray, NDArray, float],
    barc: tuple[NDArray, NDArray, float] | None,
    profile: tuple[NDArray, NDArray],
    lines: tuple[NDArray, float],
    *,
    title: str = "",
) -> Figure:
    """Draws what a film stack does to the light.

    Args:
        swing: Thicknesses of the resist in nm (n,), a clear mask's intensity at each, and the resist's own thickness.
        barc: Thicknesses of the layer under the resist in nm (m,), the reflectivity at the resist's bottom at each, and
            the best thickness; None: there is no such layer.
        profile: Depths below the resist's top in nm (z,), and a clear field's intensity at each.
        lines: Intensity (z, x) of a line pattern at the same depths across one pitch, and the pitch in nm.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    panels = 4 if barc is not None else 3
    figure = new_figure(3.4 * panels, 3.6, title)
    places = iter(figure.subplots(1, panels))
    _curve(next(places), *swing, "Clear mask; dashed: the resist", "thickness of the resist (nm)", "intensity per dose")
    if barc is not None:
        axes = next(places)
        _curve(axes, *barc, "At the resist's bottom; dashed: best", "thickness under the resist (nm)", "reflectivity")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    depths, intensity = profile
    axes = next(places)
    axes.plot(intensity, depths, color=BLUE, linewidth=1.5)
    axes.set_ylim(depths[-1], depths[0])
    style_chart(axes, "Clear field", "intensity per dose", "depth in the resist (nm)")
    _bulk(next(places), *lines, depths)
    return figure


def _curve(axes: Axes, x: NDArray, y: NDArray, marked: float, title: str, x_label: str, y_label: str) -> None:
    axes.plot(x, y, color=BLUE, linewidth=1.5)
    axes.axvline(marked, color=VERMILION, linewidth=1, linestyle="dashed")
    axes.set_ylim(bottom=0)
    style_chart(axes, title, x_label, y_label)


def _bulk(axes: Axes, image: NDArray, pitch_nm: float, depths: NDArray) -> None:
    """The image in the plane across the lines, with contours."""
    extent = (0, pitch_nm, depths[-1], depths[0])
    shown = axes.imshow(image, cmap="magma", vmin=0, extent=extent, aspect="auto", interpolation="bilinear")
    x = (0.5 + np.arange(image.shape[1])) * pitch_nm / image.shape[1]
    axes.contour(x, depths, image, levels=6, colors=GREY, linewidths=0.6)
    style_axes(axes, f"Lines and openings, pitch {pitch_nm:g} nm", "x (nm)", "depth in the resist (nm)")
    bar = axes.figure.colorbar(shown, ax=axes)
    bar.set_label("intensity per dose", fontsize=LABEL_SIZE)
    bar.ax.tick_params(labelsize=TICK_SIZE, width=0.6, length=3)
