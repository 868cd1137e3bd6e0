"""The panels of a clip: target, mask, aerial image, and the print with its process-variation band."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from litho_dl.viz.figure import BLUE, GREY, ORANGE, SKY, VERMILION, colour_bar, image_panel
from litho_dl.viz.images import ClipImages

TARGET_COLOUR, BAND_COLOUR, PRINT_COLOUR, VIOLATION_COLOUR = GREY, ORANGE, BLUE, VERMILION
TARGET_ALPHA, BAND_ALPHA = 0.4, 0.85
PRINT_LEVEL = 0.5  # prints are booleans or sigmoids


def tint(image: ArrayLike, colour: str, alpha: float) -> NDArray:
    """RGBA (H, W, 4) uint8 of one colour whose opacity is `alpha` times an image in [0, 1]."""
    opacity = np.clip(np.asarray(image, dtype=np.float32), 0, 1) * (255 * alpha)
    tinted = np.empty((*opacity.shape, 4), dtype=np.uint8)
    tinted[..., :3] = np.round(255 * np.array(to_rgb(colour)))
    tinted[..., 3] = np.round(opacity)
    return tinted


def outline(axes: Axes, images: ClipImages, image: ArrayLike, level: float, colour: str, width: float = 1.0) -> None:
    """Draws where an image crosses a level; nothing if it never does."""
    values = np.asarray(image, dtype=np.float32)
    if values.min() < level < values.max():
        axes.contour(*images.centres(), values, levels=[level], colors=[colour], linewidths=width)


def target_panel(axes: Axes, images: ClipImages, title: str = "Target") -> None:
    """The target as filled shapes."""
    assert images.target is not None
    image_panel(axes, tint(images.target, TARGET_COLOUR, 1.0), images.extent, title)


def mask_panel(axes: Axes, images: ClipImages, title: str = "Mask") -> None:
    """The mask's transmission, open parts dark, with the target's outline."""
    mask = np.asarray(images.mask, dtype=np.float32)
    image_panel(axes, mask, images.extent, title, vmin=min(0.0, mask.min()), vmax=max(1.0, mask.max()))
    if images.target is not None:
        outline(axes, images, images.target, 0.5, VERMILION, width=0.7)


def aerial_panel(axes: Axes, images: ClipImages, threshold: float | None = None, title: str = "Aerial image") -> None:
    """The intensity with a colour bar, the contour at the print threshold and the target's outline."""
    assert images.aerial is not None
    shown = image_panel(axes, images.aerial, images.extent, title, cmap="inferno", vmin=0, interpolation="bilinear")
    bar = colour_bar(shown, axes, "intensity" if threshold is None else f"intensity; white: threshold {threshold:g}")
    if images.target is not None:
        outline(axes, images, images.target, 0.5, SKY, width=0.8)
    if threshold is not None:
        outline(axes, images, images.aerial, threshold, "white", width=1.2)
        bar.axvline(threshold, color="white", linewidth=1.5)


def print_panel(
    axes: Axes, images: ClipImages, epe_sites_nm: ArrayLike | None = None, title: str = "Print"
) -> list[Artist]:
    """The nominal contour over the target, the band between outer and inner print, and EPE violations.

    Args:
        axes: Where to draw.
        images: The clip.
        epe_sites_nm: (n, 2) x, y of the violations in nm.
        title: Panel title.

    Returns:
        Legend entries of what was drawn.
    """
    target = np.zeros(images.shape) if images.target is None else images.target
    image_panel(axes, tint(target, TARGET_COLOUR, TARGET_ALPHA), images.extent, title)
    entries: list[Artist] = []
    if images.target is not None:
        entries.append(Patch(facecolor=TARGET_COLOUR, alpha=TARGET_ALPHA, label="target"))
    if images.outer is not None and images.inner is not None:
        band = np.abs(np.asarray(images.outer, dtype=float) - np.asarray(images.inner, dtype=float))
        axes.imshow(tint(band, BAND_COLOUR, BAND_ALPHA), origin="lower", extent=images.extent, interpolation="nearest")
        entries.append(Patch(facecolor=BAND_COLOUR, alpha=BAND_ALPHA, label="PV band"))
    outline(axes, images, images.nominal, PRINT_LEVEL, PRINT_COLOUR, width=1.1)
    entries.append(Line2D([], [], color=PRINT_COLOUR, linewidth=1.1, label="nominal print"))
    sites = np.empty((0, 2)) if epe_sites_nm is None else np.asarray(epe_sites_nm, dtype=float).reshape(-1, 2)
    if len(sites):
        entries.append(violations(axes, sites))
    return entries


def violations(axes: Axes, sites_nm: NDArray) -> Artist:
    """Rings the EPE violations (n, 2); returns the legend entry."""
    (rings,) = axes.plot(
        *sites_nm.T,
        color=VIOLATION_COLOUR,
        linestyle="none",
        marker="o",
        markersize=9,
        markeredgewidth=1.4,
        markerfacecolor="none",
        label="EPE violation",
    )
    return rings
