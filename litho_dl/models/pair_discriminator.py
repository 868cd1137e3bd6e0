"""Discriminators of (condition, image) pairs, which all conditional GANs share."""

import torch
from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct


class PairDiscriminator(nn.Module):
    """Judges whether an image is the real one of its condition: (B, 1, H, W) each -> logits (B, scales, rows, columns).

    Logits are positive for real and negative for fake images, so no activation follows them. It sees the pair, because
    from the image alone any plausible mask would pass as real, whatever its target.

    Args:
        layers: Network from the pair as two channels, (B, 2, H, W), to the logits.
    """

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, condition: Tensor, image: Tensor) -> Tensor:
        return self.layers(torch.cat([condition, image], 1))


def patch_layers(width: int) -> nn.Sequential:
    """(B, 2, H, W) -> (B, 1, H / 4, W / 4); each logit sees 18 x 18 pixels of both images.

    Args:
        width: Channels of the first layer; the second has twice as many.

    Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks (2016), section 3.2.2.
    """
    return nn.Sequential(
        ConvBNAct(2, width, 4, stride=2, norm="none", activation="leaky_relu"),
        ConvBNAct(width, 2 * width, 4, stride=2, norm="instance", activation="leaky_relu"),
        ConvBNAct(2 * width, 1, norm="none", activation="none"),
    )
