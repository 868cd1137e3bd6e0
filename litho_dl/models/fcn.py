"""Fully convolutional segmentation of digits."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.segmentation import FCNHead


class FCN(nn.Module):
    """Scores features of ever coarser pixels together: (B, 1, H, W) -> logits (B, classes, H, W).

    Args:
        widths: Channels at each pixel, of which every next one is twice as large.
        classes: How many there are.

    Source: Long, Shelhamer, Darrell, Fully Convolutional Networks (2015), fig. 3.
    """

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        deeper = (nn.Sequential(nn.MaxPool2d(2), conv_stack(a, b, 2)) for a, b in pairwise(widths))
        self.stages = nn.ModuleList([ConvBNAct(1, widths[0]), *deeper])
        self.head = FCNHead(widths, classes)

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return self.head(maps)


def fcn_small() -> FCN:
    """The class of each pixel, a digit or background (10): (B, 1, 28, 28) -> logits (B, 11, 28, 28)."""
    return FCN((16, 32, 64), 11)
