"""Inception blocks."""

import math

import pytest
import torch
from torch import nn

from litho_dl.nn.inception import Inception


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_inception_lays_its_branches_side_by_side():
    block, x = Inception(3, one=2, three=(4, 5), five=(1, 3), pool=6).eval(), torch.randn(2, 3, 9, 8)
    one, three, five, pool = (block.branches[i] for i in range(4))
    assert block.out_channels == 16
    assert [branch.conv.kernel_size for branch in (one, three[1], five[1], pool[1])] == [(1, 1), (3, 3), (5, 5), (1, 1)]
    assert (three[0].conv.out_channels, five[0].conv.out_channels) == (4, 1)
    largest = nn.functional.max_pool2d(nn.functional.pad(x, [1] * 4, value=-math.inf), 3, 1)
    torch.testing.assert_close(block(x), torch.cat([one(x), three(x), five(x), pool[1](largest)], 1))
