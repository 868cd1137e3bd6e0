"""Interpolation between the pixels of a coarse image."""

import torch
from torch import Tensor

from litho_dl.ilt.parameterization.multilevel import interpolated


def noise(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class TestInterpolation:
    """Bilinear between pixel centres."""

    def test_values_by_hand(self):
        fine = interpolated(torch.tensor([[[0.0, 4.0, 8.0]] * 3]), 2)[0, 2]
        assert fine.tolist() == [2.0, 1.0, 3.0, 5.0, 7.0, 6.0]  # the first and last across the border

    def test_the_mean_is_kept(self):
        values = noise(2, 6, 8)
        for ratio in (2, 3, 4):
            torch.testing.assert_close(interpolated(values, ratio).mean((1, 2)), values.mean((1, 2)))
