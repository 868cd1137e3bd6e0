"""Masks of several methods side by side, clip by clip, each mask above its print."""

import re
from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from litho_dl.core.errors import LithoError
from litho_dl.viz.clip import caption
from litho_dl.viz.figure import TICK_SIZE, TITLE_SIZE, as_it_is, new_figure
from litho_dl.viz.gallery import GalleryClip
from litho_dl.viz.images import Extent, grown, square_around
from litho_dl.viz.panels import mask_panel, print_panel, target_panel

CELL_IN = 1.9  # side of a panel
NAME_LETTERS = 22  # of a title that fit above a panel
CELL_PIXELS = 300  # a side; more would not be visible


def comparison_figure(
    clips: Mapping[str, Mapping[str, GalleryClip]], *, margin_nm: float = 100.0, title: str = ""
) -> Figure:
    """Draws two rows for each clip, masks above prints: first the target, then one column for each method.

    Args:
        clips: By the clip's name and by the method's; all clips have the same methods.
        margin_nm: Margin shown around each clip.
        title: Heading of the figure.

    Returns:
        The figure.

    Raises:
        LithoError: There is nothing to draw, or the clips have different methods.
    """
    columns = list(next(iter(clips.values()), {}))
    if not columns or any(list(drawn) != columns for drawn in clips.values()):
        raise LithoError("Expected clips with masks of the same methods, got none or others.")
    figure = new_figure((CELL_IN + 0.05) * (1 + len(columns)), (2 * CELL_IN + 0.75) * len(clips) + 0.7, title)
    places = figure.subplots(2 * len(clips), 1 + len(columns), squeeze=False)
    entries: dict[str, Artist] = {}
    for row, (name, drawn) in enumerate(clips.items()):
        x0, x1, y0, y1 = _around([clip.images.bounds() for clip in drawn.values()])
        window = grown(square_around((x0, x1, y0, y1), max(x1 - x0, y1 - y0)), margin_nm)
        places[2 * row + 1, 0].set_axis_off()
        for column, (origin, clip) in enumerate(drawn.items()):
            images = clip.images.crop(window).reduced(CELL_PIXELS)
            if column == 0:
                target_panel(places[2 * row, 0], images, "")
                places[2 * row, 0].set_title(
                    in_lines(as_it_is(name)), loc="left", fontsize=TITLE_SIZE, fontweight="bold"
                )
            above, below = places[2 * row : 2 * row + 2, 1 + column]
            drawn_entries = mask_panel(above, images, "") + print_panel(below, images, clip.epe_sites_nm, "")
            entries |= {str(entry.get_label()): entry for entry in drawn_entries}
            above.set_title(in_lines(as_it_is(origin)), loc="left", fontsize=TITLE_SIZE)
            below.set_title(_two_lines(clip.score), loc="left", fontsize=TICK_SIZE - 1)
    figure.legend(
        handles=list(entries.values()),
        loc="outside lower center",
        ncols=len(entries),
        fontsize=TICK_SIZE,
        frameon=False,
    )
    return figure


def _around(bounds: Sequence[Extent]) -> Extent:
    """The bounds that hold all."""
    x0, x1, y0, y1 = zip(*bounds, strict=True)
    return min(x0), max(x1), min(y0), max(y1)


def in_lines(name: str) -> str:
    """A name in lines that are no wider than a panel, broken behind `_`, `-`, `+` or a blank if it can be."""
    lines = [""]
    for part in re.findall(rf"[^_+\s-]{{1,{NAME_LETTERS - 1}}}[_+\s-]?|[_+\s-]", name):
        if lines[-1] and len(lines[-1] + part) > NAME_LETTERS:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _two_lines(score: Mapping[str, float]) -> str:
    """Scores in two lines, as one would be wider than a panel."""
    names = list(score)
    parts = (names[: len(names) // 2], names[len(names) // 2 :]) if len(names) > 2 else (names,)
    return "\n".join(caption({name: score[name] for name in part}, "   ") for part in parts)
