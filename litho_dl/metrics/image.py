"""Areas in which prints differ."""

import numpy as np


def l2_nm2(printed: np.ndarray, target: np.ndarray, pixel_nm: float) -> float:
    """Area where a binary print differs from the target; for binary images, the squared L2 distance.

    Args:
        printed: bool (H, W).
        target: bool (H, W).
        pixel_nm: Pixel size of the images.

    Returns:
        The area in nm^2.
    """
    return float(np.count_nonzero(printed != target)) * pixel_nm**2


def pvb_nm2(outer: np.ndarray, inner: np.ndarray, pixel_nm: float) -> float:
    """Area of the process-variation (PV) band, where the outer and the inner print differ.

    Args:
        outer: Largest print over the corners, bool (H, W).
        inner: Smallest print over the corners, bool (H, W).
        pixel_nm: Pixel size of the images.

    Returns:
        The area in nm^2.
    """
    return float(np.count_nonzero(outer != inner)) * pixel_nm**2
