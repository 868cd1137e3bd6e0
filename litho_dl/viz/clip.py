"""One clip: target, mask, aerial image and print."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from litho_dl.viz.figure import LABEL_SIZE, legend_below, new_figure
from litho_dl.viz.images import MARGIN_NM, ClipImages
from litho_dl.viz.panels import aerial_panel, mask_panel, print_panel, target_panel

PANEL_IN = 4.2  # width of a panel
PANELS = ("target", "mask", "aerial", "nominal")


def clip_figure(
    images: ClipImages,
    *,
    threshold: float | None = None,
    epe_sites_nm: ArrayLike | None = None,
    score: Mapping[str, float] | None = None,
    title: str = "",
    margin_nm: float | None = MARGIN_NM,
) -> Figure:
    """Draws target, mask, aerial image and print, cropped to the target, or to the mask if there is no target.

    Args:
        images: The clip; panels of absent images are left out.
        threshold: Intensity at which the resist prints; its contour is drawn on the aerial image.
        epe_sites_nm: (n, 2) x, y of the EPE violations in nm.
        score: Scores by name for the caption, in order.
        title: Heading of the figure.
        margin_nm: Margin shown around the target's bounding box; None: the images are drawn whole and as they are.

    Returns:
        The figure.
    """
    images = images if margin_nm is None else images.shown(margin_nm)
    panels = [name for name in PANELS if getattr(images, name) is not None]
    columns = 2 if len(panels) == 4 else len(panels)
    rows = len(panels) // columns
    panel_height = PANEL_IN * images.shape[0] / images.shape[1]
    figure = new_figure(PANEL_IN * columns, (panel_height + 0.4) * rows + 1.0, title)
    for name, axes in zip(panels, figure.subplots(rows, columns, squeeze=False).flat, strict=True):
        if name == "target":
            target_panel(axes, images)
        elif name == "mask":
            mask_panel(axes, images)
        elif name == "aerial":
            aerial_panel(axes, images, threshold)
        else:
            legend_below(axes, print_panel(axes, images, epe_sites_nm))
    if score:
        figure.supxlabel(caption(score), fontsize=LABEL_SIZE)
    return figure


def caption(score: Mapping[str, float], separator: str = "     ") -> str:
    """Scores as one line, such as `L2 38,495     PVB 47,015     EPE 3`.

    Args:
        score: Scores by name.
        separator: What stands between two scores.

    Returns:
        The line; whole numbers have thousands separators, others four significant digits.
    """
    return separator.join(f"{name} {_number(value)}" for name, value in score.items())


def _number(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.4g}"
