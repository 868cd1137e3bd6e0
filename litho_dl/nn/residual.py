"""Residual block."""

from torch import Tensor, nn

from litho_dl.nn.activation import activation as activation_of
from litho_dl.nn.conv import ConvBNAct


class ResidualBlock(nn.Module):
    """y = last(shortcut(x) + branch(x)), the branch two convolutions: (B, C_in, H, W) -> (B, C_out, H', W').

    The shortcut is the identity, or a 1x1 convolution where the shape changes.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel: Side of both kernels, odd.
        stride: H' = H / stride.
        norm: A name of `NORMS`.
        activation: Between the two convolutions; a name of `ACTIVATIONS`.
        last: After the sum, any but `maxout`; `none` leaves the block an exact identity where the branch is zero, as
            generators have it.

    Source: He et al., Deep Residual Learning for Image Recognition (2015), fig. 2 and section 3.3 (projection).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        norm: str = "batch",
        activation: str = "relu",
        last: str = "relu",
    ) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            ConvBNAct(in_channels, out_channels, kernel, stride=stride, norm=norm, activation=activation),
            ConvBNAct(out_channels, out_channels, kernel, norm=norm, activation="none"),
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1 and in_channels == out_channels
            else ConvBNAct(in_channels, out_channels, 1, stride=stride, norm=norm, activation="none")
        )
        self.last = activation_of(last)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.shortcut(x) + self.branch(x))
