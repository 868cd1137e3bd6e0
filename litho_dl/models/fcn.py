"""Fully convolutional networks: one classifies pixels, one makes masks."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.segmentation import FCNHead
from litho_dl.nn.size import SizeMultiple


class FCN(nn.Module):
    """Sum of class scores of the features at every resolution: (B, 1, H, W) -> logits (B, classes, H, W).

    Args:
        widths: Channels at each resolution level; a level's pixels are twice as large as those of the level before.
        classes: Number of classes.

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


def mask_network(widths: Sequence[int]) -> nn.Sequential:
    """An FCN with one class, open; H and W must fit its coarsest pixels: (B, 1, H, W) -> logits (B, 1, H, W)."""
    return nn.Sequential(SizeMultiple(2 ** (len(widths) - 1)), FCN(widths, 1))


def fcn_mask() -> nn.Sequential:
    """64 to 512 channels: target (B, 1, H, W) -> mask logits (B, 1, H, W), H and W multiples of 16.

    Widths of the paper's VGG; the scores of all five levels are added, where the paper stops at pixels of 8 x 8.
    """
    return mask_network((64, 128, 256, 512, 512))


def fcn_mask_small() -> nn.Sequential:
    """16 to 192 channels, for training on a CPU."""
    return mask_network((16, 32, 64, 128, 192))
