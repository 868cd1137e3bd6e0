"""Process windows: Bossung curves, dose-focus windows, and exposure latitude against depth of focus."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import ArrayLike, NDArray

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import (
    BLACK,
    CYCLE,
    GREY,
    TICK_SIZE,
    new_figure,
    scale_bar,
    style_axes,
    style_chart,
)
from litho_dl.viz.labels import label_points

BOSSUNGS_IN_A_ROW = 4
SHOWN_TOLERANCES = (3.0, 6.0)  # smallest and largest CD range of Bossung panels, in multiples of the tolerance
DOSE_MARGIN = 0.15  # above and below the windows, relative to the range of their doses
MOST_DOSES_LISTED = 12
DOSE_COLOURS = colormaps["viridis"]


@dataclass(frozen=True, eq=False)
class WindowCurves:
    """A process window.

    Attributes:
        foci_nm: (F,).
        low: (F,) lowest dose.
        high: (F,) highest dose.
        dof_nm: (n,) depths of focus.
        el_percent: (n,) exposure latitude at each depth of focus.
        best_focus_nm: Centre of the best rectangle; None if there is none.
        best_dose: Its dose.
        best_dof_nm: Its width.
    """

    foci_nm: NDArray
    low: NDArray
    high: NDArray
    dof_nm: NDArray
    el_percent: NDArray
    best_focus_nm: float | None
    best_dose: float | None
    best_dof_nm: float | None


@dataclass(frozen=True, eq=False)
class GaugeCurves:
    """One gauge with its measurements.

    Attributes:
        label: Name and description, separated by a colon.
        target_nm: Target CD.
        start_nm: (x, y) of one end.
        end_nm: (x, y) of the other end.
        cd_nm: (F, D) CDs; 0 or infinite where there is none.
        window: Its process window.
    """

    label: str
    target_nm: float
    start_nm: tuple[float, float]
    end_nm: tuple[float, float]
    cd_nm: NDArray
    window: WindowCurves


def process_window_figure(
    gauges: Sequence[GaugeCurves],
    common: WindowCurves,
    *,
    foci_nm: ArrayLike,
    doses: ArrayLike,
    tolerance: float,
    least_el_percent: float,
    outlines_nm: Sequence[NDArray],
    nominal: tuple[float, float],
    title: str = "",
) -> Figure:
    """Draws the Bossung curves of every gauge, and below them the windows, EL against DOF, and a map of the gauges.

    With a single focus, CDs are drawn against dose and windows as bars.

    Args:
        gauges: The gauges, at least one.
        common: The window common to all gauges.
        foci_nm: (F,).
        doses: (D,).
        tolerance: Allowed deviation of CDs, as a share of the target CD.
        least_el_percent: Exposure latitude at which depths of focus are stated, and of the rectangle drawn.
        outlines_nm: Loops (n, 2) of the drawn polygons, for the map; holes run the other way round than hulls.
        nominal: Nominal focus in nm and dose, to mark.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is no gauge.
    """
    if not gauges:
        raise LithoError("Expected at least one gauge, got none.")
    foci, factors = np.asarray(foci_nm, dtype=float), np.asarray(doses, dtype=float)
    rows = math.ceil(len(gauges) / BOSSUNGS_IN_A_ROW)
    figure = new_figure(11.5, 2.9 * rows + 4.0, title)
    halves: Any = figure.subfigures(2, 1, height_ratios=[2.9 * rows, 3.8])
    upper, lower = halves
    columns = min(len(gauges), BOSSUNGS_IN_A_ROW)
    panels = upper.subplots(rows, columns, squeeze=False).ravel()
    for panel, gauge, colour in zip(panels, gauges, _colours(len(gauges)), strict=False):
        _bossung(panel, gauge, foci, factors, tolerance, colour)
    for panel in panels[len(gauges) :]:
        panel.set_axis_off()
    if len(foci) > 1:
        _dose_legend(upper, factors)
    window, latitude, drawing = lower.subplots(1, 3)
    _windows(window, gauges, common, foci, nominal, least_el_percent)
    _latitudes(latitude, gauges, common, least_el_percent)
    _map(drawing, gauges, outlines_nm)
    return figure


def _colours(count: int) -> list[str]:
    return list(CYCLE * math.ceil(count / len(CYCLE)))[:count]


def _bossung(
    axes: Axes, gauge: GaugeCurves, foci: NDArray, doses: NDArray, tolerance: float, gauge_colour: str
) -> None:
    """Draws CD against focus, one line for each dose, over the tolerance band."""
    target = gauge.target_nm
    axes.axhspan(target * (1 - tolerance), target * (1 + tolerance), color=GREY, alpha=0.2, linewidth=0)
    axes.axhline(target, color=GREY, linewidth=1, linestyle="dashed")
    shown = np.where((gauge.cd_nm > 0) & np.isfinite(gauge.cd_nm), gauge.cd_nm, np.nan)
    if len(foci) == 1:
        axes.plot(doses, shown[0], color=gauge_colour, marker="o", markersize=3, linewidth=1.3)
    else:
        for dose, cds in zip(doses, shown.T, strict=True):
            axes.plot(foci, cds, color=_dose_colour(dose, doses), marker="o", markersize=2.5, linewidth=1.1)
    nearest, farthest = (target * tolerance * np.array([-reach, reach]) for reach in SHOWN_TOLERANCES)
    central = shown[len(foci) // 2][np.isfinite(shown[len(foci) // 2])] - target
    low, high = min([nearest[0], *central]), max([nearest[1], *central])
    margin = 0.03 * (high - low)
    axes.set_ylim(target + max(low, farthest[0]) - margin, target + min(high, farthest[1]) + margin)
    style_chart(axes, gauge.label, "focus (nm)" if len(foci) > 1 else "dose (relative)", "CD (nm)")
    axes.title.set_color(gauge_colour)


def _dose_colour(dose: float, doses: NDArray) -> tuple[float, float, float, float]:
    span = float(np.ptp(doses))
    return DOSE_COLOURS(0.92 * (dose - doses.min()) / span if span else 0.5)


def _dose_legend(figure: SubFigure, doses: NDArray) -> None:
    """Draws the legend of the doses, the highest on top, right of the Bossung panels."""
    step = math.ceil(len(doses) / MOST_DOSES_LISTED)
    lines = [Line2D([], [], color=_dose_colour(dose, doses), marker="o", markersize=2.5) for dose in doses[::-step]]
    names = [f"{dose:g}" for dose in doses[::-step]]
    figure.legend(
        lines,
        names,
        title="dose",
        title_fontsize=TICK_SIZE,
        fontsize=TICK_SIZE,
        frameon=False,
        loc="outside right center",
    )


def _windows(
    axes: Axes,
    gauges: Sequence[GaugeCurves],
    common: WindowCurves,
    foci: NDArray,
    nominal: tuple[float, float],
    least_el_percent: float,
) -> None:
    """Draws each gauge's dose limits through focus, the common window shaded, and its best rectangle dashed."""
    single, dose = len(foci) == 1, "dose (relative)"
    shared = "grey: common" if common.best_dose is not None else "none in common"
    for index, (gauge, colour) in enumerate(zip(gauges, _colours(len(gauges)), strict=True)):
        low, high = gauge.window.low, gauge.window.high
        if single:
            axes.errorbar(index, (low[0] + high[0]) / 2, (high[0] - low[0]) / 2, color=colour, capsize=6, linewidth=1.4)
            continue
        for limit in (low, high):
            axes.plot(gauge.window.foci_nm, limit, color=colour, linewidth=1.4)
    if single:
        if common.high[0] > common.low[0]:
            axes.axhspan(common.low[0], common.high[0], color=GREY, alpha=0.35, linewidth=0)
        axes.axhline(nominal[1], color=BLACK, linewidth=0.8, linestyle="dotted")
        axes.set_xticks(range(len(gauges)), [gauge.label.partition(":")[0] for gauge in gauges])
        style_chart(
            axes, "Doses in tolerance; grey: common; dotted: nominal", f"gauge, focus {foci[0]:g} nm", "dose (relative)"
        )
    else:
        low, high = common.low, common.high
        axes.fill_between(common.foci_nm, low, high, where=list(high > low), color=GREY, alpha=0.35, linewidth=0)
        _rectangle(axes, common, least_el_percent)
        axes.plot(*nominal, marker="+", color=BLACK, markersize=9, markeredgewidth=1.4)
        style_chart(axes, f"Windows; {shared}; +: nominal", "focus (nm)", dose)
    axes.set_ylim(*_dose_range(gauges, nominal[1]))


