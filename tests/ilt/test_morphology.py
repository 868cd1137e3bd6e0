"""Morphology by discs."""

import pytest
import torch
from scenes.ilt import rectangle
from torch import Tensor

from litho_dl.ilt.morphology import closed, dilated, disc, opened, small_parts


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


class TestMorphology:
    """Discs as unions of rectangles, on periodic fields."""

    @pytest.mark.parametrize(
        ("diameter", "across", "pixels"),
        [(0.5, 1, 1), (1, 1, 1), (1.2, 3, 5), (2, 3, 5), (3, 3, 9), (4, 5, 13), (5, 5, 21), (7, 7, 37)],
    )
    def test_discs(self, diameter, across, pixels):
        """Symmetric, rounded up to an odd diameter, and no fatter than a disc of that diameter."""
        point = rectangle(16, 16, (8, 9), (8, 9))[None]
        grown = dilated(point, diameter)[0]
        rows, columns = grown.any(1).nonzero().flatten(), grown.any(0).nonzero().flatten()
        assert len(rows) == len(columns) == across
        assert grown.sum() == pixels
        assert torch.equal(grown, grown.T)
        assert torch.equal(grown[1:, 1:], grown[1:, 1:].flip(0))
        assert sum(disc(diameter)[abs(i)] * 2 + 1 for i in range(-(across // 2), across // 2 + 1)) == pixels

    def test_dilation_is_the_largest_value_nearby(self):
        image = noise(2, 9, 11)
        shape = dilated(rectangle(9, 11, (4, 5), (5, 6))[None], 5)[0].bool()
        offsets = [(i - 4, j - 5) for i, j in shape.nonzero().tolist()]
        expected = torch.stack([image.roll(offset, (1, 2)) for offset in offsets]).amax(0)
        assert torch.equal(dilated(image, 5), expected)

    @pytest.mark.parametrize("diameter", [1, 3, 5, 9])
    def test_the_gradient_of_dilation(self, diameter):
        image = noise(2, 13, 15).requires_grad_()
        assert torch.autograd.gradcheck(lambda x: dilated(x, diameter), image)
        flat = torch.ones(1, 13, 15, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(dilated(flat, diameter).sum(), flat)
        assert torch.equal(gradient, torch.ones_like(flat))  # of equal pixels, the one in the middle

    def test_opening_and_closing_are_ordered_idempotent_and_dual(self):
        image = noise(1, 24, 24)
        small, large = opened(image, 5), closed(image, 5)
        assert (small <= image).all()
        assert (large >= image).all()
        assert torch.equal(opened(small, 5), small)
        assert torch.equal(closed(large, 5), large)
        assert torch.equal(closed(image, 5), -opened(-image, 5))

    def test_a_neck_goes_and_its_ends_stay(self):
        """Two 10 x 10 pads with a bridge of 2 pixels; the pads' corners are rounded, nothing else."""
        image = rectangle(24, 40, (6, 16), (4, 14)) + rectangle(24, 40, (6, 16), (24, 34))
        bridged = image + rectangle(24, 40, (10, 12), (14, 24))
        cut = opened(bridged[None], 5)[0]
        assert torch.equal(cut, opened(image[None], 5)[0])
        assert (image - cut).sum() == 2 * 4 * 1  # a corner pixel each

    def test_small_parts(self):
        image = torch.stack([rectangle(12, 12, (1, 4), (1, 4)), torch.zeros(12, 12).double()])
        image[0, 6:8, 6:11] = 0.7
        image[0, 10, 1:3] = 0.4
        numbers, counts = small_parts(image, 10)
        assert counts == [1, 0]
        assert numbers.shape == image.shape
        assert numbers.unique().tolist() == [0, 1]
        assert torch.equal(numbers[0] == 1, rectangle(12, 12, (1, 4), (1, 4)) == 1)
        assert small_parts(image, 11)[0][0].unique().tolist() == [0, 1, 2]
        assert small_parts(image, 9)[0].sum() == 0
