"""Down- and up-sampling by a whole factor, each with one convolution that may change the channels."""

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import pad

from litho_dl.nn.activation import channels_before
from litho_dl.nn.choice import choose
from litho_dl.nn.conv import ConvBNAct, PaddingMode, finished

# What comes before the convolution; with None the convolution itself changes the size.
DOWNSAMPLINGS: dict[str, Callable[[int], nn.Module] | None] = {
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
    "strided": None,
}
UPSAMPLINGS: dict[str, Callable[[int], nn.Module] | None] = {
    "nearest": lambda factor: nn.Upsample(scale_factor=factor, mode="nearest"),
    "bilinear": lambda factor: nn.Upsample(scale_factor=factor, mode="bilinear"),
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
    padding_mode: PaddingMode = "zeros",
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
        padding_mode: As in `ConvBNAct`.

    Raises:
        RecipeError: Unknown name.
    """
    pool = choose(DOWNSAMPLINGS, kind, "a down-sampling")
    conv = ConvBNAct(
        in_channels,
        out_channels,
        kernel,
        stride=1 if pool else factor,
        norm=norm,
        activation=activation,
        padding_mode=padding_mode,
    )
    return nn.Sequential(pool(factor), conv) if pool else conv


def upsample(
    kind: str,
    in_channels: int,
    out_channels: int,
    *,
    factor: int = 2,
    kernel: int = 3,
    norm: str = "batch",
    activation: str = "relu",
    padding_mode: PaddingMode = "zeros",
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
        padding_mode: As in `ConvBNAct`.

    Raises:
        RecipeError: Unknown name.
    """
    grow = choose(UPSAMPLINGS, kind, "an up-sampling")
    if grow is not None:
        conv = ConvBNAct(in_channels, out_channels, kernel, norm=norm, activation=activation, padding_mode=padding_mode)
        larger = grow(factor)
        return nn.Sequential(_at_the_edge(larger, 1, factor, padding_mode) if kind == "bilinear" else larger, conv)
    width, padding, bias = channels_before(activation, out_channels), (kernel - 1) // 2, norm == "none"
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if kind == "pixel_shuffle":
        layers["conv"] = nn.Conv2d(
            in_channels, width * factor**2, kernel, padding=padding, bias=bias, padding_mode=padding_mode
        )
        layers["shuffle"] = nn.PixelShuffle(factor)
    else:
        beyond = factor - kernel + 2 * padding
        transposed = nn.ConvTranspose2d(in_channels, width, kernel, factor, padding, beyond, bias=bias)
        layers["conv"] = _at_the_edge(transposed, -(-kernel // factor), factor, padding_mode)
    return nn.Sequential(finished(layers, width, norm, activation))


class _Padded(nn.Module):
    """A layer that grows images by `factor`, with `margin` pixels around them that are cut off again."""

    def __init__(self, layer: nn.Module, margin: int, factor: int, padding_mode: PaddingMode) -> None:
        super().__init__()
        self.layer, self.margin, self.cut, self.padding_mode = layer, margin, margin * factor, padding_mode

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(pad(x, [self.margin] * 4, self.padding_mode))
        return y[..., self.cut : -self.cut, self.cut : -self.cut]


def _at_the_edge(layer: nn.Module, margin: int, factor: int, padding_mode: PaddingMode) -> nn.Module:
    """The layer, with the padding that it lacks: beyond the edge it takes zeros or, bilinear, the edge itself."""
    return layer if padding_mode == "zeros" else _Padded(layer, margin, factor, padding_mode)
