"""Residual network, scaled down to MNIST."""

from torch import nn

from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.residual import ResidualBlock


def resnet_small() -> nn.Sequential:
    """A 5x5 convolution and four residual blocks at 14 x 14 and 7 x 7 pixels: (B, 1, 28, 28) -> logits (B, 10).

    Source: He et al., Deep Residual Learning for Image Recognition (2015), section 4.2.
    """
    return nn.Sequential(
        ConvBNAct(1, 32, 5, stride=2),
        ResidualBlock(32, 32),
        ResidualBlock(32, 64, stride=2),
        ResidualBlock(64, 64),
        ResidualBlock(64, 64),
        ClassifierHead(64, [], 10, gather="average"),
    )
