"""Augmentation of digits."""

import pytest
import torch

from litho_dl.core.errors import DatasetError
from litho_dl.mnist.augment import Augmentation, augmented


class TestAugmentation:
    def test_oblong_images_are_refused(self):
        with pytest.raises(DatasetError, match="Expected square images to rotate, got 9 x 8 pixels"):
            augmented(torch.rand(1, 1, 9, 8), Augmentation(), torch.Generator())

    def test_no_change_is_none(self):
        images = torch.rand(3, 1, 9, 9)
        torch.testing.assert_close(augmented(images, Augmentation(), torch.Generator()), images, atol=1e-5, rtol=0)

    def test_each_image_moves_by_its_own_shift_within_the_limit(self):
        images = torch.zeros(400, 1, 21, 21)
        images[:, :, 10, 10] = 1
        moved = augmented(images, Augmentation(shift_px=3), torch.Generator().manual_seed(0))[:, 0]
        torch.testing.assert_close(moved.sum((1, 2)), torch.ones(400))
        place = torch.arange(21.0) - 10
        shifts = torch.stack([(moved.sum(1) * place).sum(1), (moved.sum(2) * place).sum(1)])
        assert 2.9 < shifts.abs().max() < 3.0001
        assert shifts.mean(1).abs().max() < 0.25
        assert len(torch.unique(shifts[0].round(decimals=4))) > 300

    def test_turns_and_scales_within_the_limits(self):
        images = torch.zeros(200, 1, 41, 41)
        images[:, :, 20, 32] = 1  # 12 pixels to the right of the centre
        moved = augmented(images, Augmentation(turn_deg=10, scale=0.1), torch.Generator().manual_seed(0))[:, 0]
        place = torch.arange(41.0) - 20
        weight = moved.sum((1, 2))
        x, y = (moved.sum(1) * place).sum(1) / weight, (moved.sum(2) * place).sum(1) / weight
        radius, angle = torch.hypot(x, y), torch.rad2deg(torch.atan2(y, x))
        assert 12 * 0.88 < radius.min() < 12 * 0.93
        assert 12 * 1.07 < radius.max() < 12 * 1.12
        assert 8.5 < angle.max() < 11
        assert -11 < angle.min() < -8.5
