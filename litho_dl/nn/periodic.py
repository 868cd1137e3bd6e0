"""Networks on periodic fields, whose left edge continues at the right one."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, max_pool2d

Network = TypeVar("Network", bound=nn.Module)


def periodic(network: Network) -> Network:
    """Makes every layer that sees beyond the field's edge see its other side; the weights stay.

    Shifting the input by a multiple of the network's coarsest pixel then shifts the output, and nothing else.

    Args:
        network: Changed in place. All of its layers with a `padding_mode` become `circular`; norms over the field stay
            as they are.
    """
    for part in network.modules():
        if hasattr(part, "padding_mode"):
            part.padding_mode = "circular"  # type: ignore[assignment]
    return network


def wrapped(x: Tensor, margin: int) -> Tensor:
    """(B, C, H, W) with so many rows and columns of the other side around it, more than once around if need be.

    Unlike torch's circular padding it leaves channels innermost where they are, as fast convolutions want them.
    """
    if margin == 0:
        return x
    for axis in (3, 2):
        around, rest = divmod(margin, x.shape[axis])
        before, after = x.narrow(axis, x.shape[axis] - rest, rest), x.narrow(axis, 0, rest)
        x = torch.cat([before, *[x] * (2 * around + 1), after], axis)
    return x


def grow_bilinearly(x: Tensor, size: tuple[int, int], padding_mode: str) -> Tensor:
    """(B, C, h, w) -> (B, C, *size), bilinearly between pixel centres; beyond the outermost ones lies the edge's value.

    Args:
        x: The images.
        size: Height and width afterwards; with `circular` multiples of those before.
        padding_mode: `circular`: beyond lies the other side.
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
    """The largest value of `side` x `side` pixels, an odd number, around each: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side, self.padding_mode = side, "none"

    def forward(self, x: Tensor) -> Tensor:
        if self.padding_mode != "circular":
            return max_pool2d(x, self.side, 1, self.side // 2)
        return max_pool2d(wrapped(x, self.side // 2), self.side, 1)


class Conv(nn.Conv2d):
    """Torch's, of one padding on all sides."""

    def forward(self, x: Tensor) -> Tensor:
        if self.padding_mode != "circular":
            return super().forward(x)
        x = wrapped(x, int(self.padding[0]))
        return conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class TransposedConv(nn.ConvTranspose2d):
    """Torch's, which knows no circular padding: here some pixels of the other side come first, and then go."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if self.padding_mode != "circular":
            return super().forward(x, output_size)
        beyond = -(-self.kernel_size[0] // self.stride[0])
        cut, how = beyond * self.stride[0], (self.stride, self.padding, self.output_padding)
        return conv_transpose2d(wrapped(x, beyond), self.weight, self.bias, *how)[..., cut:-cut, cut:-cut]  # type: ignore[arg-type]
