"""What all figures share: a canvas without global state, axes in one style, image panels in nm, scale bars, files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar
from numpy.typing import ArrayLike
from PIL import Image

from litho_dl.core.io import atomic_path
from litho_dl.viz.images import Extent
from litho_dl.viz.suffix import require_figure_suffix

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLACK, GREY = "#222222", "#8C8C8C"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
BROWN = "#6B4423"  # in place of the palette's second blue
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, BROWN)

TITLE_SIZE, LABEL_SIZE, TICK_SIZE = 10, 9, 8  # points
PAD_IN = 0.08  # left empty around a picture
PNG_LEVEL = 4  # of zlib: 8 % larger than by 6, in 60 % of the time


def new_figure(width_in: float, height_in: float, title: str = "") -> Figure:
    """An empty figure on its own Agg canvas, laid out so that labels do not overlap.

    Args:
        width_in: Width in inches.
        height_in: Height in inches.
        title: Heading of the figure.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(width_in, height_in), layout="compressed", facecolor="white")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(as_it_is(title), fontsize=TITLE_SIZE + 2, fontweight="bold")
    return figure


def as_it_is(text: str) -> str:
    """A text that holds a name, for matplotlib: `$` begins no formula, and bytes that are not UTF-8 become `?`."""
    return text.encode(errors="replace").decode().replace("$", r"\$")


def style_axes(axes: Axes, title: str = "", x_label: str = "", y_label: str = "") -> None:
    """Sets title, labels and ticks in the sizes that all figures share.

    Args:
        axes: What to style.
        title: Title of the panel.
        x_label: Label of the x axis.
        y_label: Label of the y axis.
    """
    axes.set_title(title, fontsize=TITLE_SIZE)
    axes.set_xlabel(x_label, fontsize=LABEL_SIZE)
    axes.set_ylabel(y_label, fontsize=LABEL_SIZE)
    axes.tick_params(labelsize=TICK_SIZE, width=0.6, length=3)
    for spine in axes.spines.values():
        spine.set_linewidth(0.6)


def style_chart(axes: Axes, title: str = "", x_label: str = "", y_label: str = "") -> None:
    """`style_axes` for curves and points, with a light grid behind them and no border at the top and right.

    Args:
        axes: What to style.
        title: Title of the panel.
        x_label: Label of the x axis.
        y_label: Label of the y axis.
    """
    style_axes(axes, title, x_label, y_label)
    axes.grid(True, which="major", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def image_panel(axes: Axes, image: ArrayLike, extent: Extent, title: str = "", **imshow: Any) -> AxesImage:
    """Shows an image (row 0 lowest) in nm with a scale bar instead of ticks.

    Args:
        axes: Where to draw.
        image: (H, W) values or (H, W, 4) RGBA.
        extent: x0, x1, y0, y1 of the image's outer edges in nm.
        title: Title of the panel.
        **imshow: Passed to `Axes.imshow` (colour map, limits).

    Returns:
        The image drawn.
    """
    settings: dict[str, Any] = {"cmap": "Greys", "interpolation": "nearest", **imshow}
    shown = axes.imshow(np.asarray(image), origin="lower", extent=extent, **settings)
    axes.set_aspect("equal", anchor="N")
    style_axes(axes, title)
    axes.set_xticks([])
    axes.set_yticks([])
    scale_bar(axes, extent[1] - extent[0])
    return shown


def round_length(span_nm: float) -> float:
    """The largest of 1, 2, 5 x 10^k nm that is at most a quarter of `span_nm`."""
    limit = span_nm / 4
    decade = 10.0 ** np.floor(np.log10(limit))
    return float(max(step * decade for step in (1, 2, 5) if step * decade <= limit * (1 + 1e-9)))


def scale_bar(axes: Axes, span_nm: float) -> None:
    """Draws a bar of a round length, labelled in nm, under the lower right corner.

    Args:
        axes: Where to draw.
        span_nm: Width of the axes in nm.
    """
    length = round_length(span_nm)
    bar = AnchoredSizeBar(
        axes.transData,
        length,
        f"{length:g} nm",
        loc="upper right",
        bbox_to_anchor=(1, 0),
        bbox_transform=axes.transAxes,
        frameon=False,
        pad=0,
        borderpad=0.4,
        sep=2,
        size_vertical=span_nm / 120,
        color=BLACK,
        fontproperties=FontProperties(size=TICK_SIZE - 1),
    )
    axes.add_artist(bar)


def colour_bar(shown: ScalarMappable, axes: Axes, label: str) -> Axes:
    """Draws a horizontal colour bar under a panel, left of its scale bar.

    Args:
        shown: The image with the colours.
        axes: Its panel.
        label: Quantity and unit.

    Returns:
        The bar's axes.
    """
    bar = Colorbar(axes.inset_axes((0.02, -0.06, 0.68, 0.035)), shown, orientation="horizontal")
    bar.set_label(label, fontsize=TICK_SIZE)
    bar.outline.set_linewidth(0.6)
    bar.ax.tick_params(labelsize=TICK_SIZE, width=0.6, length=2)
    return bar.ax


def legend_below(axes: Axes, entries: Sequence[Artist]) -> None:
    """Draws a legend in one row under a panel and its scale bar.

    Args:
        axes: The panel.
        entries: Artists with labels.
    """
    axes.legend(
        handles=entries,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=2.4,
        ncols=len(entries),
        fontsize=TICK_SIZE,
        frameon=False,
        handlelength=1.4,
        columnspacing=1.2,
    )


def save_figure(figure: Figure, path: str | Path, dpi: int = 200) -> None:
    """Writes a figure atomically, in the format of the file name's suffix.

    Args:
        figure: The figure.
        path: A .png, .pdf or .svg file.
        dpi: Resolution of pixel images in dots per inch.

    Raises:
        OutputError: The name has another suffix, or the file cannot be written.
    """
    require_figure_suffix(path)
    with atomic_path(path) as temporary:
        if temporary.suffix.lower() != ".png" or not _save_drawn(figure, temporary, dpi):
            figure.savefig(temporary, dpi=dpi, bbox_inches="tight", pad_inches=PAD_IN)


def _save_drawn(figure: Figure, path: Path, dpi: int) -> bool:
    """Writes a .png as `Figure.savefig` does, which draws all twice to find what is empty around it; this draws once.

    Returns:
        False if something lies outside the figure's canvas; then nothing is written.
    """
    canvas, own_dpi = FigureCanvasAgg(figure), figure.dpi
    figure.set_dpi(dpi)
    try:
        canvas.draw()
        drawn = figure.get_tightbbox(canvas.get_renderer())
    finally:
        figure.set_dpi(own_dpi)
    pixels = np.asarray(canvas.buffer_rgba())[::-1, :, :3]  # the lowest row first, as the box counts
    (x0, y0), (x1, y1) = np.floor(drawn.min * dpi).astype(int), np.ceil(drawn.max * dpi).astype(int)
    if min(x0, y0) < 0 or x1 > pixels.shape[1] or y1 > pixels.shape[0]:
        return False
    pad = round(PAD_IN * dpi)
    picture = np.full((y1 - y0 + 2 * pad, x1 - x0 + 2 * pad, 3), 255, dtype=np.uint8)
    picture[pad : pad + y1 - y0, pad : pad + x1 - x0] = pixels[y0:y1, x0:x1]
    Image.fromarray(picture[::-1]).save(path, dpi=(dpi, dpi), compress_level=PNG_LEVEL)
    return True
