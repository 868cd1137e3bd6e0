"""Mask rule check of binary masks."""

import numpy as np

from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.rules import MaskRules, RuleViolations, check_rules


def mask_violations(binary: np.ndarray, pixel_nm: float, rules: MaskRules) -> RuleViolations:
    """Places where a binary mask breaks the mask rules.

    A mask of coarse blocks on fine pixels gives the same result as on pixels of its block size: staircases are smoothed
    by the block size before distances are measured.

    Args:
        binary: bool (H, W).
        pixel_nm: Pixel size of the mask.
        rules: The mask rules.

    Returns:
        The violations of each rule.
    """
    return check_rules(pixel_polygons(binary, pixel_nm), rules, smooth_nm=block_size(binary) * pixel_nm)


def block_size(binary: np.ndarray) -> int:
    """The largest n for which the mask consists of n x n pixel blocks; 1 if it has no edges."""
    rows = np.flatnonzero((binary[1:] != binary[:-1]).any(1)) + 1
    columns = np.flatnonzero((binary[:, 1:] != binary[:, :-1]).any(0)) + 1
    return max(1, int(np.gcd.reduce(np.concatenate((rows, columns)))))
