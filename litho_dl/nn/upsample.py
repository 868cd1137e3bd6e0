"""Doubling of an image's height and width by one convolution, which may change the channels."""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from litho_dl.nn.conv import with_norm_and_activation
from litho_dl.nn.periodic import Conv, TransposedConv
from litho_dl.nn.registry import choose


def _transposed(in_channels: int, out_channels: int, bias: bool) -> OrderedDict[str, nn.Module]:
    """A 4x4 transposed convolution: kernels of a side that the stride divides make no chequerboard pattern."""
    return OrderedDict(conv=TransposedConv(in_channels, out_channels, 4, 2, 1, bias=bias))


def _pixel_shuffle(in_channels: int, out_channels: int, bias: bool) -> OrderedDict[str, nn.Module]:
    """Sub-pixel convolution (Shi et al., 2016): four channels become the 2x2 pixels of one."""
    return OrderedDict(conv=Conv(in_channels, 4 * out_channels, 3, padding=1, bias=bias), shuffle=nn.PixelShuffle(2))


UPSAMPLINGS: dict[str, Callable[[int, int, bool], OrderedDict[str, nn.Module]]] = {
    "transposed": _transposed,
    "pixel_shuffle": _pixel_shuffle,
}


def upsample(
    kind: str, in_channels: int, out_channels: int, *, norm: str = "batch", activation: str = "relu"
) -> nn.Sequential:
    """Doubles height and width: (B, in_channels, H, W) -> (B, out_channels, 2 H, 2 W).

    Args:
        kind: `transposed`: a 4x4 transposed convolution; `pixel_shuffle`: a 3x3 convolution whose output channels
            become pixels.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        norm: A name of `NORMS`. The convolution has a bias only with `none`.
        activation: A name of `ACTIVATIONS`.

    Returns:
        The network.

    Raises:
        RecipeError: Unknown kind, norm or activation.
    """
    layers = choose(UPSAMPLINGS, kind, "an up-sampling")(in_channels, out_channels, norm == "none")
    return nn.Sequential(with_norm_and_activation(layers, out_channels, norm, activation))
