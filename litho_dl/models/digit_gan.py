"""Image-to-image conditional GAN at the size of MNIST."""

import torch
from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.initialise import initialise
from litho_dl.nn.resample import downsample, upsample
from litho_dl.nn.residual import ResidualBlock


def digit_generator() -> nn.Module:
    """Condition (B, 1, 28, 28) -> image (B, 1, 28, 28) in [0, 1], by residual blocks at 7 x 7 pixels.

    Source: Johnson et al., Perceptual Losses for Real-Time Style Transfer (2016), with fewer and narrower layers.
    """
    network = nn.Sequential(
        ConvBNAct(1, 16, 5, norm="instance"),
        downsample("strided", 16, 32, norm="instance"),
        downsample("strided", 32, 64, norm="instance"),
        ResidualBlock(64, 64, norm="instance", last="none"),
        ResidualBlock(64, 64, norm="instance", last="none"),
        upsample("pixel_shuffle", 64, 32, norm="instance"),
        upsample("pixel_shuffle", 32, 16, norm="instance"),
        ConvBNAct(16, 1, 5, norm="none", activation="sigmoid"),
    )
    return initialise(network, "kaiming")


class PairDiscriminator(nn.Module):
    """Judges, patch by patch, whether an image is the real one of its condition: (B, 1, H, W) -> (B, 1, H / 4, W / 4).

    The logits are unbounded, positive for real and negative for fake; each sees 18 x 18 pixels of both images.

    Args:
        width: Channels of the first layer.

    Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks (2016), section 3.2.2.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvBNAct(2, width, 4, stride=2, norm="none", activation="leaky_relu"),
            ConvBNAct(width, 2 * width, 4, stride=2, norm="instance", activation="leaky_relu"),
            ConvBNAct(2 * width, 1, norm="none", activation="none"),
        )

    def forward(self, condition: Tensor, image: Tensor) -> Tensor:
        return self.layers(torch.cat([condition, image], 1))


def digit_discriminator() -> nn.Module:
    """Condition and image, (B, 1, 28, 28) each -> patch logits (B, 1, 7, 7)."""
    return initialise(PairDiscriminator(32), "normal")
