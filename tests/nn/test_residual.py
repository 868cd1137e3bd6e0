"""Residual blocks."""

import math

import pytest
import torch
from scenes.networks import set_weights

from litho_dl.nn.residual import ResidualBlock


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_residual_is_the_identity_where_its_branch_is_zero():
    block, x = ResidualBlock(3, 3, norm="none", last="none"), torch.randn(2, 3, 7, 6)
    set_weights(block.branch, 0)
    assert torch.equal(block(x), x)


def test_residual_adds_the_branch_before_its_last_activation():
    block, x = ResidualBlock(2, 2).eval(), torch.randn(1, 2, 5, 5)
    torch.testing.assert_close(block(x), (x + block.branch(x)).relu())
    assert block.branch[1](torch.randn(1, 2, 5, 5)).min() < 0


@pytest.mark.parametrize(("out_channels", "stride"), [(3, 2), (5, 1), (5, 2)])
def test_residual_projects_where_the_shape_changes(out_channels, stride):
    block = ResidualBlock(3, out_channels, stride=stride)
    assert block(torch.randn(2, 3, 7, 8)).shape == (2, out_channels, math.ceil(7 / stride), 8 // stride)
    assert block.shortcut.conv.kernel_size == (1, 1)
