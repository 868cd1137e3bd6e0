"""VGG, scaled down to MNIST."""

from torch import nn

from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import conv_stack


def vgg_small() -> nn.Sequential:
    """One, two and two 3x3 convolutions of 16, 32 and 64 channels, pooled: (B, 1, 28, 28) -> logits (B, 10).

    Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (2014), table 1.
    """
    return nn.Sequential(
        conv_stack(1, 16, 1),
        nn.MaxPool2d(2),
        conv_stack(16, 32, 2),
        nn.MaxPool2d(2),
        conv_stack(32, 64, 2),
        ClassifierHead(64, [], 10, dropout=0.2, gather="max"),
    )
