"""Photon noise against closed forms, and against photons that are drawn one by one."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from litho_dl.core.errors import LithoError
from litho_dl.layout.contour import contour_polygons
from litho_dl.metrics.edge_noise import ShotNoise, diameter_sigma_nm, failure_probability, photons_per_nm2

PIXEL, BLUR, DRAWS = 1.0, 5.0, 400
NOISE = ShotNoise(40.0, BLUR)
LEVEL = 0.35


def blurred(image: np.ndarray) -> np.ndarray:
    return gaussian_filter(image, BLUR / PIXEL, mode="wrap", truncate=6)


def drawn(image: np.ndarray, seed: int) -> list[np.ndarray]:
    """Blurred images of photons that arrive at random where an image says, DRAWS times."""
    rng = np.random.default_rng(seed)
    mean = image * NOISE.per_nm2 * PIXEL**2
    return [blurred(rng.poisson(mean) / (NOISE.per_nm2 * PIXEL**2)) for _ in range(DRAWS)]


def crossing(row: np.ndarray, start: int, step: int) -> float:
    """Where a row falls to the level, going from a sample inside in steps of -1 or 1."""
    place = start
    while row[place + step] >= LEVEL:
        place += step
    return place + step * (row[place] - LEVEL) / (row[place] - row[place + step])


def test_photons_of_a_dose():
    assert photons_per_nm2(1.0, 193.0) == pytest.approx(1e-17 / (6.62607015e-34 * 299792458 / 193e-9), rel=1e-12)
    assert photons_per_nm2(30.0, 13.5) == pytest.approx(30 * 1e-17 / (91.84 * 1.602177e-19), rel=1e-4)  # 91.84 eV


def test_even_light():
    images = drawn(np.full((96, 96), 0.3), 1)
    assert np.std(images) == pytest.approx(NOISE.intensity_sigma(np.array(0.3)), rel=0.03)
    lag = np.mean([(image - 0.3) * (np.roll(image, 7, 1) - 0.3) for image in images]) / np.var(images)
    assert lag == pytest.approx(NOISE.correlation(np.array(7.0)), abs=0.03)


class TestLine:
    """A line as the image of two beams, whose edges are 26 nm apart."""

    IMAGE = np.broadcast_to(0.5 + 0.4 * np.cos(2 * np.pi * (np.arange(96) - 48) / 96), (64, 96)) ** 2

    def test_edges_and_widths(self):
        mean = blurred(self.IMAGE)[0]
        low, high = crossing(mean, 48, -1), crossing(mean, 48, 1)
        slopes = np.array([abs(np.interp(x, np.arange(96), np.gradient(mean))) for x in (low, high)])
        sigmas = NOISE.edge_sigma_nm(np.full(2, LEVEL), slopes)
        rows = [image[row] for image in drawn(self.IMAGE, 2) for row in range(0, 64, 16)]
        edges = np.array([(crossing(row, 48, -1), crossing(row, 48, 1)) for row in rows])
        assert edges.std(0) == pytest.approx(sigmas, rel=0.1)
        width = NOISE.width_sigma_nm(sigmas, high - low)
        assert (edges[:, 1] - edges[:, 0]).std() == pytest.approx(width, rel=0.1)

    def test_near_edges_move_together(self):
        """Light that both edges see moves both outward: a narrow width is noisier than two edges that are apart."""
        sigmas = np.array([1.0, 1.0])
        assert NOISE.width_sigma_nm(sigmas, 1000.0) == pytest.approx(np.sqrt(2))
        assert NOISE.width_sigma_nm(sigmas, 2 * BLUR) == pytest.approx(np.sqrt(2 + 2 * np.exp(-1)))
        assert NOISE.width_sigma_nm(sigmas, 1e-9) == pytest.approx(2)


class TestContact:
    """A contact as a Gaussian peak."""

    R2 = (np.arange(96)[:, None] - 47.6) ** 2 + (np.arange(96)[None] - 48.3) ** 2
    IMAGE = 0.9 * np.exp(-R2 / (2 * 22.0**2)) + 0.02

    def test_diameters(self):
        mean = blurred(self.IMAGE)
        (polygon,) = contour_polygons(mean, PIXEL, LEVEL)
        ends = np.vstack([polygon.hull, polygon.hull[:1]])
        points, lengths = (ends[1:] + ends[:-1]) / 2, np.hypot(*np.diff(ends, axis=0).T)
        width = 22.0**2 + BLUR**2
        radius = np.hypot(*(points - (48.8, 48.1)).T)
        slopes = 0.9 * 22.0**2 / width * np.exp(-(radius**2) / (2 * width)) * radius / width
        edges = NOISE.edge_sigma_nm(np.full(len(points), LEVEL), slopes)
        area = shoelace(polygon.hull)
        expected = diameter_sigma_nm(NOISE.area_sigma_nm2(points, lengths, edges), area)
        areas = np.array(
            [sum(shoelace(p.hull) for p in contour_polygons(image, PIXEL, LEVEL)) for image in drawn(self.IMAGE, 3)]
        )
        assert np.sqrt(4 * areas / np.pi).std() == pytest.approx(expected, rel=0.1)

    def test_failures(self):
        """Of a contact that hardly prints, by the intensity at its middle, which fluctuates as a Gaussian would."""
        peak = float(blurred(self.IMAGE)[48, 48])
        sigma = float(NOISE.intensity_sigma(np.array(peak)))
        middle = np.array([image[48, 48] for image in drawn(self.IMAGE, 4)])
        level = peak - sigma
        expected = failure_probability(peak - level, sigma)
        assert expected == pytest.approx(norm.sf(1.0))
        assert (middle < level).mean() == pytest.approx(expected, abs=3 * np.sqrt(expected / DRAWS))


def shoelace(hull: np.ndarray) -> float:
    x, y = hull.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


@pytest.mark.parametrize(("photons", "blur"), [(0.0, 5.0), (10.0, 0.0), (float("nan"), 5.0)])
def test_photons_and_blur_are_positive(photons, blur):
    with pytest.raises(LithoError, match="Expected photons and a blur"):
        ShotNoise(photons, blur)
