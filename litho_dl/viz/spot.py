"""A spot that writes without a mask: in space, a cut through it, what it passes, and its width through focus."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import ArrayLike, NDArray

from litho_dl.viz.figure import BLUE, GREY, VERMILION, image_panel, new_figure, style_chart
from litho_dl.viz.optics import kernel_in_space

SAMPLES = 2001  # along the cut
SHOWN = 1e-3  # least modulation transfer
WIDTHS = 4  # side of the picture of the spot in FWHM


def spot_figure(
    transfer: ArrayLike,
    field_nm: tuple[float, float],
    *,
    focus: tuple[Sequence[float], Sequence[float], float] | None = None,
    title: str = "",
) -> Figure:
    """Draws a spot from its transfer function.

    Args:
        transfer: (n_y, n_x) complex, of the intensity; odd sizes, zero frequency in the centre, step 1 / field.
        field_nm: (height, width) of the field in nm.
        focus: Foci in nm, the spot's FWHM in nm at each, and the focus of this spot; None: not drawn.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    transfer = np.asarray(transfer)
    x, profile = _cut(transfer, field_nm)
    fwhm = fwhm_nm(x, profile)
    side = min(*field_nm, WIDTHS * fwhm)
    panels = 3 if focus is None else 4
    figure = new_figure(3.4 * panels, 3.6, title)
    axes = figure.subplots(1, panels)
    image = kernel_in_space(transfer, field_nm, side).real
    extent = (-side / 2, side / 2, -side / 2, side / 2)
    image_panel(axes[0], image / image.max(), extent, "Spot", cmap="magma", vmin=0, vmax=1, interpolation="bilinear")
    axes[0].add_patch(Circle((0, 0), fwhm / 2, fill=False, color="white", linewidth=1, linestyle="dashed"))
    _profile(axes[1], x, profile, fwhm, side)
    _passed(axes[2], transfer, field_nm)
    if focus is not None:
        _through_focus(axes[3], *focus)
    return figure


def fwhm_nm(x_nm: NDArray, profile: NDArray) -> float:
    """The full width at half maximum of a peak at 0 that falls along x >= 0; twice the last x if that is too near.

    Args:
        x_nm: (n,) rising from 0.
        profile: (n,) values.
    """
    below = np.flatnonzero(profile < profile[0] / 2)
    if not below.size:
        return float(2 * x_nm[-1])
    i = below[0]
    share = (profile[i - 1] - profile[0] / 2) / (profile[i - 1] - profile[i])
    return float(2 * (x_nm[i - 1] + share * (x_nm[i] - x_nm[i - 1])))


def _cut(transfer: NDArray, field_nm: tuple[float, float]) -> tuple[NDArray, NDArray]:
    """x >= 0 up to half the field, and the spot along x, over its peak."""
    x = np.linspace(0, field_nm[1] / 2, SAMPLES)
    f = (np.arange(transfer.shape[1]) - transfer.shape[1] // 2) / field_nm[1]
    profile = (np.exp(2j * np.pi * np.outer(x, f)) @ transfer.sum(0)).real
    return x, profile / profile[0]


def _profile(axes: Axes, x: NDArray, profile: NDArray, fwhm: float, side: float) -> None:
    axes.plot(np.concatenate((-x[::-1], x)), np.concatenate((profile[::-1], profile)), color=BLUE, linewidth=1.5)
    axes.plot((-fwhm / 2, fwhm / 2), (0.5, 0.5), color=VERMILION, linewidth=1.5, marker="|")
    axes.set(xlim=(-side / 2, side / 2), ylim=(0, 1.05))
    style_chart(axes, f"Cut: {fwhm:.4g} nm at half maximum", "x (nm)", "intensity over its peak")


def _passed(axes: Axes, transfer: NDArray, field_nm: tuple[float, float]) -> None:
    """The modulation transfer function, between the field's frequencies that of the spot alone on a field."""
    row = transfer[transfer.shape[0] // 2].real
    index = np.arange(len(row)) - len(row) // 2
    steps = np.linspace(0, index[-1], SAMPLES)
    passed = np.sinc(steps[:, None] - index) @ row
    shown = int((passed >= SHOWN * passed[0]).nonzero()[0].max())
    axes.plot(1e3 * steps / field_nm[1], passed, color=BLUE, linewidth=1.5)
    axes.set(xlim=(0, 1e3 * steps[shown] / field_nm[1]), ylim=(0, 1.05))
    style_chart(axes, "What lines keep of their contrast", "line pairs per µm", "modulation transfer")


def _through_focus(axes: Axes, foci: Sequence[float], widths: Sequence[float], own: float) -> None:
    radius = np.asarray(widths) / 2
    axes.fill_between(foci, -radius, radius, color=BLUE, alpha=0.15, linewidth=0)
    for edge in (-radius, radius):
        axes.plot(foci, edge, color=BLUE, linewidth=1.5)
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.axvline(own, color=VERMILION, linewidth=1, linestyle="dashed")
    axes.set_xlim(foci[0], foci[-1])
    style_chart(axes, "Width through focus; dashed: here", "defocus (nm)", "half maximum at (nm)")
