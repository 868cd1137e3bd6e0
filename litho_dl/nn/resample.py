"""Down- and up-sampling by a whole factor, each with one convolution that may change the channels."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from litho_dl.nn.activation import channels_before
from litho_dl.nn.choice import choose
from litho_dl.nn.conv import ConvBNAct, finished
from litho_dl.nn.periodic import Bilinear, Conv, TransposedConv

# What comes before the convolution; with None the convolution itself changes the size.
DOWNSAMPLINGS: dict[str, Callable[[int], nn.Module] | None] = {
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
    "strided": None,
}
UPSAMPLINGS: dict[str, Callable[[int], nn.Module] | None] = {
    "nearest": lambda factor: nn.Upsample(scale_factor=factor, mode="nearest"),
    "bilinear": Bilinear,
    "pixel_shuffle": None,
    "transposed": None,
}


def downsample(
    kind: str,
    in_channels: int,
    out_channels: int,
    *,
    factor: int = 2,
    kernel: int = 3,
    norm: str = "batch",
    activation: str = "relu",
) -> nn.Sequential:
    """(B, in_channels, H, W) -> (B, out_channels, H / factor, W / factor).

    Args:
        kind: `max` or `average` pool before the convolution, or a `strided` convolution.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        factor: H and W are multiples of it.
        kernel: Side of the convolution's kernel, odd unless `strided`.
        norm: As in `ConvBNAct`.
        activation: As in `ConvBNAct`.

    Raises:
        RecipeError: Unknown name.
    """
    pool = choose(DOWNSAMPLINGS, kind, "a down-sampling")
    if pool is None:
        return ConvBNAct(in_channels, out_channels, kernel, stride=factor, norm=norm, activation=activation)
    return nn.Sequential(pool(factor), ConvBNAct(in_channels, out_channels, kernel, norm=norm, activation=activation))


def upsample(
    kind: str,
    in_channels: int,
    out_channels: int,
    *,
    factor: int = 2,
    kernel: int = 3,
    norm: str = "batch",
    activation: str = "relu",
) -> nn.Sequential:
    """(B, in_channels, H, W) -> (B, out_channels, factor H, factor W).

    Args:
        kind: `nearest` or `bilinear` interpolation before the convolution, a convolution whose channels `pixel_shuffle`
            turns into pixels, or a `transposed` convolution.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        factor: At least 2.
        kernel: Side of the convolution's kernel, odd unless `transposed`, which draws chequerboards unless it is a
            multiple of `factor`.
        norm: As in `ConvBNAct`.
        activation: As in `ConvBNAct`.

    Raises:
        RecipeError: Unknown name.
    """
    grow = choose(UPSAMPLINGS, kind, "an up-sampling")
    if grow is not None:
        conv = ConvBNAct(in_channels, out_channels, kernel, norm=norm, activation=activation)
        return nn.Sequential(grow(factor), conv)
    width, padding, bias = channels_before(activation, out_channels), (kernel - 1) // 2, norm == "none"
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if kind == "pixel_shuffle":
        layers["conv"] = Conv(in_channels, width * factor**2, kernel, padding=padding, bias=bias)
        layers["shuffle"] = nn.PixelShuffle(factor)
    else:
        beyond = factor - kernel + 2 * padding
        layers["conv"] = TransposedConv(in_channels, width, kernel, factor, padding, beyond, bias=bias)
    return nn.Sequential(finished(layers, width, norm, activation))
