"""CFNO: Fourier operators on patches in parallel with convolutions."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.size import SizeMultiple
from litho_dl.nn.spectral import SpectralConv
from litho_dl.nn.upsample import upsample


class PatchOperator(nn.Module):
    """One spectral convolution within every patch, then a 3x3 one across patches: (B, C, H, W) -> (B, C_out, H, W).

    All patches share their weights, so the same weights work on every field. The second convolution combines the same
    position in neighbouring patches, for each channel separately.

    Args:
        in_channels: C.
        out_channels: C_out.
        side: Side of a patch in pixels; H and W are multiples of it.
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
    """Operators on patches of several sizes, parallel to strided convolutions: (B, 1, H, W) -> logits (B, 1, H, W).

    Both work on cells of 2^n x 2^n pixels, n the number of `widths`. The paper transforms the pixels of a patch and
    keeps one vector for the patch; here the pixels of a cell become channels and the transform runs over the patch's
    cells, so that its output has the resolution of the convolutions' output.

    Args:
        widths: Channels of the convolutions at each resolution level; every level halves the resolution.
        operators: Channels of each patch operator, by the side of its patches in pixels. A side is a multiple of the
            cell's and divides the largest side.
        last_cell: The last convolution gives the pixels of cells of this side as channels; a power of two smaller
            than the cell's side.

    Source: Yang et al., Large Scale Mask Optimization via Convolutional Fourier Neural Operator and Litho-Guided Self
    Training (2022), section 3; patches and widths as in Zheng et al., LithoBench (2023).
    """

    def __init__(self, widths: Sequence[int], operators: Mapping[int, int], last_cell: int = 1) -> None:
        super().__init__()
        cell = 2 ** len(widths)
        self.size = SizeMultiple(max(operators))
        self.cells = nn.PixelUnshuffle(cell)
        self.operators = nn.ModuleList(PatchOperator(cell**2, width, side // cell) for side, width in operators.items())
        halvings = pairwise((1, *widths))
        self.convolutions = nn.Sequential(
            *(nn.Sequential(ConvBNAct(a, b, stride=2), conv_stack(b, b, 2)) for a, b in halvings)
        )
        joined = sum(operators.values()) + widths[-1]
        finer = widths[int(math.log2(last_cell)) :]
        doublings = pairwise((joined, *finer[::-1]))
        self.tail = nn.Sequential(
            *(nn.Sequential(upsample("transposed", a, b), conv_stack(b, b, 2)) for a, b in doublings),
            ConvBNAct(finer[0], last_cell**2, norm="none", activation="none"),
            nn.PixelShuffle(last_cell),
        )

    def forward(self, x: Tensor) -> Tensor:
        cells = self.cells(self.size(x))
        seen = [operator(cells) for operator in self.operators]
        return self.tail(torch.cat([*seen, self.convolutions(x)], 1))


def cfno() -> CFNO:
    """The published widths: target (B, 1, H, W) -> mask logits (B, 1, H, W), H and W multiples of 64."""
    return CFNO((32, 64, 128), {16: 16, 32: 32, 64: 64})


def cfno_small() -> CFNO:
    """Cells of 4 x 4 pixels instead of 8 x 8, and a last convolution on cells of 2 x 2, for training on a CPU."""
    return CFNO((16, 32), {16: 16, 32: 32, 64: 32}, last_cell=2)
