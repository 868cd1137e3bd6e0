"""Image-to-image conditional GAN for MNIST."""

from torch import nn

from litho_dl.models.pair_discriminator import PairDiscriminator, patch_layers
from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.initialise import initialise
from litho_dl.nn.residual import ResidualBlock
from litho_dl.nn.upsample import upsample


def digit_generator() -> nn.Module:
    """Condition (B, 1, 28, 28) -> image (B, 1, 28, 28) in [0, 1], by residual blocks at 7 x 7 pixels.

    Source: Johnson et al., Perceptual Losses for Real-Time Style Transfer (2016), with fewer and narrower layers.
    """
    network = nn.Sequential(
        ConvBNAct(1, 16, 5, norm="instance"),
        ConvBNAct(16, 32, stride=2, norm="instance"),
        ConvBNAct(32, 64, stride=2, norm="instance"),
        ResidualBlock(64, 64, norm="instance", last="none"),
        ResidualBlock(64, 64, norm="instance", last="none"),
        upsample("pixel_shuffle", 64, 32, norm="instance"),
        upsample("pixel_shuffle", 32, 16, norm="instance"),
        ConvBNAct(16, 1, 5, norm="none", activation="sigmoid"),
    )
    return initialise(network, "kaiming")


def digit_discriminator() -> nn.Module:
    """Condition and image, (B, 1, 28, 28) each -> patch logits (B, 1, 7, 7)."""
    return initialise(PairDiscriminator(patch_layers(32)), "normal")
