"""Segmentation head of a fully convolutional network."""

from collections.abc import Sequence

from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.periodic import grow_bilinearly


class FCNHead(nn.Module):
    """Class scores of each feature map by a 1x1 convolution, summed from the coarsest map to the finest.

    Maps (B, C_i, H_i, W_i), finest first -> logits (B, classes, H_0, W_0). Coarse scores are interpolated bilinearly.

    Args:
        channels: C_i of each map.
        classes: Number of classes.

    Source: Long, Shelhamer, Darrell, Fully Convolutional Networks (2015), section 4.2.
    """

    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__()
        self.padding_mode = "replicate"
        self.scores = nn.ModuleList(ConvBNAct(width, classes, 1, norm="none", activation="none") for width in channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        logits, *finer = (score(map_) for score, map_ in zip(self.scores[::-1], maps[::-1], strict=True))
        for scores in finer:
            logits = scores + grow_bilinearly(logits, (scores.shape[-2], scores.shape[-1]), self.padding_mode)
        return logits
