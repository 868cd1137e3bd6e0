"""GAN-OPC: an auto-encoder for masks, and a discriminator of (target, mask) pairs."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from litho_dl.models.pair_discriminator import PairDiscriminator
from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.initialise import initialise
from litho_dl.nn.size import SizeMultiple
from litho_dl.nn.upsample import upsample


def auto_encoder(widths: Sequence[int]) -> nn.Sequential:
    """Halves the resolution once for each width and doubles it back, without skip connections.

    (B, 1, H, W) -> logits (B, 1, H, W), H and W multiples of 2 ** len(widths).

    Source: Yang et al., GAN-OPC: Mask Optimization with Lithography-guided Generative Adversarial Nets (2018),
    section 3.1. Up-sampling is by sub-pixel convolution, as in Zheng et al., LithoBench (2023).
    """
    steps = list(pairwise((1, *widths)))
    return nn.Sequential(
        SizeMultiple(2 ** len(widths)),
        *(ConvBNAct(before, after, 5, stride=2) for before, after in steps),
        *(upsample("pixel_shuffle", after, before) for before, after in steps[:0:-1]),
        upsample("pixel_shuffle", widths[0], 1, norm="none", activation="none"),
    )


def gan_opc() -> nn.Sequential:
    """The published widths: target (B, 1, H, W) -> mask logits (B, 1, H, W), H and W multiples of 32."""
    return auto_encoder((16, 64, 128, 512, 1024))


def gan_opc_small() -> nn.Sequential:
    """16 to 160 channels, for training on a CPU."""
    return auto_encoder((16, 32, 64, 128, 160))


def vgg_layers(stages: Sequence[tuple[int, int]], hidden: Sequence[int]) -> nn.Sequential:
    """A VGG that gives one logit for the pair: (B, 2, H, W) -> (B, 1, 1, 1).

    With group norms the logit of a pair does not depend on the rest of the batch. A global average before the fully
    connected layers makes any size fit; the paper's 8 x 8 x 512 features fit one size and need most of its weights.

    Args:
        stages: Channels and number of 3x3 convolutions before each halving of the resolution.
        hidden: Widths of the fully connected layers.

    Returns:
        The network.
    """
    layers: list[nn.Module] = []
    before = 2
    for width, depth in stages:
        layers += [
            conv_stack(before, width, depth, norm="group", activation="leaky_relu"),
            ConvBNAct(width, width, stride=2, norm="group", activation="leaky_relu"),
        ]
        before = width
    head = ClassifierHead(before, hidden, 1, activation="leaky_relu", gather="average")
    return nn.Sequential(*layers, head, nn.Unflatten(1, (1, 1, 1)))


def gan_opc_discriminator() -> nn.Module:
    """The published widths: target and mask in [0, 1], (B, 1, H, W) each -> logits (B, 1, 1, 1).

    Source: as `auto_encoder`, section 3.2: the discriminator sees the pair.
    """
    stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    return initialise(PairDiscriminator(vgg_layers(stages, [2048, 512])), "kaiming")


def gan_opc_discriminator_small() -> nn.Module:
    """16 to 128 channels, for training on a CPU."""
    return initialise(PairDiscriminator(vgg_layers(((16, 1), (32, 1), (64, 1), (128, 1)), [128])), "kaiming")
