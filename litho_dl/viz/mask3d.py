"""Mask models against the rigorous mask: errors of CD through pitch."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from litho_dl.viz.figure import BLUE, GREY, LABEL_SIZE, VERMILION, new_figure, style_chart

COLOURS = {"thin": GREY, "bias": VERMILION, "layers": BLUE}
NAMES = {"thin": "thin mask", "bias": "zeroth moments", "layers": "layers"}


def mask3d_figure(
    pitches_nm: Sequence[float],
    widths_nm: Sequence[float],
    across: Sequence[bool],
    errors_nm: Mapping[str, Sequence[float]],
    *,
    title: str = "",
) -> Figure:
    """Draws CD errors through pitch, all models beside a closer look without the thin mask.

    Args:
        pitches_nm: Pitch of each line.
        widths_nm: Its drawn width; lines of one width and direction are joined.
        across: Whether it runs along x, across the chief ray of a reflective mask; such lines are dashed.
        errors_nm: CD less the rigorous one by model, `thin`, `bias` and `layers`; NaN where one does not print.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = new_figure(9.0, 3.6, title)
    whole, closer = figure.subplots(1, 2)
    kinds = [(turned, round(width)) for turned, width in zip(across, widths_nm, strict=True)]
    first = {turned: kinds.index((turned, width)) for turned, width in reversed(kinds)}  # of either direction
    for axes, names in ((whole, ("thin", "bias", "layers")), (closer, ("bias", "layers"))):
        axes.axhspan(-0.5, 0.5, color=GREY, alpha=0.15, linewidth=0)
        for name in names:
            for kind in dict.fromkeys(kinds):
                kept = [place for place, own in enumerate(kinds) if own == kind]
                label = NAMES[name] + (", lines along x" if kind[0] else "")
                axes.plot(
                    [pitches_nm[place] for place in kept],
                    [errors_nm[name][place] for place in kept],
                    color=COLOURS[name],
                    marker="o",
                    markersize=3,
                    linewidth=1.2,
                    linestyle="--" if kind[0] else "-",
                    label=label if kept[0] == first[kind[0]] else None,
                )
        style_chart(axes, "Grey: within 0.5 nm", "pitch (nm)", "CD less rigorous CD (nm)")
    handles, labels = whole.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=LABEL_SIZE, frameon=False)
    return figure
