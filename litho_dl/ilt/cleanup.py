"""Clean-up of mask rule violations: repairs that cost the print least."""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor

from litho_dl.ilt.morphology import closed, dilated, opened
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.rules import MaskRules, RuleViolations, check_rules

ROUNDS = 12
CONTEXT = 3.0  # distance around a violation that a repair is judged by, in units of the largest width or space rule

Cost = Callable[[Tensor, int], Tensor]


def clean(mask: Tensor, pixel_nm: float, rules: MaskRules, cost: Cost, free: Tensor | None = None) -> Tensor:
    """Removes width, space and area violations from masks, as far as the repairs can.

    First an opening removes features that are too narrow for a disc, and a closing fills gaps that are too narrow. Then
    each remaining violation is repaired: the feature there is widened or narrowed, the place is filled or cleared, or a
    feature is removed. Among the repairs that leave fewer violations around the place than before (or, if there are
    none, the fewest), the one with the lowest cost is taken. Each round reaches further than the one before.

    Args:
        mask: Masks, bool (B, h, w).
        pixel_nm: Their pixel.
        rules: The rules.
        cost: Objective (n,) of masks, bool (n, h, w), for the clip of a given index.
        free: Where masks may change, bool (B, h, w); violations elsewhere are left. None: everywhere.

    Returns:
        The masks with the fewest violations found, bool (B, h, w).
    """
    free = torch.ones_like(mask) if free is None else free
    parts = zip(mask, free, strict=True)
    return torch.stack([_clean_clip(*part, pixel_nm, rules, cost, index) for index, part in enumerate(parts)])


def _clean_clip(mask: Tensor, free: Tensor, pixel_nm: float, rules: MaskRules, cost: Cost, index: int) -> Tensor:
    best, fewest = mask, len(_places(mask, free, pixel_nm, rules))
    mask = torch.where(free, _without_narrow(mask, pixel_nm, rules), mask)
    for round_index in range(ROUNDS + 1):
        found = _places(mask, free, pixel_nm, rules)
        if len(found) < fewest or (round_index == 0 and len(found) == fewest):
            best, fewest = mask, len(found)
        if len(found) == 0 or round_index == ROUNDS:
            break
        for box in found:
            mask = _repaired(mask, free, box, round_index, pixel_nm, rules, cost, index)
    return best


def _places(mask: Tensor, free: Tensor, pixel_nm: float, rules: MaskRules) -> np.ndarray:
    """Violations that touch free pixels, as boxes (n, 4) of x0, y0, x1, y1 in pixels."""
    found = _violations(mask, pixel_nm, rules)
    boxes = np.concatenate((found.width, found.space, found.area)) / pixel_nm
    within = [bool(free[_covered(box)].any()) for box in boxes]
    return boxes[np.array(within, dtype=bool)]


def _covered(box_px: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that a box touches."""
    x0, y0, x1, y1 = box_px
    return slice(max(int(y0), 0), int(np.ceil(y1)) + 1), slice(max(int(x0), 0), int(np.ceil(x1)) + 1)


def _violations(mask: Tensor, pixel_nm: float, rules: MaskRules) -> RuleViolations:
    """The violations of a mask or a part of one, bool (h, w); staircases are always smoothed by the mask's pixel."""
    return check_rules(pixel_polygons(mask.cpu().numpy(), pixel_nm), rules, smooth_nm=pixel_nm)


def _without_narrow(mask: Tensor, pixel_nm: float, rules: MaskRules) -> Tensor:
    """The mask, opened by the least width and closed by the least space, with discs that fit into any legal shape."""
    width_px, space_px = (_odd(limit_nm / pixel_nm) for limit_nm in (rules.min_width_nm, rules.min_space_nm))
    return closed(opened(mask.float()[None], width_px), space_px)[0] >= 0.5


def _odd(limit_px: float) -> int:
    """The largest odd number of pixels that fits into the narrowest legal strip."""
    strip = math.ceil(limit_px - 1e-9)
    return max(strip - 1 + strip % 2, 1)


def _repaired(
    mask: Tensor,
    free: Tensor,
    box_px: np.ndarray,
    reach: int,
    pixel_nm: float,
    rules: MaskRules,
    cost: Cost,
    index: int,
) -> Tensor:
    """The mask with one violation repaired; its place is a box x0, y0, x1, y1 in pixels."""
    limit_px = max(rules.min_width_nm, rules.min_space_nm) / pixel_nm
    margin = CONTEXT * limit_px + 4 * reach + 4  # further than any repair reaches
    x0, y0, x1, y1 = box_px
    rows, columns = (
        slice(max(int(low - margin), 0), min(int(high + margin), size))
        for low, high, size in zip((y0, x0), (y1, x1), mask.shape, strict=True)
    )
    place = torch.zeros_like(mask, dtype=torch.float32)
    place[_covered(box_px)] = 1
    here, fixed = mask[rows, columns], ~free[rows, columns]
    repairs = [torch.where(fixed, here, repair) for repair in _candidates(here, place[rows, columns], limit_px, reach)]
    counts = [_violations(repair, pixel_nm, rules).total for repair in repairs]
    most = max(min(counts), counts[0] - 1)
    chosen = [repair for repair, count in zip(repairs, counts, strict=True) if count <= most]
    whole = mask.repeat(len(chosen), 1, 1)
    whole[:, rows, columns] = torch.stack(chosen)
    costs = cost(whole, index)
    return whole[int(costs.argmin())]


def _candidates(mask: Tensor, place: Tensor, limit_px: float, reach: int) -> list[Tensor]:
    """Possible repairs: none (an earlier one sufficed), widen, narrow, smooth, fill, clear, or remove a feature."""
    features, _ = label(mask.cpu().numpy())
    touched = [number for number in np.unique(features[place.cpu().numpy() > 0]) if number > 0]
    near = dilated(place[None], limit_px + 2 * reach + 2)[0] > 0
    tight = dilated(place[None], 2 * reach + 1)[0] > 0
    grey = mask.float()[None]
    wider, narrower = (
        dilated(grey, 3.0 + 2 * (reach // 3))[0] > 0.5,
        dilated(1 - grey, 3.0 + 2 * (reach // 3))[0] <= 0.5,
    )
    smooth = closed(opened(grey, limit_px + reach), limit_px)[0] > 0.5
    opposite = opened(closed(grey, limit_px + reach), limit_px)[0] > 0.5
    repairs = (mask, wider, narrower, smooth, opposite)
    return [torch.where(near, repair, mask) for repair in repairs] + [
        mask | tight,
        mask & ~tight,
        mask | near,
        mask & ~near,
        *(torch.from_numpy(features != number).to(mask.device) & mask for number in touched),
    ]
