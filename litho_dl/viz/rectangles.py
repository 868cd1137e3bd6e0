"""Score against the number of rectangles: what a Manhattan version of a mask costs."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from litho_dl.viz.figure import BLACK, BLUE, GREEN, GREY, TICK_SIZE, VERMILION, new_figure, style_chart


def rectangles_figure(
    counts: Sequence[int],
    l2_nm2: Sequence[float],
    pvb_nm2: Sequence[float],
    mask: tuple[int, float, float],
    *,
    title: str = "",
) -> Figure:
    """Draws L2, PVB and their sum against the number of rectangles, and the sum of the mask that they replace.

    Args:
        counts: Numbers of rectangles, growing.
        l2_nm2: L2 of each in nm^2.
        pvb_nm2: PV band of each in nm^2.
        mask: Rectangles of the mask's own fracture, its L2 and its PV band.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(7.2, 4.4, title)
    axes = figure.subplots()
    sums = [one + other for one, other in zip(l2_nm2, pvb_nm2, strict=True)]
    for values, name, colour in ((sums, "L2 + PVB", VERMILION), (pvb_nm2, "PVB", BLUE), (l2_nm2, "L2", GREEN)):
        axes.plot(counts, values, color=colour, marker="o", markersize=4, linewidth=1.4, label=name)
    own, mask_l2, mask_pvb = mask
    axes.axhline(mask_l2 + mask_pvb, color=GREY, linestyle="dashed", linewidth=1, zorder=1)
    name = "the mask, fractured on its pixels"
    axes.plot([own], [mask_l2 + mask_pvb], "D", color=BLACK, markersize=6, label=name)
    axes.set_xscale("log")
    ticks = sorted({*counts, own})
    kept = [tick for n, tick in enumerate(ticks) if n == 0 or tick > 1.15 * ticks[n - 1] or tick == own]
    axes.set_xticks(kept, [f"{tick:,}" for tick in kept])
    axes.set_xticks([], minor=True)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    style_chart(axes, "", "rectangles", "nm²")
    axes.legend(fontsize=TICK_SIZE, frameon=False, ncols=4, columnspacing=1.2, loc="lower left", bbox_to_anchor=(0, 1))
    return figure
