"""Convolution, normalisation, activation."""

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from litho_dl.nn.periodic import Conv
from litho_dl.nn.registry import NORMS, activation_of, choose


class ConvBNAct(nn.Sequential):
    """Convolution -> normalisation -> activation: (B, C_in, H, W) -> (B, C_out, H', W').

    The image is padded with zeros, unless `nn.periodic` makes the network periodic. By default the padding is
    dilation (kernel - 1) // 2, so H' = H / stride where the stride divides H; with an even kernel this holds for a
    stride of at least 2.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel: Side of the kernel in pixels.
        stride: Distance of neighbouring output pixels in input pixels.
        padding: Pixels added on each side; None: as above.
        dilation: Distance of neighbouring kernel taps in pixels.
        groups: Number of groups of channels; a convolution does not mix channels of different groups.
        norm: A name of `NORMS`. The convolution has a bias only with `none`.
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
            out_channels,
            kernel,
            stride,
            dilation * (kernel - 1) // 2 if padding is None else padding,
            dilation,
            groups,
            bias=norm == "none",
        )
        super().__init__(with_norm_and_activation(OrderedDict(conv=convolution), out_channels, norm, activation))


def with_norm_and_activation(
    layers: OrderedDict[str, nn.Module], channels: int, norm: str, activation: str
) -> OrderedDict[str, nn.Module]:
    """Appends the layers `norm` and `act`, each left out where its name is `none`.

    Args:
        layers: Layers by name; changed in place.
        channels: Channels that the last of them gives.
        norm: A name of `NORMS`.
        activation: A name of `ACTIVATIONS`.

    Returns:
        The layers.

    Raises:
        RecipeError: Unknown norm or activation.
    """
    if norm != "none":
        layers["norm"] = choose(NORMS, norm, "a norm")(channels)
    if activation != "none":
        layers["act"] = activation_of(activation)
    return layers


def conv_stack(
    in_channels: int, out_channels: int, depth: int, *, norm: str = "batch", activation: str = "relu"
) -> nn.Sequential:
    """`depth` 3x3 convolutions in a row, each a ConvBNAct, of which the first changes the number of channels.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        depth: Number of convolutions.
        norm: A name of `NORMS`.
        activation: A name of `ACTIVATIONS`.

    Returns:
        A network (B, in_channels, H, W) -> (B, out_channels, H, W).

    Raises:
        RecipeError: Unknown norm or activation.
    """
    widths = [in_channels] + [out_channels] * depth
    return nn.Sequential(
        *(ConvBNAct(before, after, norm=norm, activation=activation) for before, after in pairwise(widths))
    )
