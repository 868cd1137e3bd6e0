"""The square's mirrors and turns."""

import itertools

import numpy as np
import pytest

from litho_dl.core.dihedral import SYMMETRIES, turned


def test_they_are_the_group_of_the_square():
    image = np.arange(9).reshape(3, 3)
    images = {turned(image, name).tobytes(): name for name in SYMMETRIES}
    assert len(images) == 8
    for one, two in itertools.product(SYMMETRIES, repeat=2):
        assert turned(turned(image, one), two).tobytes() in images
    assert np.array_equal(turned(image, "flip_x")[:, 0], image[:, 2])
    assert np.array_equal(turned(image, "flip_y")[0], image[2])
    # Counter-clockwise, where rows go up: what lies towards +x goes to +y.
    assert np.array_equal(turned(image, "rotate_90")[2], image[:, 2][::-1])


@pytest.mark.parametrize("name", SYMMETRIES)
def test_images_turn_as_their_points_do(name):
    x, y = 2, 1  # from the centre of 7 x 7 pixels
    image = np.zeros((7, 7))
    image[3 + y, 3 + x] = 1
    x, y = np.array(SYMMETRIES[name]) @ (x, y)
    assert turned(image, name)[3 + y, 3 + x] == 1
