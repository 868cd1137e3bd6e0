"""Masks as users give them: tensors or arrays of numbers in the range of their technology."""

import math

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import MaskError

VALUE_TOLERANCE = 1e-6  # by which mask values may exceed their range
MaskValues = Tensor | np.ndarray


def mask_tensor(mask: MaskValues, *, lowest: float = 0.0) -> Tensor:
    """Checks a mask, and converts it to a tensor.

    Args:
        mask: Values (..., H, W): a tensor or array of bool or numbers.
        lowest: The smallest valid value: 0, or -1 for an alternating mask; the largest is 1.

    Returns:
        The values, unchanged.

    Raises:
        MaskError: The mask is not an array of real numbers (..., H, W), or has NaN or values outside the range.
    """
    if isinstance(mask, np.ndarray) and mask.dtype.kind in "buif":
        narrow = mask.dtype.itemsize <= (1 if mask.dtype.kind == "u" else 8)  # torch computes with these only
        values = np.require(mask, mask.dtype.newbyteorder("=") if narrow else np.float64, ["C", "W"])
        mask = torch.from_numpy(values)
    if not isinstance(mask, Tensor) or mask.is_complex() or mask.ndim < 2 or not mask.numel():
        got = f"{mask.dtype} of shape {tuple(mask.shape)}" if hasattr(mask, "dtype") else type(mask).__name__
        raise MaskError(f"Expected a mask as a tensor or array of real numbers (..., H, W), got {got}.")
    if mask.dtype == torch.bool:
        return mask
    if mask.dtype in (torch.uint16, torch.uint32, torch.uint64):  # of which torch finds no extremes
        mask = mask.double()
    low, high = (float(value) for value in torch.aminmax(mask.detach()))
    if not math.isfinite(high - low):
        raise MaskError("Expected finite mask values, got NaN or infinity.")
    if not (lowest - VALUE_TOLERANCE <= low and high <= 1 + VALUE_TOLERANCE):
        bytes_like = "; divide it by 255" if low >= 0 and 1 < high <= 255 else ""
        raise MaskError(f"Expected mask values in [{lowest:g}, 1], got {low:g} to {high:g}{bytes_like}.")
    return mask
