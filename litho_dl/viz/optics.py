"""An optical system: its source, pupil, and coherent kernels with their energies."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree
from skimage.restoration import unwrap_phase

from litho_dl.viz.figure import (
    BLACK,
    BLUE,
    LABEL_SIZE,
    TICK_SIZE,
    TITLE_SIZE,
    VERMILION,
    image_panel,
    new_figure,
    style_axes,
    style_chart,
)

KERNEL_SAMPLES = 121  # along each side of a kernel's panel
KERNEL_WIDTH = 10  # side of a kernel's panel in units of 1 / highest frequency
PHASE_FLOOR_WAVES = 0.05  # least range of phase colours, so that a flat pupil looks flat


def optics_figure(
    kernels: ArrayLike,
    weights: ArrayLike,
    field_nm: tuple[float, float],
    *,
    source_points: ArrayLike | None = None,
    source_weights: ArrayLike | None = None,
    pupil: ArrayLike | None = None,
    defocus_nm: float | None = None,
    discarded_energy: float | None = None,
    count: int = 12,
    title: str = "",
) -> Figure:
    """Draws source and pupil (where known), the energies of all kernels, and the first kernels in space.

    Args:
        kernels: (K, 2 h_y + 1, 2 h_x + 1) complex spectra, zero frequency in the centre, step 1 / field.
        weights: (K,) weight of each kernel in the intensity.
        field_nm: (height, width) of the field in nm.
        source_points: (S, 2) sigma_x, sigma_y of the source points; None for imported kernels.
        source_weights: (S,) their weights; None: all equal.
        pupil: (n, n) complex pupil over -1 <= rho_y, rho_x <= 1 (rows rho_y), 0 outside the unit disc; None: not drawn.
        defocus_nm: Defocus of the pupil and kernels, for the title.
        discarded_energy: Share of the TCC's energy that the kernels lack, in [0, 1); None if unknown.
        count: Number of kernels to draw.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    kernels, weights = np.asarray(kernels), np.asarray(weights, dtype=float)
    count = min(count, len(kernels))
    energies = weights * (np.abs(kernels) ** 2).sum(axis=(1, 2))
    shares = (1 - (discarded_energy or 0.0)) * energies / energies.sum()
    columns = 6
    rows = -(-count // columns)
    heading = title + (f" at {defocus_nm:+g} nm defocus" if defocus_nm is not None else "")
    figure = new_figure(12, 3.4 + 2.4 * rows, heading)
    halves = figure.add_gridspec(2, 1, height_ratios=[3.2, 2.4 * rows])
    above, below = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
    widths = [1.0] * ((source_points is not None) + 2 * (pupil is not None)) + [1.6]
    places = iter(above.subplots(1, len(widths), squeeze=False, width_ratios=widths).flat)
    if source_points is not None:
        source_panel(next(places), source_points, source_weights)
    if pupil is not None:
        pupil_panels((next(places), next(places)), pupil)
    energy_panel(next(places), shares, "kept energy" if discarded_energy is None else "TCC's energy")
    kernel_panels(below, kernels[:count], shares, field_nm, (rows, columns))
    return figure


def source_panel(axes: Axes, points: ArrayLike, weights: ArrayLike | None = None) -> None:
    """Draws source points as squares as wide as their spacing, coloured by weight, inside the circle sigma = 1.

    Args:
        axes: Where to draw.
        points: (S, 2) sigma_x, sigma_y.
        weights: (S,); None: all equal.
    """
    points = np.asarray(points, dtype=float).reshape(-1, 2)
    values = np.ones(len(points)) if weights is None else np.asarray(weights, dtype=float)
    half = _spacing(points) / 2
    corners = half * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    pixels = PolyCollection(list(points[:, None] + corners), array=values / values.max(), cmap="cividis", linewidths=0)
    pixels.set_clim(0, 1)
    axes.add_collection(pixels)
    unit_disc(axes, f"Source ({len(points)} points)", r"$\sigma_x$", r"$\sigma_y$")


def sources_figure(sources: Sequence[tuple[str, ArrayLike, ArrayLike]], *, title: str = "") -> Figure:
    """Draws sources side by side, each normalised to its own brightest point.

    Args:
        sources: Name, points (S, 2) in sigma units, and weights (S,) of each.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(3.4 * len(sources), 3.7, title)
    for axes, (name, points, weights) in zip(
        figure.subplots(1, len(sources), squeeze=False).flat, sources, strict=True
    ):
        source_panel(axes, points, weights)
        axes.set_title(name, fontsize=TITLE_SIZE)
    return figure


def _spacing(points: NDArray, default: float = 0.05) -> float:
    """Distance of the two closest points (S, 2); `default` for a single point."""
    return float(KDTree(points).query(points, k=2)[0][:, 1].min()) if len(points) > 1 else default


def pupil_panels(axes: Sequence[Axes], pupil: ArrayLike) -> None:
    """Draws amplitude and phase of a pupil over the unit disc.

    Args:
        axes: Where to draw the amplitude, and where the phase.
        pupil: (n, n) complex, as in `optics_figure`.
    """
    pupil = np.asarray(pupil)
    inside = np.abs(pupil) > 0
    amplitude = np.where(inside, np.abs(pupil), np.nan)
    phase = phase_in_waves(pupil)
    limit = max(float(np.nanmax(np.abs(phase))), PHASE_FLOOR_WAVES)
    low, high = min(0.9, float(np.nanmin(amplitude))), max(1.0, float(np.nanmax(amplitude)))
    _disc_image(axes[0], amplitude, "Pupil amplitude", "viridis", (low, high))
    _disc_image(axes[1], phase, "Pupil phase (waves)", "RdBu_r", (-limit, limit))


def _disc_image(axes: Axes, image: NDArray, title: str, colours: str, limits: tuple[float, float]) -> None:
    shown = axes.imshow(image, cmap=colours, clim=limits, origin="lower", extent=(-1, 1, -1, 1))
    unit_disc(axes, title, r"$\rho_x$", r"$\rho_y$")
    bar = Colorbar(axes.inset_axes((1.03, 0.1, 0.05, 0.8)), shown)
    bar.ax.tick_params(labelsize=TICK_SIZE - 1, width=0.6, length=2)


def phase_in_waves(pupil: NDArray) -> NDArray:
    """Unwrapped phase (n, n) in waves, within half a wave of zero at the centre; NaN outside the pupil."""
    outside = np.abs(pupil) == 0
    phase = unwrap_phase(np.ma.masked_array(np.angle(pupil), outside)) / (2 * np.pi)
    centre = phase[pupil.shape[0] // 2, pupil.shape[1] // 2]
    if centre is not np.ma.masked:
        phase = phase - np.round(centre)
    return np.ma.filled(phase.astype(float), np.nan)


def unit_disc(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """Sets axes to the unit disc and draws its edge.

    Args:
        axes: What to set.
        title: Title of the panel.
        x_label: Label of the x axis.
        y_label: Label of the y axis.
    """
    axes.add_patch(Circle((0, 0), 1, fill=False, color=BLACK, linewidth=0.9))
    axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    style_axes(axes, title, x_label, y_label)


def energy_panel(axes: Axes, shares: NDArray, whole: str = "kept energy") -> None:
    """Draws each kernel's share of the energy (bars, logarithmic) and the cumulative share (line, right axis).

    Args:
        axes: Where to draw.
        shares: (K,) in [0, 1].
        whole: What they are shares of, for the title.
    """
    index, total = np.arange(1, len(shares) + 1), 100 * np.cumsum(shares)
    axes.bar(index, 100 * shares, color=BLUE, width=0.8)
    axes.set(yscale="log", xlim=(0.4, len(shares) + 0.6))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    style_chart(axes, f"{len(shares)} kernels: {total[-1]:.2f} % of the {whole}", "kernel", "share (%)")
    right = axes.twinx()
    right.plot(index, total, color=VERMILION, marker=".", markersize=4, linewidth=1.2)
    right.set_ylim(0, 104)
    style_axes(right)
    right.set_ylabel("cumulative share (%)", fontsize=LABEL_SIZE, color=VERMILION)
    right.tick_params(axis="y", colors=VERMILION)
    right.spines["top"].set_visible(False)


def kernel_panels(
    figure: SubFigure, kernels: NDArray, shares: NDArray, field_nm: tuple[float, float], grid: tuple[int, int]
) -> None:
    """Draws |h_k| of each kernel in a panel, normalised to its own maximum, with its share of the energy.

    Args:
        figure: Where to draw.
        kernels: (K, 2 h_y + 1, 2 h_x + 1) complex spectra, as in `optics_figure`.
        shares: Energy share of each kernel, in [0, 1].
        field_nm: (height, width) of the field in nm.
        grid: Rows and columns of panels.
    """
    side = KERNEL_WIDTH * max(2 * field / max(n - 1, 1) for field, n in zip(field_nm, kernels.shape[1:], strict=True))
    extent = (-side / 2, side / 2, -side / 2, side / 2)
    places = figure.subplots(*grid, squeeze=False).flat
    for index, axes in enumerate(places):
        if index >= len(kernels):
            axes.set_axis_off()
            continue
        image = np.abs(kernel_in_space(kernels[index], field_nm, side))
        label = rf"$|h_{{{index + 1}}}|$   {100 * shares[index]:.3g} %"
        image_panel(axes, image / image.max(), extent, label, cmap="magma", vmin=0, vmax=1, interpolation="bilinear")


def kernel_in_space(spectrum: NDArray, field_nm: tuple[float, float], side_nm: float) -> NDArray:
    """h(y, x) = sum_f H(f) exp(2 pi i f x) on a square of `side_nm` about the origin.

    Args:
        spectrum: (2 h_y + 1, 2 h_x + 1) complex, zero frequency in the centre, step 1 / field.
        field_nm: (height, width) of the field in nm.
        side_nm: Side of the square in nm.

    Returns:
        (n, n) complex, n = `KERNEL_SAMPLES`.
    """
    places = np.linspace(-side_nm / 2, side_nm / 2, KERNEL_SAMPLES)
    frequencies = [(np.arange(n) - n // 2) / field for n, field in zip(spectrum.shape, field_nm, strict=True)]
    to_y, to_x = (np.exp(2j * np.pi * np.outer(places, f)) for f in frequencies)
    return to_y @ spectrum @ to_x.T
