"""Convolutions with norm and activation."""

import math

import pytest
import torch
from torch import nn

from litho_dl.nn.conv import ConvBNAct, conv_stack
from litho_dl.nn.registry import NORMS
from litho_dl.nn.upsample import UPSAMPLINGS, upsample

RAW = {"norm": "none", "activation": "none"}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("size", [(9, 12), (8, 15)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(1, 1, 1), (3, 1, 2), (5, 2, 1), (3, 3, 1), (7, 1, 1)])
def test_conv_keeps_the_size_but_for_the_stride(size, kernel, stride, dilation):
    y = ConvBNAct(2, 5, kernel, stride=stride, dilation=dilation)(torch.randn(2, 2, *size))
    assert y.shape == (2, 5, *(math.ceil(side / stride) for side in size))


@pytest.mark.parametrize("kernel", [2, 4])
def test_even_kernels_halve_even_sizes(kernel):
    assert ConvBNAct(1, 1, kernel, stride=2)(torch.randn(2, 1, 8, 14)).shape == (2, 1, 4, 7)


def test_conv_takes_its_padding_as_told():
    assert ConvBNAct(1, 3, 5, padding=0)(torch.randn(2, 1, 28, 28)).shape == (2, 3, 24, 24)


def test_conv_in_groups_does_not_mix_them():
    conv, x = ConvBNAct(4, 4, groups=2, **RAW), torch.randn(1, 4, 6, 6)
    other = x.clone()
    other[:, :2] += 1
    changed = (conv(x) != conv(other)).any((0, 2, 3))
    assert changed.tolist() == [True, True, False, False]


def test_a_stack_changes_the_channels_once():
    stack = conv_stack(3, 6, 4)
    assert [tuple(block.conv.weight.shape) for block in stack] == [(6, 3, 3, 3)] + [(6, 6, 3, 3)] * 3
    assert stack(torch.randn(2, 3, 7, 7)).shape == (2, 6, 7, 7)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", [None, *UPSAMPLINGS])
def test_a_bias_only_where_no_norm_takes_it_away(norm, kind):
    block = ConvBNAct(2, 4, norm=norm) if kind is None else upsample(kind, 2, 4, norm=norm)
    biases = [part.bias is not None for part in block.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    assert biases == [norm == "none"]
