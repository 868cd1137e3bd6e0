"""Periodic layers beside the same layers on a field that is repeated in all directions."""

import pytest
import torch
from torch import nn

from litho_dl.nn.conv import ConvBNAct
from litho_dl.nn.inception import Inception
from litho_dl.nn.periodic import Bilinear, TransposedConv, periodic, wrapped
from litho_dl.nn.residual import ResidualBlock
from litho_dl.nn.segmentation import FCNHead
from litho_dl.nn.upsample import UPSAMPLINGS, upsample

LAYERS = {
    "conv": lambda: ConvBNAct(3, 2, 5, dilation=2),
    "even kernel": lambda: ConvBNAct(3, 2, 4, stride=2),
    "strided": lambda: ConvBNAct(3, 2, 5, stride=2),
    "inception": lambda: Inception(3, 1, (2, 1), (2, 1), 1),
    "residual": lambda: ResidualBlock(3, 4, stride=2),
    **{kind: lambda kind=kind: upsample(kind, 3, 2) for kind in UPSAMPLINGS},
    **{f"bilinear by {factor}": lambda factor=factor: Bilinear(factor) for factor in (2, 3)},
    **{
        f"transposed {kernel} by {factor}": lambda factor=factor, kernel=kernel: TransposedConv(
            3, 2, kernel, factor, (kernel - 1) // 2, factor - kernel + 2 * ((kernel - 1) // 2)
        )
        for factor, kernel in ((2, 2), (2, 4), (2, 5), (2, 6), (3, 3), (4, 3), (4, 4))
    },
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_periodic_layer_sees_the_field_repeated(make):
    torch.manual_seed(0)
    layer, x = make().eval(), torch.randn(2, 3, 10, 8)
    edged = layer(x)
    height, width = edged.shape[-2:]
    expected = layer(x.repeat(1, 1, 3, 3))[..., height : 2 * height, width : 2 * width]
    assert periodic(layer) is layer
    torch.testing.assert_close(layer(x), expected)
    inside = (..., slice(4, -4), slice(4, -4))
    torch.testing.assert_close(edged[inside], expected[inside])


@pytest.mark.parametrize("name", ["conv", "strided", "transposed", "transposed 4 by 4"])
def test_a_field_of_few_pixels_goes_around_more_than_once(name):
    torch.manual_seed(0)
    layer, x = LAYERS[name]().eval(), torch.randn(2, 3, 2, 1 if name != "strided" else 2)
    repeated = x.repeat(1, 1, 15, 15)
    once = layer(repeated)
    height, width = once.shape[-2] // 15, once.shape[-1] // 15
    expected = once[..., 7 * height : 8 * height, 7 * width : 8 * width]
    torch.testing.assert_close(periodic(layer)(x), expected)


def test_padding_leaves_channels_innermost():
    x = torch.randn(2, 3, 10, 8).to(memory_format=torch.channels_last)
    found = wrapped(x, 3)
    torch.testing.assert_close(found, nn.functional.pad(x, (3, 3, 3, 3), mode="circular"))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_scores_grow_periodically():
    torch.manual_seed(0)
    head = FCNHead([2, 3, 4], 5)
    maps = [torch.randn(1, width, 12 // n, 8 // n) for width, n in ((2, 1), (3, 2), (4, 4))]
    expected = head([map_.repeat(1, 1, 3, 3) for map_ in maps])[..., 12:24, 8:16]
    assert not torch.allclose(head(maps), expected)
    torch.testing.assert_close(periodic(head)(maps), expected)


def test_weights_stay():
    network = nn.Sequential(ConvBNAct(1, 2), upsample("transposed", 2, 1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = periodic(network).state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize(("size", "margin"), [((10, 8), 3), ((4, 4), 4), ((5, 7), 1)])
def test_the_gradient_of_padding_is_that_of_torch(size, margin):
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, *(side + 2 * margin for side in size), dtype=torch.float64)
    (found,) = torch.autograd.grad((weight * wrapped(x, margin)).sum(), x)
    padded = nn.functional.pad(x, (margin,) * 4, mode="circular")
    (expected,) = torch.autograd.grad((weight * padded).sum(), x)
    torch.testing.assert_close(found, expected)
