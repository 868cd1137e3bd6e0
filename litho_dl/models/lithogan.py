"""LithoGAN: an auto-encoder from masks to prints."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from litho_dl.nn.resample import downsample, upsample
from litho_dl.nn.size import SizeMultiple


def image_encoder(widths: Sequence[int]) -> nn.Sequential:
    """Halves the mask once for each width and doubles it back: (B, 1, H, W) -> aerial and print logits (B, 2, H, W).

    The paper's generator, with the aerial image beside the print and without its second network, which places the one
    contact of a clip; its 5x5 transposed kernels are 4x4 here, which draw no chequerboards.

    Source: Ye et al., LithoGAN: End-to-End Lithography Modeling with Generative Adversarial Networks (2019),
    section 3; two outputs as in Zheng et al., LithoBench (2023).
    """
    steps = list(pairwise((1, *widths)))
    return nn.Sequential(
        SizeMultiple(2 ** len(widths)),
        *(downsample("strided", before, after, kernel=5, activation="leaky_relu") for before, after in steps),
        *(upsample("transposed", after, before, kernel=4) for before, after in steps[:0:-1]),
        upsample("transposed", widths[0], 2, kernel=4, norm="none", activation="none"),
    )


def lithogan() -> nn.Sequential:
    """Eight halvings, 64 to 512 channels: mask (B, 1, H, W) -> (B, 2, H, W), H and W multiples of 256."""
    return image_encoder((64, 128, 256, 512, 512, 512, 512, 512))


def lithogan_small() -> nn.Sequential:
    """Five halvings, 16 to 128 channels, for training on a CPU."""
    return image_encoder((16, 32, 64, 128, 128))
