"""Grey values of PNG images of all kinds."""

from pathlib import Path

import numpy as np
from PIL import Image

from litho_dl.core.errors import LithoError

OPAQUE = 255


def grey_values(picture: Image.Image, path: Path) -> np.ndarray:
    """The grey values of an image, wherever it stores them.

    Palettes, and colours of equal red, green and blue, count as grey. Where all that is visible has one grey, the
    values are those of its opacity.

    Args:
        picture: The image.
        path: Its file, for messages.

    Returns:
        uint8 (H, W), or uint16 for an image of 16 bits.

    Raises:
        LithoError: The image has colours, or grey values and transparency that do not agree on what is bright.
    """
    if picture.mode.startswith("I"):
        if "transparency" in picture.info:
            raise LithoError(f"{path}: expected an opaque image of 16 bits, got a transparent grey; save it without.")
        return np.asarray(picture.convert("I")).astype(np.uint16)
    if picture.mode in ("1", "L") and "transparency" not in picture.info:  # as written here; converting takes longest
        return np.asarray(picture.convert("L"))
    colours = np.asarray(picture.convert("RGBA"))
    grey, opacity = colours[..., 0], colours[..., 3]
    visible = colours[opacity > 0]
    if (visible[:, :3] != visible[:, :1]).any():
        raise LithoError(f"{path}: expected a grey image, got colours; convert it, so that open areas are white.")
    if picture.mode == "P" and np.ptp(np.asarray(picture)) and not np.ptp(colours.reshape(-1, 4), axis=0).any():
        raise LithoError(f"{path}: expected a palette of different greys, got one grey for all; save it as grey.")
    if (opacity == OPAQUE).all():
        return grey
    if not np.ptp(opacity):
        raise LithoError(f"{path}: expected an opaque image, got one that is transparent everywhere; flatten it.")
    if not np.ptp(visible[:, 0]):
        return opacity
    if not grey[opacity < OPAQUE].any():  # dark whether it is flattened on black or not
        return grey
    raise LithoError(f"{path}: expected grey values or transparency, got both; flatten it on black.")
