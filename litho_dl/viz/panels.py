"""The panels of a clip: target, mask, aerial image, and the print with its PV band."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from litho_dl.viz.figure import BLACK, BLUE, GREY, SKY, VERMILION, colour_bar, image_panel
from litho_dl.viz.images import ClipImages

TARGET_COLOUR, BAND_COLOUR, PRINT_COLOUR, VIOLATION_COLOUR = GREY, VERMILION, SKY, BLACK
TARGET_ALPHA, PRINT_ALPHA = 0.4, 0.5
SHAPES = {"dark": ("black: open", "mask opening"), "clear": ("black: absorber", "mask absorber")}


def tint(image: ArrayLike, colour: str, alpha: float) -> NDArray:
    """An image as the opacity of one colour.

    Args:
        image: (H, W) in [0, 1].
        colour: A matplotlib colour.
        alpha: Opacity where the image is 1, in [0, 1].

    Returns:
        RGBA (H, W, 4) uint8.
    """
    opacity = np.clip(np.asarray(image, dtype=np.float32), 0, 1) * (255 * alpha)
    tinted = np.empty((*opacity.shape, 4), dtype=np.uint8)
    tinted[..., :3] = np.round(255 * np.array(to_rgb(colour)))
    tinted[..., 3] = np.round(opacity)
    return tinted


def outline(axes: Axes, images: ClipImages, image: ArrayLike, level: float, colour: str, width: float = 1.0) -> None:
    """Draws the contour of an image at a level; nothing if there is none.

    Args:
        axes: Where to draw.
        images: The clip, for its pixel grid.
        image: (H, W) on that grid.
        level: The contour's value.
        colour: The contour's colour.
        width: Its line width in points.
    """
    values = np.asarray(image, dtype=np.float32)
    if values.min() < level < values.max():
        axes.contour(*images.centres(), values, levels=[level], colors=[colour], linewidths=width)


def target_panel(axes: Axes, images: ClipImages, title: str = "Target") -> None:
    """Draws the target as filled shapes.

    Args:
        axes: Where to draw.
        images: The clip, with a target.
        title: Title of the panel.
    """
    assert images.target is not None
    image_panel(axes, tint(images.target, TARGET_COLOUR, 1.0), images.extent, title)


def mask_panel(axes: Axes, images: ClipImages, title: str | None = None) -> list[Artist]:
    """Draws the mask's shapes black, openings or in a clear field absorber, with the target's outline.

    Args:
        axes: Where to draw.
        images: The clip.
        title: Title of the panel; None: one that explains the colours.

    Returns:
        The legend entry of the shapes.
    """
    mask = np.asarray(images.mask, dtype=np.float32)
    lowest = min(0.0, float(mask.min()))
    meaning, shapes = SHAPES[images.mask_field]
    if lowest < 0:
        meaning += ", white: open, 180°"
    image_panel(axes, mask, images.extent, f"Mask ({meaning})" if title is None else title, vmin=lowest, vmax=1.0)
    if images.target is not None:
        outline(axes, images, images.target, 0.5, BLUE, width=0.7)
    return [Patch(facecolor="black", label=shapes)]


def aerial_panel(axes: Axes, images: ClipImages, threshold: float | None = None, title: str = "Aerial image") -> None:
    """Draws the intensity with a colour bar, its contour at the resist threshold, and the target's outline.

    Args:
        axes: Where to draw.
        images: The clip, with an aerial image.
        threshold: Intensity at which the resist prints; None: no contour.
        title: Title of the panel.
    """
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
    """Draws the nominal print over the target, the PV band over both, and the EPE violations.

    The PV band is only a few nm wide: its edges are drawn as lines to be visible in small panels, and the print has no
    outline, which would hide the band.

    Args:
        axes: Where to draw.
        images: The clip.
        epe_sites_nm: (n, 2) x, y of the violations in nm.
        title: Title of the panel.

    Returns:
        The legend entries.
    """
    assert images.nominal is not None
    layers = [("nominal print", images.nominal, PRINT_COLOUR, PRINT_ALPHA)]
    if images.target is not None:
        layers.insert(0, ("target", images.target, TARGET_COLOUR, TARGET_ALPHA))
    if images.outer is not None and images.inner is not None:
        band = np.abs(np.asarray(images.outer, dtype=float) - np.asarray(images.inner, dtype=float))
        layers.append(("PV band", band, BAND_COLOUR, 1.0))
        for edge in (images.outer, images.inner):
            outline(axes, images, edge, 0.5, BAND_COLOUR, width=0.4)
    lowest, *above = (tint(image, colour, alpha) for _, image, colour, alpha in layers)
    image_panel(axes, lowest, images.extent, title)
    for layer in above:
        axes.imshow(layer, origin="lower", extent=images.extent, interpolation="nearest")
    entries: list[Artist] = [Patch(facecolor=colour, alpha=alpha, label=name) for name, _, colour, alpha in layers]
    sites = np.empty((0, 2)) if epe_sites_nm is None else np.asarray(epe_sites_nm, dtype=float).reshape(-1, 2)
    if len(sites):
        entries.append(violations(axes, sites))
    return entries


def violations(axes: Axes, sites_nm: NDArray) -> Artist:
    """Draws rings around EPE violations.

    Args:
        axes: Where to draw.
        sites_nm: (n, 2) x, y in nm.

    Returns:
        The legend entry.
    """
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
