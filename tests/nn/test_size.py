"""Sizes that a network can take."""

import pytest
import torch

from litho_dl.core.errors import GridMismatchError
from litho_dl.nn.size import SizeMultiple


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("size", "wanted"), [((16, 20), "16 x 24"), ((17, 16), "24 x 16"), ((8, 24), "16 x 24")])
def test_sizes_that_cannot_be_halved_are_told_what_to_pad_to(size, wanted):
    with pytest.raises(
        GridMismatchError, match=rf"multiples of 8 pixels, 16 or more, got {size[0]} x {size[1]}; pad to {wanted}\.$"
    ):
        SizeMultiple(8, least=16)(torch.zeros(1, 1, *size))
    x = torch.randn(1, 2, 24, 8)
    assert SizeMultiple(8)(x) is x
