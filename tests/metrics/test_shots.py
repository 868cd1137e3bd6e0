"""Shots of a mask."""

import numpy as np
import pytest
from scenes.pixel_images import drawn

from litho_dl.metrics.shots import shot_count


def test_shot_count():
    mask = np.zeros((64, 64))
    mask[10:20, 10:50] = 1
    mask[20:40, 10:20] = 1
    mask[50:60, 50:60] = 1
    assert shot_count(mask, 4.0) == 3
    assert shot_count(np.zeros((8, 8)), 1.0) == 0


@pytest.mark.parametrize(
    ("boxes", "shots"),
    [
        ([], 0),
        ([(10, 10, 50, 90)], 1),
        ([(10, 10, 50, 90), (60, 10, 70, 90)], 2),
        ([(10, 10, 50, 30), (10, 10, 30, 90)], 2),  # L
        ([(10, 10, 90, 30), (40, 10, 60, 90)], 2),  # T
        ([(10, 40, 90, 60), (40, 10, 60, 90)], 3),  # cross
        ([(10, 10, 90, 20), (10, 80, 90, 90), (10, 10, 20, 90), (80, 10, 90, 90)], 4),  # frame
        ([(10 * n, 10 * n, 10 * n + 10, 90) for n in range(7)], 7),  # stairs
        ([(10, 10, 20, 20), (20, 20, 30, 30)], 2),  # corner to corner
    ],
)
def test_shots(boxes, shots):
    image = drawn(*boxes, shape=(100, 100))
    assert shot_count(image, 1.0) == shot_count(image, 8.0) == shots
    assert shot_count(np.where(image, 0.6, 0.5), 1.0) == shots
