"""Images between their pixels."""

import numpy as np
import pytest

from litho_dl.metrics.sampling import sampled


def test_pixels_keep_their_values_and_the_field_repeats():
    image = np.random.default_rng(1).random((7, 9), dtype=np.float32)
    rows, columns = np.meshgrid(np.arange(-7, 14), np.arange(-9, 18), indexing="ij")
    middles = np.stack((rows, columns), axis=-1) + 0.5
    assert (sampled(image, middles) == image[rows % 7, columns % 9]).all()
    together = np.concatenate((middles[0], [[2.3, 4.1]]))  # beside one that is interpolated
    assert (sampled(image, together)[:-1] == image[rows[0] % 7, columns[0] % 9]).all()


def test_parabolas_are_exact():
    y, x = np.meshgrid(np.arange(20) + 0.5, np.arange(30) + 0.5, indexing="ij")

    def height(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return 0.3 * y * y - 0.2 * x * y + 0.1 * x * x - y + 2

    points = np.random.default_rng(2).uniform((3, 3), (17, 27), (50, 2))
    np.testing.assert_allclose(sampled(height(y, x), points), height(*points.T), rtol=1e-12)


@pytest.mark.parametrize("image", [np.zeros((4, 4), bool), np.ones((4, 4), bool)])
def test_prints_are_sampled_too(image):
    assert sampled(image, np.array([[1.2, 3.4]])) == pytest.approx(float(image[0, 0]))


def test_images_of_light_are_right_to_a_hundred_thousandth():
    """The finest wave of an image at NA 1.35 and 193 nm is 71 nm long."""
    wave = 2 * np.pi * 1.35 * 2 / 193
    image = np.tile(0.5 + 0.5 * np.cos(wave * (np.arange(400) + 0.5)), (4, 1))
    x = np.linspace(10, 390, 2000)
    found = sampled(image, np.stack((np.full_like(x, 1.7), x), axis=1))
    assert np.abs(found - (0.5 + 0.5 * np.cos(wave * x))).max() < 1e-5
