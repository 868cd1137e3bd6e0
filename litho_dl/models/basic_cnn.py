"""The small convolutional network of many introductory examples."""

from torch import nn

from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct


def basic_cnn() -> nn.Sequential:
    """Two 5x5 convolutions, 1-10-20, then 320-50-10 with dropout: (B, 1, 28, 28) -> logits (B, 10).

    Dropout is half of torch's default, which validates better in few steps. The ReLUs come after the max pools, where
    they give the same values from a quarter of the pixels.
    """
    return nn.Sequential(
        ConvBNAct(1, 10, 5, padding=0, norm="none", activation="none"),
        nn.MaxPool2d(2),
        nn.ReLU(),
        ConvBNAct(10, 20, 5, padding=0, norm="none", activation="none"),
        nn.MaxPool2d(2),
        nn.ReLU(),
        ClassifierHead(320, [50], 10, dropout=0.25),
    )
