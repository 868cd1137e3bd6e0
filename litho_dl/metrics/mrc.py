"""Mask rule check of binary masks."""

from collections.abc import Sequence

import numpy as np

from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules, RuleViolations, check_rules


def mask_violations(
    binary: np.ndarray, pixel_nm: float, rules: MaskRules, outline: Sequence[Polygon] | None = None
) -> RuleViolations:
    """Places where a binary mask breaks the mask rules.

    A mask of coarse blocks on fine pixels gives the same result as on pixels of its block size: staircases are smoothed
    by the block size before distances are measured.

    Args:
        binary: bool (H, W).
        pixel_nm: Pixel size of the mask.
        rules: The mask rules.
        outline: The mask's outline, as `pixel_polygons` returns it, where it is at hand.

    Returns:
        The violations of each rule.
    """
    polygons = pixel_polygons(binary, pixel_nm) if outline is None else outline
    return check_rules(polygons, rules, smooth_nm=block_size(binary) * pixel_nm)


def block_size(binary: np.ndarray) -> int:
    """The largest n for which the mask consists of n x n pixel blocks; 1 if it has no edges."""
    rows = np.flatnonzero((binary[1:] != binary[:-1]).any(1)) + 1
    columns = np.flatnonzero((binary[:, 1:] != binary[:, :-1]).any(0)) + 1
    return max(1, int(np.gcd.reduce(np.concatenate((rows, columns)))))
