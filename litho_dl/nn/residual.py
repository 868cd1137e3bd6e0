"""Residual block."""

from torch import Tensor, nn

from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.registry import activation_of


class ResidualBlock(nn.Module):
    """y = last(shortcut(x) + branch(x)), the branch two 3x3 convolutions: (B, C_in, H, W) -> (B, C_out, H', W').

    The shortcut is the identity, or a 1x1 convolution where the shape changes.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        stride: H' = H / stride.
        norm: A name of `NORMS`.
        last: Activation after the sum, a name of `ACTIVATIONS`; with `none` the block is exactly the identity where
            the branch is zero, as in image generators.

    Raises:
        RecipeError: Unknown norm or activation.

    Source: He et al., Deep Residual Learning for Image Recognition (2015), fig. 2 and section 3.3 (projection).
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int = 1, norm: str = "batch", last: str = "relu"
    ) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            ConvBNAct(in_channels, out_channels, stride=stride, norm=norm),
            ConvBNAct(out_channels, out_channels, norm=norm, activation="none"),
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1 and in_channels == out_channels
            else ConvBNAct(in_channels, out_channels, 1, stride=stride, norm=norm, activation="none")
        )
        self.last = activation_of(last)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.shortcut(x) + self.branch(x))
