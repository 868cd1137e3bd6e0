"""The eight symmetries of the square."""

from typing import Annotated

import numpy as np
from pydantic import AfterValidator

# Rows of the matrices that map (x, y) to (x', y').
SYMMETRIES: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "identity": ((1, 0), (0, 1)),
    "rotate_90": ((0, -1), (1, 0)),
    "rotate_180": ((-1, 0), (0, -1)),
    "rotate_270": ((0, 1), (-1, 0)),
    "flip_x": ((-1, 0), (0, 1)),
    "flip_y": ((1, 0), (0, -1)),
    "transpose": ((0, 1), (1, 0)),
    "anti_transpose": ((0, -1), (-1, 0)),
}


def _known(name: str) -> str:
    """The name of a symmetry, if it is one."""
    if name not in SYMMETRIES:
        raise ValueError(f"expected one of {', '.join(SYMMETRIES)}")
    return name


SymmetryName = Annotated[str, AfterValidator(_known)]


def turned(image: np.ndarray, symmetry: str) -> np.ndarray:
    """An image turned or mirrored about its centre.

    Args:
        image: (..., H, W), rows = y upwards, columns = x.
        symmetry: A key of `SYMMETRIES`.

    Returns:
        A view of the image, (..., H, W), or (..., W, H) where x and y are swapped.
    """
    (xx, xy), (yx, yy) = SYMMETRIES[symmetry]
    if xx == 0:
        image = image.swapaxes(-1, -2)
    return image[..., :: yx + yy, :: xx + xy]
