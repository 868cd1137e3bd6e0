"""Convolution, normalisation, activation."""

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from litho_dl.nn.activation import activation as activation_of
from litho_dl.nn.activation import channels_before
from litho_dl.nn.norm import norm as norm_of
from litho_dl.nn.periodic import Conv


class ConvBNAct(nn.Sequential):
    """Convolution -> norm -> activation: (B, C_in, H, W) -> (B, C_out, H', W').

    Beyond the edge lie zeros, unless `nn.periodic` says otherwise. By default there are dilation (kernel - 1) // 2 of
    them, so H' = H / stride where the stride divides H; an even kernel needs a stride of at least 2 for that.

    Args:
        in_channels: C_in.
        out_channels: C_out, after the activation.
        kernel: Side of the kernel.
        stride: Step of the output pixels.
        padding: Pixels added on each side; None as above.
        dilation: Step of the kernel's taps.
        groups: Groups of channels that do not mix.
        norm: A name of `NORMS`. The convolution has a bias only where there is none.
        activation: A name of `ACTIVATIONS`.

    Raises:
        RecipeError: Unknown norm or activation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        groups: int = 1,
        norm: str = "batch",
        activation: str = "relu",
    ) -> None:
        convolution = Conv(
            in_channels,
            channels_before(activation, out_channels),
            kernel,
            stride,
            dilation * (kernel - 1) // 2 if padding is None else padding,
            dilation,
            groups,
            bias=norm == "none",
        )
        super().__init__(finished(OrderedDict(conv=convolution), convolution.out_channels, norm, activation))


def finished(layers: OrderedDict[str, nn.Module], channels: int, norm: str, activation: str) -> OrderedDict:
    """The layers, then `norm` over their `channels` and `act`; those that are `none` are left out."""
    if norm != "none":
        layers["norm"] = norm_of(norm, channels)
    if activation != "none":
        layers["act"] = activation_of(activation)
    return layers


def conv_stack(
    in_channels: int, out_channels: int, depth: int, *, kernel: int = 3, norm: str = "batch", activation: str = "relu"
) -> nn.Sequential:
    """`depth` ConvBNAct in a row, (B, in_channels, H, W) -> (B, out_channels, H, W); the first changes the channels."""
    widths = [in_channels] + [out_channels] * depth
    return nn.Sequential(
        *(ConvBNAct(before, after, kernel, norm=norm, activation=activation) for before, after in pairwise(widths))
    )
