"""The eight symmetries of the square, acting on images."""

from collections.abc import Callable

import numpy as np

Transform = Callable[[np.ndarray], np.ndarray]

# What each does to the last two axes (rows = y upwards, columns = x), as a view.
SYMMETRIES: dict[str, Transform] = {
    "identity": lambda image: image,
    "rotate_90": lambda image: image.swapaxes(-1, -2)[..., ::-1],
    "rotate_180": lambda image: image[..., ::-1, ::-1],
    "rotate_270": lambda image: image.swapaxes(-1, -2)[..., ::-1, :],
    "flip_x": lambda image: image[..., ::-1],
    "flip_y": lambda image: image[..., ::-1, :],
    "transpose": lambda image: image.swapaxes(-1, -2),
    "anti_transpose": lambda image: image[..., ::-1, ::-1].swapaxes(-1, -2),
}
