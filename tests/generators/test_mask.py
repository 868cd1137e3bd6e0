"""Masks between the pixels of a network."""

import numpy as np
import torch
from scenes.generators import Given

from litho_dl.generators.mask import mask_logits


class TestMask:
    def test_edges_lie_between_the_networks_pixels(self):
        """From -3 to 1 the logits cross 0 at three quarters of the way: the sixth of eight finer pixels is the first
        whose centre lies beyond."""
        logits = torch.full((1, 1, 4, 6), -3.0)
        logits[..., 2:4] = 1.0
        fine = mask_logits(Given(logits), logits, 8)
        assert fine.shape == (1, 32, 48)
        row = fine[0, 5]
        assert torch.equal(fine, row.expand_as(fine))
        centres = (torch.arange(48) + 0.5) / 8 - 0.5  # in the network's pixels
        expected = np.interp(centres.numpy(), range(-1, 7), [-3, -3, -3, 1, 1, -3, -3, -3])
        np.testing.assert_allclose(row.detach().numpy(), expected, atol=1e-6)
        assert (row > 0).nonzero().min() == 12 + 6

    def test_the_field_is_periodic(self):
        logits = torch.randn(2, 1, 4, 6)
        moved = mask_logits(Given(logits.roll((1, -2), (2, 3))), logits, 2)
        torch.testing.assert_close(moved, mask_logits(Given(logits), logits, 2).roll((2, -4), (1, 2)))

    def test_half_precision_ends_with_the_network(self):
        logits = torch.randn(1, 1, 4, 4)
        assert mask_logits(Given(logits.bfloat16()), logits, 2).dtype == torch.float32
        assert mask_logits(Given(logits.double()), logits, 2).dtype == torch.float64
