"""LeNet-5."""

from torch import nn

from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct


def lenet() -> nn.Sequential:
    """Two 5x5 convolutions, 1-6-16, then 400-120-84-10: (B, 1, 28, 28) -> logits (B, 10).

    Unlike the paper's, it has max pools, ReLUs, full connections between all channels, and a linear output.

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998), fig. 2.
    """
    return nn.Sequential(
        ConvBNAct(1, 6, 5, norm="none", activation="none"),
        nn.MaxPool2d(2),
        nn.ReLU(),
        ConvBNAct(6, 16, 5, padding=0, norm="none", activation="none"),
        nn.MaxPool2d(2),
        nn.ReLU(),
        ClassifierHead(400, [120, 84], 10),
    )
