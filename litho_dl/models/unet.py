"""U-Net."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.periodic import Bilinear
from litho_dl.nn.size import SizeMultiple


class UNet(nn.Module):
    """Encoder and decoder with skip connections at every resolution: (B, channels, H, W) -> logits (B, 1, H, W).

    Unlike in the paper, convolutions are padded, so that the output has the size of the input, and batch normalised,
    and up-sampling is bilinear, where the paper's is by transposed convolutions.

    Args:
        widths: Channels at each resolution level; a level's pixels are twice as large as those of the level before.
        cell: The pixels of cells of this side are the channels of the first convolution's input and of the last one's
            output, so that the network works on cells and takes cell^2 times less work; as in Shi et al., Sub-Pixel
            Convolution (2016).
        channels: Channels of the input.

    Source: Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation (2015), fig. 1.
    """

    def __init__(self, widths: Sequence[int], cell: int = 1, channels: int = 1) -> None:
        super().__init__()
        self.size = SizeMultiple(cell * 2 ** (len(widths) - 1))
        self.cells = nn.PixelUnshuffle(cell)
        coarser = (nn.Sequential(nn.MaxPool2d(2), conv_stack(a, b, 2)) for a, b in pairwise(widths))
        self.down = nn.ModuleList([conv_stack(channels * cell**2, widths[0], 2), *coarser])
        self.grow = Bilinear(2)
        self.up = nn.ModuleList(conv_stack(a + b, a, 2) for a, b in pairwise(widths))
        self.last = ConvBNAct(widths[0], cell**2, norm="none", activation="none")
        self.pixels = nn.PixelShuffle(cell)

    def forward(self, x: Tensor) -> Tensor:
        x, maps = self.cells(self.size(x)), []
        for stage in self.down:
            x = stage(x)
            maps.append(x)
        for stage, finer in zip(self.up[::-1], maps[-2::-1], strict=True):
            x = stage(torch.cat([self.grow(x), finer], 1))
        return self.pixels(self.last(x))


def unet() -> UNet:
    """The published widths, 64 to 1024: target (B, 1, H, W) -> mask logits (B, 1, H, W), H and W multiples of 16."""
    return UNet((64, 128, 256, 512, 1024))


def unet_small() -> UNet:
    """16 to 192 channels on cells of 2 x 2 pixels, for training on a CPU."""
    return UNet((16, 32, 64, 128, 192), cell=2)
