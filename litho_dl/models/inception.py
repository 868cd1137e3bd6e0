"""GoogLeNet, scaled down to MNIST."""

from torch import nn

from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.inception import Inception


def inception_small() -> nn.Sequential:
    """A 5x5 convolution and three inception modules at 14 x 14 and 7 x 7 pixels: (B, 1, 28, 28) -> logits (B, 10).

    Source: Szegedy et al., Going Deeper with Convolutions (2014), table 1.
    """
    return nn.Sequential(
        ConvBNAct(1, 16, 5, stride=2),
        Inception(16, 16, (16, 32), (4, 8), 8),
        nn.MaxPool2d(2),
        Inception(64, 32, (32, 64), (8, 16), 16),
        Inception(128, 32, (32, 64), (8, 16), 16),
        ClassifierHead(128, [], 10, dropout=0.2, gather="average"),
    )
