"""Masks between the pixels of a network."""

import numpy as np
import torch
from scenes.generators import Given

from litho_dl.generators.mask import mask_logits


class TestMask:
    def test_edges_lie_between_the_networks_pixels(self):
        """The level line of logits that are smoothed by (1 4 6 4 1) / 16 and interpolated between pixel centres."""
        logits = torch.full((1, 1, 8, 12), -3.0)
        logits[..., 3:8] = 2.0
        fine = mask_logits(Given(logits), logits, 8)
        assert fine.shape == (1, 64, 96)
        row = fine[0, 5]
        torch.testing.assert_close(fine, row.expand_as(fine))
        smooth = np.convolve(logits[0, 0, 0, [-3, -2, -1, *range(12), 0, 1, 2]].numpy(), np.array([1, 4, 6, 4, 1]) / 16)
        centres = (torch.arange(96) + 0.5) / 8 - 0.5  # in the network's pixels
        expected = np.interp(centres.numpy(), range(-1, 13), smooth[4:-4])
        np.testing.assert_allclose(row.detach().numpy(), expected, atol=1e-6)
        assert (row > 0).nonzero().min() == 26

    def test_specks_of_one_pixel_are_no_shapes(self):
        logits = torch.full((1, 1, 8, 8), -1.0)
        logits[..., 3, 4] = 1.0
        assert not (mask_logits(Given(logits), logits, 4) > 0).any()
        logits[..., 2:6, 3:7] = 1.0
        assert (mask_logits(Given(logits), logits, 4) > 0).any()

    def test_the_field_is_periodic(self):
        logits = torch.randn(2, 1, 4, 6)
        moved = mask_logits(Given(logits.roll((1, -2), (2, 3))), logits, 2)
        torch.testing.assert_close(moved, mask_logits(Given(logits), logits, 2).roll((2, -4), (1, 2)))

    def test_half_precision_ends_with_the_network(self):
        logits = torch.randn(1, 1, 4, 4)
        assert mask_logits(Given(logits.bfloat16()), logits, 2).dtype == torch.float32
        assert mask_logits(Given(logits.double()), logits, 2).dtype == torch.float64
