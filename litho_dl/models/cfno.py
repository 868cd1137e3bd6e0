"""CFNO: Fourier operators on patches beside convolutions."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.resample import downsample, upsample
from litho_dl.nn.size import SizeMultiple
from litho_dl.nn.spectral import SpectralConv


class PatchOperator(nn.Module):
    """One spectral convolution within every patch, then a 3x3 one across patches: (B, C, H, W) -> (B, C_out, H, W).

    Patches share their weights, so that these fit every field. The second convolution joins the same places of
    neighbouring patches, each channel by itself.

    Args:
        in_channels: C.
        out_channels: C_out.
        side: Pixels of a patch; H and W are multiples of it.
    """

    def __init__(self, in_channels: int, out_channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.within = SpectralConv(in_channels, out_channels, (side - 1) // 2)
        self.across = ConvBNAct(out_channels, out_channels, dilation=side, groups=out_channels, activation="none")

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[-2] // self.side, x.shape[-1] // self.side
        tiles = x.unflatten(3, (columns, self.side)).unflatten(2, (rows, self.side))
        patches = tiles.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)
        tiles = self.within(patches).unflatten(0, (-1, rows, columns)).permute(0, 3, 1, 4, 2, 5)
        return self.across(tiles.flatten(4, 5).flatten(2, 3))


class CFNO(nn.Module):
    """Operators on patches of several sizes beside strided convolutions: (B, 1, H, W) -> logits (B, 1, H, W).

    Both work on cells of 2 ** len(widths) pixels. The paper transforms the pixels of a patch and keeps one vector for
    it; here a cell's pixels are channels and the transform goes over the patch's cells, so that the result is as fine
    as what the convolutions give, and need not be repeated over the patch.

    Args:
        widths: Channels of the convolutions at each pixel, of which every next one is twice as large.
        operators: Channels of the operator on patches of so many pixels a side, each a multiple of a cell, and all
            divide the largest.
        cell: Pixels a side, a power of two, that are channels of the last convolution.

    Source: Yang et al., Large Scale Mask Optimization via Convolutional Fourier Neural Operator and Litho-Guided Self
    Training (2022), section 3; patches and widths as in Zheng et al., LithoBench (2023).
    """

    def __init__(self, widths: Sequence[int], operators: Mapping[int, int], cell: int = 1) -> None:
        super().__init__()
        seen = 2 ** len(widths)
        self.size = SizeMultiple(max(operators))
        self.cells = nn.PixelUnshuffle(seen)
        self.operators = nn.ModuleList(PatchOperator(seen**2, width, side // seen) for side, width in operators.items())
        halvings = pairwise((1, *widths))
        self.convolutions = nn.Sequential(
            *(nn.Sequential(downsample("strided", a, b), conv_stack(b, b, 2)) for a, b in halvings)
        )
        joined = sum(operators.values()) + widths[-1]
        finer = widths[int(math.log2(cell)) :]
        doublings = pairwise((joined, *finer[::-1]))
        self.tail = nn.Sequential(
            *(nn.Sequential(upsample("transposed", a, b, kernel=4), conv_stack(b, b, 2)) for a, b in doublings),
            ConvBNAct(finer[0], cell**2, norm="none", activation="none"),
            nn.PixelShuffle(cell),
        )

    def forward(self, x: Tensor) -> Tensor:
        cells = self.cells(self.size(x))
        seen = [operator(cells) for operator in self.operators]
        return self.tail(torch.cat([*seen, self.convolutions(x)], 1))


def cfno() -> CFNO:
    """The published widths: target (B, 1, H, W) -> mask logits (B, 1, H, W), H and W multiples of 64."""
    return CFNO((32, 64, 128), {16: 16, 32: 32, 64: 64})


def cfno_small() -> CFNO:
    """Operators on cells of 4 pixels in place of 8, and the last convolution on cells of 2, for training on a CPU."""
    return CFNO((16, 32), {16: 16, 32: 32, 64: 32}, cell=2)
