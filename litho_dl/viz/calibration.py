"""Calibrations: residuals by pattern class, through pitch and through focus, and fitted parameters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLUE, GREY, LABEL_SIZE, ORANGE, TICK_SIZE, VERMILION, as_it_is, new_figure, style_chart

MOST_CLASSES = 12
JITTER = 0.22  # of the distance between two classes
KINDS = (("fitted", BLUE, "o"), ("held out", ORANGE, "s"), ("outlier", VERMILION, "x"))


@dataclass(frozen=True, eq=False)
class ResidualPoints:
    """The residuals of M measurements, and what they are drawn against.

    Attributes:
        before_nm: (M,) predicted less measured at the start; NaN where nothing prints.
        after_nm: (M,) the same after the fit.
        patterns: Pattern class of each.
        pitch_nm: (M,) NaN where there is none.
        defocus_nm: (M,).
        kinds: (M,) "fitted", "held out" or "outlier".
        noise_nm: R.m.s. of the measurements' standard deviations, drawn as a band.
    """

    before_nm: NDArray
    after_nm: NDArray
    patterns: Sequence[str]
    pitch_nm: NDArray
    defocus_nm: NDArray
    kinds: Sequence[str]
    noise_nm: float


def residuals_figure(points: ResidualPoints, *, title: str = "") -> Figure:
    """Draws residuals before and after a calibration, by pattern class, through pitch and through focus.

    Args:
        points: The residuals.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    if not np.isfinite(points.after_nm).any():
        raise LithoError("Expected residuals to draw, got none.")
    figure = new_figure(10.4, 6.4, title)
    (before, classes), (pitch, focus) = figure.subplots(2, 2)
    span = np.nanmax(np.abs([points.before_nm, points.after_nm]))
    edges = np.linspace(-span, span, 41)
    before.hist(points.before_nm[np.isfinite(points.before_nm)], edges, color=GREY, alpha=0.7, label="before")
    before.hist(points.after_nm[np.isfinite(points.after_nm)], edges, color=BLUE, alpha=0.8, label="after")
    before.legend(fontsize=TICK_SIZE, frameon=False)
    style_chart(before, "Before and after", "predicted - measured (nm)", "measurements")
    names = list(dict.fromkeys(points.patterns))
    shown = names[:MOST_CLASSES]
    places = np.array([shown.index(name) if name in shown else np.nan for name in points.patterns])
    spread = np.random.default_rng(0).uniform(-JITTER, JITTER, len(places))
    _scatter(classes, places + spread, points)
    classes.set_xticks(range(len(shown)), [as_it_is(name) for name in shown], fontsize=TICK_SIZE)
    more = f" (first {MOST_CLASSES} of {len(names)})" if len(names) > MOST_CLASSES else ""
    style_chart(classes, f"By pattern class{more}", "", "predicted - measured (nm)")
    _scatter(pitch, points.pitch_nm, points)
    style_chart(pitch, "Through pitch", "pitch (nm)", "predicted - measured (nm)")
    if not np.isfinite(points.pitch_nm).any():
        pitch.text(
            0.5, 0.5, "no gauge has a near neighbour", transform=pitch.transAxes, ha="center", fontsize=LABEL_SIZE
        )
    _scatter(focus, points.defocus_nm, points)
    style_chart(focus, "Through focus", "the tool's defocus (nm)", "predicted - measured (nm)")
    handles, labels = classes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=TICK_SIZE, frameon=False)
    return figure


def _scatter(axes: Axes, x: NDArray, points: ResidualPoints) -> None:
    """Residuals after the fit, in the colours of their kinds, on a band of +-1 sigma of the measurements."""
    axes.axhspan(
        -points.noise_nm, points.noise_nm, color=GREY, alpha=0.18, linewidth=0, label="±1σ of the measurements"
    )
    axes.axhline(0, color=GREY, linewidth=0.8)
    for kind, colour, marker in KINDS:
        own = np.array([name == kind for name in points.kinds])
        if own.any():
            axes.scatter(
                x[own], points.after_nm[own], s=16, color=colour, marker=marker, label=kind, linewidth=1, zorder=3
            )


def parameters_figure(
    keys: Sequence[str],
    start: NDArray,
    values: NDArray,
    sigmas: NDArray,
    correlations: NDArray,
    *,
    title: str = "",
) -> Figure:
    """Draws how far each parameter moved, with its 95 % interval, and the correlations of the estimates.

    Args:
        keys: P parameters.
        start: (P,) where they started.
        values: (P,) where they ended.
        sigmas: (P,) standard deviations; NaN where there is none.
        correlations: (P, P).
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(10.4, 0.42 * len(keys) + 2.4, title)
    moved, square = figure.subplots(1, 2, width_ratios=(1.3, 1))
    places = np.arange(len(keys))
    shift = (values - start) / np.where(np.isfinite(sigmas), sigmas, np.nan)
    moved.errorbar(shift, places, xerr=1.96, fmt="o", color=BLUE, markersize=4, capsize=3, label="fit, 95 %")
    moved.axvline(0, color=GREY, linewidth=1)
    moved.set_yticks(places, keys, fontsize=TICK_SIZE)
    moved.invert_yaxis()
    style_chart(moved, "Moved from the start", "in standard deviations of the estimate")
    square.imshow(correlations, vmin=-1, vmax=1, cmap="RdBu_r")
    for row in places:
        for column in places:
            if np.isfinite(value := correlations[row, column]):
                ink = "white" if abs(value) > 0.6 else "black"
                square.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=TICK_SIZE - 1, color=ink)
    short = [key.rpartition(".")[2] for key in keys]
    square.set_xticks(places, short, rotation=35, ha="right", fontsize=TICK_SIZE)
    square.set_yticks(places, short, fontsize=TICK_SIZE)
    square.set_title("Correlations", fontsize=TICK_SIZE + 2)
    return figure
