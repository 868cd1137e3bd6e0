"""A convolutional network for the shortest training time."""

from torch import nn

from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct


def quick_cnn() -> nn.Sequential:
    """Three convolutions, of 13 x 13, 6 x 6 and 4 x 4 pixels: (B, 1, 28, 28) -> logits (B, 10).

    At this size memory traffic costs most of the time; early strided convolutions instead of pools keep it small. Batch
    norms allow a large learning rate.
    """
    return nn.Sequential(
        ConvBNAct(1, 16, 5, stride=2, padding=1),
        ConvBNAct(16, 32, 3, stride=2, padding=0),
        ConvBNAct(32, 32, 3, padding=0),
        ClassifierHead(512, [], 10),
    )