def _rectangle(axes: Axes, common: WindowCurves, least_el_percent: float) -> None:
    """Draws the widest rectangle in the common window that has the stated latitude."""
    if not common.best_dof_nm or common.best_focus_nm is None or common.best_dose is None:
        return
    height = common.best_dose * least_el_percent / 100
    corner = (common.best_focus_nm - common.best_dof_nm / 2, common.best_dose - height / 2)
    axes.add_patch(
        Rectangle(corner, common.best_dof_nm, height, fill=False, edgecolor=BLACK, linestyle="dashed", linewidth=1)
    )


def _dose_range(gauges: Sequence[GaugeCurves], nominal_dose: float) -> tuple[float, float]:
    """Range of doses that shows every gauge's window where it is widest, and the nominal dose."""
    ends = [nominal_dose]
    for gauge in gauges:
        widest = int((gauge.window.high - gauge.window.low).argmax())
        ends += [float(gauge.window.low[widest]), float(gauge.window.high[widest])]
    margin = DOSE_MARGIN * (max(ends) - min(ends)) or DOSE_MARGIN
    return max(0.0, min(ends) - margin), max(ends) + margin


def _latitudes(axes: Axes, gauges: Sequence[GaugeCurves], common: WindowCurves, least_el_percent: float) -> None:
    """Draws EL against DOF of every gauge, and of the common window thick and black; bars for a single focus."""
    if len(common.dof_nm) == 1:
        names = [*(gauge.label.partition(":")[0] for gauge in gauges), "common"]
        heights = [window.el_percent[0] for window in (*(gauge.window for gauge in gauges), common)]
        axes.bar(names, heights, color=[*_colours(len(gauges)), BLACK], width=0.5)
        axes.axhline(least_el_percent, color=GREY, linewidth=1, linestyle="dashed")
        style_chart(axes, f"Latitude; dashed: {least_el_percent:g} %", "gauge", "exposure latitude (%)")
        return
    for gauge, colour in zip(gauges, _colours(len(gauges)), strict=True):
        _latitude(axes, gauge.window, colour, 1.4, gauge.label.partition(":")[0])
    _latitude(axes, common, BLACK, 2.2, "common" if common.el_percent[0] > 0 else "common: none")
    axes.axhline(least_el_percent, color=GREY, linewidth=1, linestyle="dashed", zorder=1)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    style_chart(axes, f"Latitude; dashed: {least_el_percent:g} %", "depth of focus (nm)", "exposure latitude (%)")
    axes.legend(fontsize=TICK_SIZE, facecolor="white", edgecolor="none", framealpha=0.9, loc="lower left")


