"""Rendered digits."""

import numpy as np
import torch
from scipy.ndimage import label

from litho_dl.mnist.digits import BACKGROUND, pixel_classes, rendered_digits


def test_rendered_digits_follow_the_seed_and_differ():
    images, labels = rendered_digits(200, seed=3)
    assert images.shape == (200, 28, 28)
    assert labels.shape == (200,)
    assert images.dtype == labels.dtype == torch.uint8
    again, _ = rendered_digits(200, seed=3)
    assert torch.equal(images, again)
    assert not torch.equal(images, rendered_digits(200, seed=4)[0])
    assert len(torch.unique(images, dim=0)) == 200
    assert labels.unique().tolist() == list(range(10))


def test_rendered_digits_lie_inside_their_image_with_as_much_ink_as_handwriting():
    """MNIST: 13 % of the pixels are ink, and the digits keep away from the edge."""
    images, _ = rendered_digits(300, seed=0)
    rim = torch.cat([images[:, [0, -1]].flatten(1), images[:, :, [0, -1]].flatten(1)], 1)
    assert rim.max() < 128
    assert 0.09 < (images >= 128).float().mean() < 0.16
    assert images.amax((1, 2)).min() == 255


def test_rendered_digits_can_be_told_apart():
    """Nearest neighbour among 400 others; chance is 10 %."""
    known, known_labels = rendered_digits(400, seed=0)
    images, labels = rendered_digits(100, seed=1)
    distance = torch.cdist(images.flatten(1).float(), known.flatten(1).float())
    assert (known_labels[distance.argmin(1)] == labels).float().mean() > 0.85


def test_rendered_digits_are_what_their_labels_say():
    """By the holes in each digit, and where they lie: above the middle in a 9, below it in a 6."""
    images, labels = rendered_digits(300, seed=2)
    holes = np.array([1, 0, 0, 0, 1, 0, 1, 0, 2, 1])
    right = []
    for image, digit in zip(images.numpy(), labels.tolist(), strict=True):
        parts, count = label(image < 128)
        middle = np.nonzero(image)[0].mean()
        hole = np.nonzero(parts > 1)[0].mean() if count > 1 else middle
        right.append(count - 1 == holes[digit] and (digit not in (6, 9) or (hole > middle) == (digit == 6)))
    assert np.mean(right) > 0.95


def test_pixel_classes_are_the_digit_where_there_is_ink():
    images = torch.tensor([[[0, 127], [128, 255]], [[255, 0], [0, 0]]], dtype=torch.uint8)
    classes = pixel_classes(images, torch.tensor([3, 0], dtype=torch.uint8))
    assert classes.tolist() == [[[10, 10], [3, 3]], [[0, 10], [10, 10]]]
    assert classes.dtype == torch.int64
    assert BACKGROUND == 10
