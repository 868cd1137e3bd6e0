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


def polygon_violations(
    polygons: Sequence[Polygon], binary: np.ndarray, pixel_nm: float, rules: MaskRules
) -> RuleViolations:
    """Places where a mask that is drawn as polygons breaks the mask rules.

    Polygons along x and y may be the steps of pixels, and are checked on pixels, as `mask_violations` does; others are
    checked as they are drawn.

    Args:
        polygons: The mask's polygons.
        binary: bool (H, W), their pixels.
        pixel_nm: Pixel size.
        rules: The mask rules.

    Returns:
        The violations of each rule.
    """
    loops = [loop for polygon in polygons for loop in polygon.loops]
    stepped = all((loop == np.roll(loop, 1, axis=0)).any(1).all() for loop in loops)
    return mask_violations(binary, pixel_nm, rules) if stepped else check_rules(polygons, rules)


def block_size(binary: np.ndarray) -> int:
    """The largest n for which the mask consists of n x n pixel blocks; 1 if it has no edges."""
    rows = np.flatnonzero((binary[1:] != binary[:-1]).any(1)) + 1
    columns = np.flatnonzero((binary[:, 1:] != binary[:, :-1]).any(0)) + 1
    return max(1, int(np.gcd.reduce(np.concatenate((rows, columns)))))