def _latitude(axes: Axes, window: WindowCurves, colour: str, width: float, label: str) -> None:
    last = int((window.el_percent > 0).sum()) + 1  # down to the axis, not along it
    dof, el = window.dof_nm[:last], window.el_percent[:last]
    axes.plot(dof, el, color=colour, linewidth=width, label=label)


def _map(axes: Axes, gauges: Sequence[GaugeCurves], outlines_nm: Sequence[NDArray]) -> None:
    """Draws the polygons and the gauges on them."""
    drawing = Path.make_compound_path(*(Path(np.vstack([loop, loop[:1]]), closed=True) for loop in outlines_nm))
    axes.add_patch(PathPatch(drawing, facecolor=GREY, linewidth=0, alpha=0.4))
    for gauge, colour in zip(gauges, _colours(len(gauges)), strict=True):
        (x0, y0), (x1, y1) = gauge.start_nm, gauge.end_nm
        axes.plot([x0, x1], [y0, y1], color=colour, linewidth=2, marker="|", markersize=5)
    low = np.min([outline.min(axis=0) for outline in outlines_nm], axis=0)
    high = np.max([outline.max(axis=0) for outline in outlines_nm], axis=0)
    margin = 0.05 * float((high - low).max())
    axes.set_xlim(low[0] - margin, high[0] + margin)
    axes.set_ylim(low[1] - margin, high[1] + margin)
    axes.set_aspect("equal")
    style_axes(axes, "Gauges")
    axes.set_xticks([])
    axes.set_yticks([])
    scale_bar(axes, float(high[0] - low[0]) + 2 * margin)
    middles = np.array([np.add(gauge.start_nm, gauge.end_nm) / 2 for gauge in gauges])
    label_points(axes, middles, [gauge.label.partition(":")[0] for gauge in gauges], _colours(len(gauges)))
