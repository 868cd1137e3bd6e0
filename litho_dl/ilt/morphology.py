"""Differentiable opening and closing of masks by discs, on periodic fields."""

import math
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import pad


def disc(diameter_px: float) -> tuple[int, ...]:
    """Half widths in pixels of a disc's rows, from the middle one outwards; an even diameter is rounded up."""
    radius = max(math.ceil(diameter_px / 2 - 0.5 - 1e-9), 0)
    reach = max(diameter_px / 2, float(radius))
    widths = (int(math.sqrt(max(reach**2 - i**2, 0.0)) + 1e-9) for i in range(radius + 1))
    return tuple(min(width, radius) for width in widths)


def dilated(mask: Tensor, diameter_px: float) -> Tensor:
    """The largest value within a disc around each pixel; the gradient goes to one pixel that has it.

    Args:
        mask: (B, h, w), periodic.
        diameter_px: Diameter of the disc in pixels, rounded up to an odd number.

    Returns:
        (B, h, w).
    """
    return _Dilation.apply(mask, disc(diameter_px))


class _Dilation(torch.autograd.Function):
    """Dilation by shifting and comparing whole images, about twenty times as fast as `max_pool2d` on a CPU.

    Rows of the disc grow from one half width to the next, R_0 = x and R_w = max(R_{w-1}, x shifted by +-w along the
    row), and the result is the largest of R_{w_i} shifted by +-i across the rows.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, widths: tuple[int, ...]) -> Tensor:
        wrapped = _wrapped(image, len(widths) - 1)
        rows = _rows(wrapped, widths)
        out = None
        for i, width in _offsets(widths):
            moved = _moved(rows[width], i, widths)
            out = moved.clone() if out is None else torch.maximum(out, moved, out=out)
        assert out is not None
        ctx.widths = widths
        ctx.save_for_backward(wrapped, out, *(rows if ctx.needs_input_grad[0] else ()))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        widths = ctx.widths
        wrapped, out, *rows = ctx.saved_tensors
        gradients = [torch.zeros_like(row) for row in rows]
        left = gradient.clone()
        for i, width in _offsets(widths):
            _assign_gradient(left, out, _moved(rows[width], i, widths), _moved(gradients[width], i, widths))
        whole = torch.zeros_like(wrapped)
        for width in range(len(rows) - 1, 0, -1):
            left, found = gradients[width], rows[width]
            _assign_gradient(left, found, rows[width - 1], gradients[width - 1])
            for shift in (width, -width):
                _assign_gradient(left, found, _shifted(wrapped, shift, widths), _shifted(whole, shift, widths))
        _shifted(whole, 0, widths).add_(gradients[0])
        return _unwrapped(whole, len(widths) - 1), None


def _assign_gradient(left: Tensor, largest: Tensor, candidate: Tensor, gradient: Tensor) -> None:
    """Moves the remaining gradient `left` to that of a candidate, where the candidate is the largest value."""
    equal = torch.eq(candidate, largest, out=torch.empty_like(left))  # as numbers: faster than as bool
    gradient.addcmul_(left, equal)
    left.addcmul_(left, equal, value=-1)


def _offsets(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    """The rows of the disc, the middle one first: distance from the middle row, and half width."""
    return [(sign * i, width) for i, width in enumerate(widths) for sign in ((1, -1) if i else (1,))]


def _rows(wrapped: Tensor, widths: tuple[int, ...]) -> list[Tensor]:
    """R_0 ... R_w of `_Dilation`, (B, h + 2 r, w)."""
    rows = [_shifted(wrapped, 0, widths)]
    for width in range(1, widths[0] + 1):
        longer = torch.maximum(rows[-1], _shifted(wrapped, width, widths))
        rows.append(torch.maximum(longer, _shifted(wrapped, -width, widths), out=longer))
    return rows


def _shifted(wrapped: Tensor, shift: int, widths: tuple[int, ...]) -> Tensor:
    """The columns of a wrapped image, shifted by `shift` from those of the image."""
    reach = len(widths) - 1
    return wrapped[:, :, reach + shift : wrapped.shape[2] - reach + shift]


def _moved(rows: Tensor, shift: int, widths: tuple[int, ...]) -> Tensor:
    """The rows of a wrapped image, shifted by `shift` from those of the image."""
    reach = len(widths) - 1
    return rows[:, reach + shift : rows.shape[1] - reach + shift]


def _wrapped(image: Tensor, reach: int) -> Tensor:
    """The periodic image, extended by `reach` pixels on each side."""
    return pad(image[:, None], (reach,) * 4, mode="circular")[:, 0]


def _unwrapped(gradient: Tensor, reach: int) -> Tensor:
    """The adjoint of `_wrapped`."""
    for axis in (1, 2):
        if reach:
            size = gradient.shape[axis] - 2 * reach
            inner = gradient.narrow(axis, reach, size).clone()
            inner.narrow(axis, 0, reach).add_(gradient.narrow(axis, reach + size, reach))
            inner.narrow(axis, size - reach, reach).add_(gradient.narrow(axis, 0, reach))
            gradient = inner
    return gradient


def opened(mask: Tensor, diameter_px: float) -> Tensor:
    """The morphological opening: the mask without parts that are too narrow for a disc; never more than the mask.

    Args:
        mask: (B, h, w), periodic.
        diameter_px: Diameter of the disc in pixels, rounded up to an odd number.

    Returns:
        (B, h, w).
    """
    return dilated(-dilated(-mask, diameter_px), diameter_px)


def closed(mask: Tensor, diameter_px: float) -> Tensor:
    """The morphological closing: the mask with gaps that are too narrow for a disc filled; never less than the mask.

    Args:
        mask: (B, h, w), periodic.
        diameter_px: Diameter of the disc in pixels, rounded up to an odd number.

    Returns:
        (B, h, w).
    """
    return -dilated(-dilated(mask, diameter_px), diameter_px)


def small_parts(mask: Tensor, least_px: float) -> tuple[Tensor, list[int]]:
    """Labels small connected features of masks binarised at 0.5; computed on the CPU.

    Args:
        mask: (B, h, w) in [0, 1].
        least_px: Features of fewer pixels are small.

    Returns:
        Labels int64 (B, h, w), from 1 for small features and 0 elsewhere, and the number of small features in each
        clip.
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
