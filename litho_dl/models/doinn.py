"""DOINN: the lowest frequencies of the field in parallel with convolutions, from masks to prints."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.size import SizeMultiple
from litho_dl.nn.spectral import SpectralConv
from litho_dl.nn.upsample import upsample


class DOINN(nn.Module):
    """Global and local perception, then reconstruction: mask (B, 1, H, W) -> aerial and print logits (B, 2, H, W).

    The frequencies are multiples of 1 / field: weights fit only the field size they were trained on, at any pixel.

    Args:
        widths: Channels of the local branch after each halving of the resolution. The global branch sees the mask at
            the lowest resolution and has as many channels as the local branch has there.
        modes: The highest frequency of the global branch, in cycles per field; the lowest resolution must have more
            than twice as many pixels a side.

    Source: Yang et al., Generic Lithography Modeling with Dual-Band Optics-Inspired Neural Networks (2022), section 3;
    widths as in Zheng et al., LithoBench (2023).
    """

    def __init__(self, widths: Sequence[int], modes: int) -> None:
        super().__init__()
        factor, first = 2 ** len(widths), widths[0]
        self.size = SizeMultiple(factor, least=factor * (2 * modes + 1))
        self.whole = nn.Sequential(nn.AvgPool2d(factor), SpectralConv(1, widths[-1], modes))
        self.parts = nn.ModuleList(ConvBNAct(a, b, stride=2) for a, b in pairwise((1, *widths)))
        self.up = nn.ModuleList(upsample("transposed", 2 * b, a) for a, b in pairwise((first, *widths)))
        self.tail = nn.Sequential(
            conv_stack(first, first, 2),
            ConvBNAct(first, first // 2),
            ConvBNAct(first // 2, 2, norm="none", activation="none"),
        )

    def forward(self, mask: Tensor) -> Tensor:
        part, maps = self.size(mask), []
        for stage in self.parts:
            part = stage(part)
            maps.append(part)
        x = self.whole(mask)
        for stage, map_ in zip(self.up[::-1], maps[::-1], strict=True):
            x = stage(torch.cat([x, map_], 1))
        return self.tail(x)


def doinn() -> DOINN:
    """Widths 16, 32 and 64; frequencies 0 to 31, the paper's 32: H and W are multiples of 8, at least 504."""
    return DOINN((16, 32, 64), 31)


def doinn_small() -> DOINN:
    """Widths 16 and 32, 24 modes, for training on a CPU: H and W are multiples of 4, at least 196."""
    return DOINN((16, 32), 24)
