"""Upsampling by two."""

import pytest
import torch
from scenes.networks import set_weights
from torch import nn

from litho_dl.nn.periodic import Bilinear
from litho_dl.nn.upsample import UPSAMPLINGS, upsample

RAW = {"norm": "none", "activation": "none"}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("kind", UPSAMPLINGS)
def test_upsampling_doubles_the_size(kind):
    assert upsample(kind, 2, 5)(torch.randn(2, 2, 5, 8)).shape == (2, 5, 10, 16)


def test_a_transposed_convolution_makes_no_chequerboard():
    """Every pixel inside gets 2 x 2 of the 4 x 4 taps."""
    layer = upsample("transposed", 1, 1, **RAW)
    set_weights(layer, 1)
    inside = layer(torch.ones(1, 1, 6, 6))[..., 4:-4, 4:-4]
    torch.testing.assert_close(inside, torch.full_like(inside, 4))


def test_bilinear_pixels():
    row = [0.0, 1.0, 3.0, 4.0]
    assert Bilinear(2)(torch.tensor([[[[0.0, 4.0]]]]))[0, 0].tolist() == [row, row]


def test_pixel_shuffle_lays_neighbouring_channels_side_by_side():
    layer = upsample("pixel_shuffle", 1, 1, **RAW)
    set_weights(layer, 1)
    nn.init.zeros_(layer.conv.weight)
    layer.conv.bias.data = torch.arange(4.0)
    assert layer(torch.zeros(1, 1, 1, 2))[0, 0].tolist() == [[0, 1, 0, 1], [2, 3, 2, 3]]
