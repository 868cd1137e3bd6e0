"""DAMO: a residual generator of masks, and a discriminator of (target, mask) pairs at two scales."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from litho_dl.models.pair_discriminator import PairDiscriminator, patch_layers
from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.initialise import initialise
from litho_dl.nn.residual import ResidualBlock
from litho_dl.nn.size import SizeMultiple
from litho_dl.nn.upsample import upsample


def residual_generator(widths: Sequence[int], blocks: int, cell: int = 1) -> nn.Sequential:
    """Strided convolutions, residual blocks at the lowest resolution, up-sampling: (B, 1, H, W) -> logits (B, 1, H, W).

    It has batch norms where the image-to-image networks that it comes from have instance norms: after training, the
    output at a pixel then depends on its surroundings only, not on the pattern density of the field. The transposed
    kernels are 4 x 4 instead of 3 x 3, which make chequerboard patterns at a stride of 2.

    Args:
        widths: Channels at each resolution level; a level's pixels are twice as large as those of the level before.
        blocks: Number of residual blocks, of two convolutions each.
        cell: The pixels of cells of this side are channels at the finest level, as in `unet.UNet`.

    Returns:
        The network; H and W must be multiples of cell 2 ** (len(widths) - 1).

    Source: Chen et al., DAMO: Deep Agile Mask Optimization for Full Chip Scale (2020), the generator of DCGAN-HD.
    """
    steps = list(pairwise(widths))
    return nn.Sequential(
        SizeMultiple(cell * 2 ** len(steps)),
        nn.PixelUnshuffle(cell),
        ConvBNAct(cell**2, widths[0], 7),
        *(ConvBNAct(before, after, stride=2) for before, after in steps),
        *(ResidualBlock(widths[-1], widths[-1], last="none") for _ in range(blocks)),
        *(upsample("transposed", after, before) for before, after in reversed(steps)),
        ConvBNAct(widths[0], cell**2, 7, norm="none", activation="none"),
        nn.PixelShuffle(cell),
    )


def damo() -> nn.Sequential:
    """32 to 1024 channels, 9 blocks: target (B, 1, H, W) -> mask logits (B, 1, H, W), H and W multiples of 32.

    Widths as in Zheng et al., LithoBench (2023), whose nine blocks are single convolutions without a shortcut.
    """
    return residual_generator((32, 64, 128, 256, 512, 1024), 9)


def damo_small() -> nn.Sequential:
    """32 to 112 channels on cells of 2 x 2 pixels, 5 blocks, for training on a CPU."""
    return residual_generator((32, 64, 112), 5, cell=2)


class TwoScales(nn.Module):
    """Judges a pair (B, 2, H, W) at full and at half resolution: -> logits (B, 2, rows, columns).

    The coarse logits are repeated to the size of the fine ones, so that both scales have the same weight in a mean.

    Args:
        fine: Network from the pair to logits (B, 1, rows, columns).
        coarse: The same, for the pair averaged over 2 x 2 pixels.

    Source: as `residual_generator`, the multi-scale discriminator.
    """

    def __init__(self, fine: nn.Module, coarse: nn.Module) -> None:
        super().__init__()
        self.fine, self.coarse = fine, coarse

    def forward(self, pair: Tensor) -> Tensor:
        fine, coarse = self.fine(pair), self.coarse(avg_pool2d(pair, 2))
        return torch.cat([fine, interpolate(coarse, size=fine.shape[-2:])], 1)


def damo_discriminator() -> nn.Module:
    """Target and mask in [0, 1], (B, 1, H, W) each -> logits (B, 2, H / 4, W / 4)."""
    return initialise(PairDiscriminator(TwoScales(patch_layers(64), patch_layers(64))), "normal")


def damo_discriminator_small() -> nn.Module:
    """Half of the channels of `damo_discriminator`, for training on a CPU."""
    return initialise(PairDiscriminator(TwoScales(patch_layers(32), patch_layers(32))), "normal")
