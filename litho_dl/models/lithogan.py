"""LithoGAN: an auto-encoder from masks to prints."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.size import SizeMultiple
from litho_dl.nn.upsample import upsample


def image_encoder(widths: Sequence[int]) -> nn.Sequential:
    """Halves the resolution once for each width and doubles it back: mask (B, 1, H, W) -> (B, 2, H, W).

    The outputs are the aerial image and the logits of the print; H and W are multiples of 2 ** len(widths). This is the
    paper's generator with the aerial image as a second output, and without the paper's second network, which locates
    the clip's only contact. The transposed kernels are 4x4 instead of 5x5, which make chequerboard patterns.

    Source: Ye et al., LithoGAN: End-to-End Lithography Modeling with Generative Adversarial Networks (2019),
    section 3; two outputs as in Zheng et al., LithoBench (2023).
    """
    steps = list(pairwise((1, *widths)))
    return nn.Sequential(
        SizeMultiple(2 ** len(widths)),
        *(ConvBNAct(before, after, 5, stride=2, activation="leaky_relu") for before, after in steps),
        *(upsample("transposed", after, before) for before, after in steps[:0:-1]),
        upsample("transposed", widths[0], 2, norm="none", activation="none"),
    )


def lithogan() -> nn.Sequential:
    """Eight halvings, 64 to 512 channels: mask (B, 1, H, W) -> (B, 2, H, W), H and W multiples of 256."""
    return image_encoder((64, 128, 256, 512, 512, 512, 512, 512))


def lithogan_small() -> nn.Sequential:
    """Five halvings, 16 to 128 channels, for training on a CPU."""
    return image_encoder((16, 32, 64, 128, 128))
