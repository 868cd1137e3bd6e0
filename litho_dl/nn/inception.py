"""Inception module."""

import torch
from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.periodic import MaxPool


class Inception(nn.Module):
    """Four branches side by side: (B, C_in, H, W) -> (B, one + three[1] + five[1] + pool, H, W).

    Args:
        in_channels: C_in.
        one: Channels of the 1x1 branch.
        three: Channels of the 1x1 and the 3x3 convolution of the second branch.
        five: Channels of the 1x1 and the 5x5 convolution of the third branch.
        pool: Channels of the 1x1 convolution after the 3x3 max pool of the fourth branch.

    Attributes:
        out_channels: Channels of the output, in the order of the arguments.

    Source: Szegedy et al., Going Deeper with Convolutions (2014), fig. 2b.
    """

    def __init__(self, in_channels: int, one: int, three: tuple[int, int], five: tuple[int, int], pool: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                ConvBNAct(in_channels, one, 1),
                nn.Sequential(ConvBNAct(in_channels, three[0], 1), ConvBNAct(*three, 3)),
                nn.Sequential(ConvBNAct(in_channels, five[0], 1), ConvBNAct(*five, 5)),
                nn.Sequential(MaxPool(3), ConvBNAct(in_channels, pool, 1)),
            ]
        )
        self.out_channels = one + three[1] + five[1] + pool

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)
