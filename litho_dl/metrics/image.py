"""Areas by which images differ."""

import numpy as np


def l2_nm2(printed: np.ndarray, target: np.ndarray, pixel_nm: float) -> float:
    """Area where a binary print differs from the target, in nm^2; for binary images the squared L2 distance.

    Args:
        printed: bool (H, W).
        target: bool (H, W).
        pixel_nm: The images' pixel.
    """
    return float(np.count_nonzero(printed != target)) * pixel_nm**2


def pvb_nm2(outer: np.ndarray, inner: np.ndarray, pixel_nm: float) -> float:
    """Area of the process-variation band: where the outer and inner prints, bool (H, W), differ, in nm^2."""
    return float(np.count_nonzero(outer != inner)) * pixel_nm**2
