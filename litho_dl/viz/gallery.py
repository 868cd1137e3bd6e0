"""Many clips on one page, all at the same scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from scipy.ndimage import uniform_filter

from litho_dl.core.errors import LithoError
from litho_dl.viz.clip import caption
from litho_dl.viz.figure import TICK_SIZE, TITLE_SIZE, VERMILION, as_it_is, new_figure
from litho_dl.viz.images import ClipImages, Extent, square_around
from litho_dl.viz.panels import PRINT_COLOUR, mask_panel, outline, print_panel, target_panel

CELL_IN = 2.0  # side of a panel
CELL_PIXELS = 600  # a side; more would not be visible
CLOSE_PIXELS = 300  # a side of the part that is shown pixel by pixel


@dataclass(frozen=True)
class GalleryClip:
    """One clip of the gallery.

    Attributes:
        name: The clip's name.
        images: Its images, with a target.
        score: Its scores by name.
        epe_sites_nm: (n, 2) x, y of the EPE violations in nm.
    """

    name: str
    images: ClipImages
    score: Mapping[str, float] = field(default_factory=dict)
    epe_sites_nm: ArrayLike | None = None


def gallery_figure(
    clips: Sequence[GalleryClip], *, across: int = 2, margin_nm: float = 200.0, title: str = ""
) -> Figure:
    """Draws target, mask and print of every clip in windows of one size, and a part of the mask pixel by pixel.

    That part, framed in the mask, has most edges of all about a drawn pixel.

    Args:
        clips: The clips, in order.
        across: Clips in a row.
        margin_nm: Margin shown around the largest clip.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw.
    """
    if not clips:
        raise LithoError("Expected at least one clip for the gallery, got none; give it some.")
    across = min(across, len(clips))
    rows = -(-len(clips) // across)
    side = 2 * margin_nm + max(_longer_side(clip.images.bounds()) for clip in clips)
    figure = new_figure(4 * CELL_IN * across + 0.3, (CELL_IN + 0.6) * rows + 0.7, title)
    places = figure.subplots(rows, 4 * across, squeeze=False)
    entries: dict[str, Artist] = {}
    for index in range(rows * across):
        row, column = divmod(index, across)
        panels = list(places[row, 4 * column : 4 * column + 4])
        if index < len(clips):
            entries |= {str(entry.get_label()): entry for entry in _clip_row(panels, clips[index], side)}
        else:
            for axes in panels:
                axes.set_axis_off()
    handles = list(entries.values())
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=TICK_SIZE, frameon=False)
    return figure


def _clip_row(panels: Sequence[Axes], clip: GalleryClip, side_nm: float) -> list[Artist]:
    target, mask, printed, close = panels
    images = clip.images.crop(square_around(clip.images.bounds(), side_nm)).reduced(CELL_PIXELS)
    target_panel(target, images, "")
    opening = mask_panel(mask, images, "")
    target.set_title(as_it_is(clip.name), loc="left", fontsize=TITLE_SIZE, fontweight="bold")
    mask.set_title(caption(clip.score, "   "), loc="left", fontsize=TICK_SIZE)
    part = _densest(clip.images)
    x0, x1, y0, y1 = part.extent
    mask.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=VERMILION, linewidth=0.8))
    mask_panel(close, part, "")
    if part.nominal is not None:
        outline(close, part, part.nominal, 0.5, PRINT_COLOUR)
    close.set_title(f"{x1 - x0:g} nm of the mask; print", loc="left", fontsize=TICK_SIZE)
    return opening + print_panel(printed, images, clip.epe_sites_nm, "")


def _densest(images: ClipImages) -> ClipImages:
    """The square part of `CLOSE_PIXELS` a side, about a drawn pixel, in which the mask has most edges."""
    mask = np.asarray(images.mask, dtype=np.float32)
    steps = np.abs(np.diff(mask, axis=0, prepend=0)) + np.abs(np.diff(mask, axis=1, prepend=0))
    size = min(CLOSE_PIXELS, *mask.shape)
    half = size // 2
    whole = tuple(slice(half, side - size + half + 1) for side in mask.shape)  # middles of squares within the image
    edges = uniform_filter(steps, size, mode="constant")[whole]
    drawn = np.asarray(images.target)[whole] > 0
    row, column = np.unravel_index(int(np.where(drawn, 2 + edges, edges).argmax()), edges.shape)
    (x, y), p = images.origin_nm, images.pixel_nm
    return images.crop((x + p * column, x + p * (column + size), y + p * row, y + p * (row + size)))


def _longer_side(bounds: Extent) -> float:
    return max(bounds[1] - bounds[0], bounds[3] - bounds[2])
