"""Digits rendered with fonts, where MNIST is not available, and the classes of a digit's pixels."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

SIDE_PX = 28
BACKGROUND = 10
INK = 128  # smallest value of a pixel that belongs to the digit
FONTS = ("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic")
FINE = 4  # digits are rendered on pixels that much finer, then averaged
HEIGHT_PX = 27.0  # height of a font whose digits are 20 px high, as those of MNIST


def rendered_digits(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Renders digits in matplotlib's fonts, each with a random shift, rotation, size and stroke width.

    They are easier to classify than handwriting, and equal wherever fonts and Pillow are the same.

    Args:
        count: Number of images.
        seed: Seed of the random numbers.

    Returns:
        Images, uint8 (count, 28, 28) with 255 = ink and row 0 at the top, and their digits, uint8 (count,).
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(10, size=count, dtype=np.uint8)
    images = np.empty((count, SIDE_PX, SIDE_PX), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:] = _rendered(str(label), rng)
    return torch.from_numpy(images), torch.from_numpy(labels)


def pixel_classes(images: Tensor, labels: Tensor) -> Tensor:
    """The class of each pixel, int64 (n, H, W): the image's digit where there is ink, otherwise `BACKGROUND`.

    Args:
        images: uint8 (n, H, W), 255 = ink.
        labels: Digits (n,).

    Returns:
        The classes.
    """
    return torch.where(images >= INK, labels.long()[:, None, None], BACKGROUND)


def _rendered(text: str, rng: np.random.Generator) -> np.ndarray:
    """One digit, uint8 (28, 28)."""
    from PIL import Image, ImageDraw

    font = _font(str(rng.choice(FONTS)), round(FINE * HEIGHT_PX * rng.uniform(0.7, 0.95)))
    side, centre = FINE * SIDE_PX, FINE * SIDE_PX / 2
    picture = Image.new("L", (side, side))
    pen = int(rng.integers(FINE))  # adds up to 1.5 px to a stroke
    ImageDraw.Draw(picture).text((centre, centre), text, 255, font, anchor="mm", stroke_width=pen)
    shift = tuple(rng.integers(-2 * FINE, 2 * FINE, 2, endpoint=True).tolist())
    moved = picture.rotate(rng.uniform(-15, 15), Image.Resampling.BILINEAR, translate=shift)
    return np.asarray(moved.reduce(FINE))


@functools.cache
def _font(name: str, size: int) -> Any:
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf"), size)
