"""Layers that can treat the field as periodic: circular padding instead of zeros."""

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, max_pool2d

Network = TypeVar("Network", bound=nn.Module)


def periodic(network: Network) -> Network:
    """Gives every layer of a network circular padding; the weights stay the same.

    Shifting the input by a multiple of the network's coarsest pixel then only shifts the output.

    Args:
        network: Changed in place: every layer that has a `padding_mode` gets `circular`.

    Returns:
        The network.
    """
    for part in network.modules():
        if hasattr(part, "padding_mode"):
            part.padding_mode = "circular"  # type: ignore[assignment]
    return network


def wrapped(x: Tensor, margin: int) -> Tensor:
    """Circular padding; unlike torch's, the margin may exceed the image, and the channels-last layout is kept.

    Args:
        x: Images (B, C, H, W).
        margin: Rows and columns added on each side.

    Returns:
        (B, C, H + 2 margin, W + 2 margin).
    """
    if margin == 0:
        return x
    if x.requires_grad and margin <= min(x.shape[-2:]):
        return _Wrapped.apply(x, margin)
    return _repeated(x, margin)


def _repeated(x: Tensor, margin: int) -> Tensor:
    """`wrapped`, by concatenation."""
    for axis in (3, 2):
        around, rest = divmod(margin, x.shape[axis])
        before, after = x.narrow(axis, x.shape[axis] - rest, rest), x.narrow(axis, 0, rest)
        x = torch.cat([before, *[x] * (2 * around + 1), after], axis)
    return x


class _Wrapped(torch.autograd.Function):
    """`wrapped` with a gradient that adds the margins to the image in place.

    Torch's gradient of the concatenation makes an image of zeros for every margin, and takes a third of a U-Net's
    training step on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, margin: int) -> Tensor:
        ctx.margin = margin
        return _repeated(x, margin)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        margin = ctx.margin
        for axis in (2, 3):
            size = gradient.shape[axis] - 2 * margin
            inner = gradient.narrow(axis, margin, size).clone()
            inner.narrow(axis, size - margin, margin).add_(gradient.narrow(axis, 0, margin))
            inner.narrow(axis, 0, margin).add_(gradient.narrow(axis, margin + size, margin))
            gradient = inner
        return gradient, None


def grow_bilinearly(x: Tensor, size: tuple[int, int], padding_mode: str) -> Tensor:
    """Bilinear interpolation between pixel centres: (B, C, h, w) -> (B, C, *size).

    Args:
        x: Images (B, C, h, w).
        size: Height and width of the result; with `circular` padding, multiples of h and w.
        padding_mode: What is assumed outside the outermost pixel centres: `circular`: the opposite side; any other:
            the value at the edge.

    Returns:
        The enlarged images.
    """
    if padding_mode != "circular":
        return interpolate(x, size=size, mode="bilinear")
    rows, columns = size[0] // x.shape[-2], size[1] // x.shape[-1]
    grown = interpolate(wrapped(x, 1), size=(size[0] + 2 * rows, size[1] + 2 * columns), mode="bilinear")
    return grown[..., rows:-rows, columns:-columns]


class Bilinear(nn.Module):
    """(B, C, H, W) -> (B, C, factor H, factor W) by bilinear interpolation."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor, self.padding_mode = factor, "replicate"

    def forward(self, x: Tensor) -> Tensor:
        size = self.factor * x.shape[-2], self.factor * x.shape[-1]
        return grow_bilinearly(x, size, self.padding_mode)


class MaxPool(nn.Module):
    """The largest value in the `side` x `side` pixels around each pixel, `side` odd: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side, self.padding_mode = side, "none"

    def forward(self, x: Tensor) -> Tensor:
        if self.padding_mode != "circular":
            return max_pool2d(x, self.side, 1, self.side // 2)
        return max_pool2d(wrapped(x, self.side // 2), self.side, 1)


class Conv(nn.Conv2d):
    """Torch's convolution with the same padding on all sides, and with fast circular padding."""

    def forward(self, x: Tensor) -> Tensor:
        if self.padding_mode != "circular":
            return super().forward(x)
        x = wrapped(x, int(self.padding[0]))
        return conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class TransposedConv(nn.ConvTranspose2d):
    """Torch's transposed convolution with circular padding, which torch lacks: pads the input, crops the output."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if self.padding_mode != "circular":
            return super().forward(x, output_size)
        beyond = -(-self.kernel_size[0] // self.stride[0])
        cut, how = beyond * self.stride[0], (self.stride, self.padding, self.output_padding)
        return conv_transpose2d(wrapped(x, beyond), self.weight, self.bias, *how)[..., cut:-cut, cut:-cut]  # type: ignore[arg-type]
