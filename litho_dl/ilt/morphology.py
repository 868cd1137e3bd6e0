"""Opening and closing of masks by discs, differentiable, on periodic fields."""

import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import max_pool2d, pad


def disc(diameter_px: float) -> list[tuple[int, int]]:
    """Half sides (i, j) of the centred pixel rectangles whose union is a disc, rounded up to an odd diameter."""
    radius = max(math.ceil(diameter_px / 2 - 0.5 - 1e-9), 0)
    reach = max(diameter_px / 2, float(radius))
    widths = [int(math.sqrt(max(reach**2 - i**2, 0.0)) + 1e-9) for i in range(radius + 1)]
    widths = [min(j, radius) for j in widths]
    return [(i, j) for i, j in enumerate(widths) if i == radius or widths[i + 1] < j]


def dilated(mask: Tensor, diameter_px: float) -> Tensor:
    """Largest value (B, h, w) within a disc about each pixel."""
    pooled = None
    for i, j in disc(diameter_px):
        wrapped = pad(mask[:, None], (j, j, i, i), mode="circular")
        found = max_pool2d(wrapped, (2 * i + 1, 2 * j + 1), stride=1)[:, 0]
        pooled = found if pooled is None else torch.maximum(pooled, found)
    assert pooled is not None
    return pooled


def opened(mask: Tensor, diameter_px: float) -> Tensor:
    """The mask (B, h, w) less what is too narrow for a disc; never more than the mask."""
    return dilated(-dilated(-mask, diameter_px), diameter_px)


def closed(mask: Tensor, diameter_px: float) -> Tensor:
    """The mask and the gaps that are too narrow for a disc; never less than the mask."""
    return -dilated(-dilated(mask, diameter_px), diameter_px)


def small_parts(mask: Tensor, least_px: float) -> tuple[Tensor, list[int]]:
    """Connected features of fewer than `least_px` pixels at one half, found on the CPU.

    Returns:
        Their numbers from 1, else 0, int64 (B, h, w), and how many there are in each clip.
    """
    numbers = np.zeros(tuple(mask.shape), dtype=np.int64)
    counts = []
    for clip, binary in zip(numbers, (mask.detach() >= 0.5).cpu().numpy(), strict=True):
        labels, count = ndimage.label(binary)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        renumbered = np.zeros(count + 1, dtype=np.int64)
        small = np.flatnonzero((sizes < least_px) & (np.arange(count + 1) > 0))
        renumbered[small] = 1 + np.arange(len(small))
        clip[:] = renumbered[labels]
        counts.append(len(small))
    return torch.from_numpy(numbers).to(mask.device), counts
