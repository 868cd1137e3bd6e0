"""Contours, critical dimensions and pictures of exposures, of images that are known everywhere."""

import math

import numpy as np
import pytest
import torch
from scenes.ilt import small_simulator, targets
from scenes.pictures import image_axes, opacity
from torch import Tensor

from litho_dl.core.errors import KernelError, MaskError
from litho_dl.process.model import Corner
from litho_dl.process.resist import Resist
from litho_dl.simulation.exposure import Exposure

FIELD = HEIGHT, WIDTH = 300.0, 400.0
THRESHOLD, MEAN, SWING = 0.3, 0.25, 0.2
RESIST = Resist(threshold=THRESHOLD, steepness=50.0)
CORNERS = {"nominal": Corner(1.0, "focus"), "outer": Corner(1.1, "focus"), "inner": Corner(0.9, "focus")}


def spectrum(mean: float, *waves: tuple[int, int, complex]) -> Tensor:
    """Half spectrum (5, 3) of mean + sum of Re 2 a exp(2 pi i (f_y y / H + f_x x / W)), as waves f_y, f_x, a."""
    values = torch.zeros(5, 3, dtype=torch.complex128)
    values[2, 0] = mean
    for f_y, f_x, amplitude in waves:
        values[2 + f_y, f_x] += amplitude
        if f_x == 0:
            values[2 - f_y, 0] += np.conj(amplitude)  # f_x = 0 holds both signs of f_y
    return values


def image(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The second mask's image: no symmetry in either axis."""
    return MEAN + SWING * np.cos(2 * np.pi * (x - 250) / WIDTH) + 0.1 * np.cos(2 * np.pi * (y - 90) / HEIGHT)


def exposure_of(batch: Tensor) -> Exposure:
    """Images on pixels of 10 nm, whose values are not looked at, of spectra (..., 5, 3)."""
    return Exposure({"focus": torch.zeros(*batch.shape[:-2], 30, 40)}, {"focus": batch}, CORNERS, RESIST, FIELD, 10.0)


def exposure(*spectra: Tensor) -> Exposure:
    return exposure_of(torch.stack(spectra))


ALONG_X = spectrum(MEAN, (0, 1, -SWING / 2))  # brightest at x = 200
ALONG_Y = spectrum(MEAN, (1, 0, -SWING / 2))  # brightest at y = 150
BOTH = spectrum(
    MEAN, (0, 1, SWING / 2 * np.exp(-2j * np.pi * 250 / WIDTH)), (1, 0, 0.05 * np.exp(-2j * np.pi * 90 / HEIGHT))
)


def width(period_nm: float, dose: float = 1.0) -> float:
    """Where dose (mean + swing cos(2 pi u / period)) exceeds the threshold."""
    return period_nm / np.pi * math.acos((THRESHOLD / dose - MEAN) / SWING)


class TestAerialAt:
    @pytest.mark.parametrize("pixel_nm", [8.0, 16.0])
    @pytest.mark.parametrize("corner", ["nominal", "outer", "inner"])
    def test_pixel_centres_have_the_image_s_values(self, corner, pixel_nm):
        made = small_simulator()(targets(8.0), 8.0, out_pixel_nm=pixel_nm)
        image = made.aerial(corner)
        centres = (torch.arange(image.shape[-1], dtype=torch.float64) + 0.5) * pixel_nm
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        points = torch.stack([x, y], -1).reshape(-1, 2)
        torch.testing.assert_close(made.aerial_at(points, corner), image.flatten(1))

    def test_points_of_each_mask(self):
        """Rows of (x, y), of a wave along x and one along y."""
        made = exposure(ALONG_X, ALONG_Y)
        points = torch.tensor([[[200.0, 7.0], [0.0, 7.0]], [[7.0, 150.0], [7.0, 75.0]]]).double()
        expected = torch.tensor([[MEAN + SWING, MEAN - SWING], [MEAN + SWING, MEAN]]).double()
        torch.testing.assert_close(made.aerial_at(points), expected)
        torch.testing.assert_close(made.aerial_at(points, "outer"), 1.1 * expected)
        alone = [exposure(wave).aerial_at(own)[0] for wave, own in zip((ALONG_X, ALONG_Y), points, strict=True)]
        torch.testing.assert_close(torch.stack(alone), expected)

    def test_unknown_corner(self):
        with pytest.raises(KernelError, match="Expected one of the corners nominal, outer, inner, got 'worst'"):
            exposure(ALONG_X).aerial_at(torch.zeros(1, 2), "worst")


@pytest.mark.parametrize(("corner", "dose"), [("nominal", 1.0), ("outer", 1.1), ("inner", 0.9)])
def test_the_cd_of_a_wave(corner, dose):
    """Across, upright, slanted and backwards: the run is as long as the wave says."""
    upright, level = exposure(ALONG_X), exposure(ALONG_Y)
    expected = width(WIDTH, dose)
    assert upright.cd((10.0, 37.0), (390.0, 37.0), corner).tolist() == pytest.approx([expected], abs=0.01)
    assert upright.cd((390.0, 5.0), (10.0, 290.0), corner).item() == pytest.approx(
        expected * math.hypot(1, 285 / 380), abs=0.01
    )
    assert level.cd((37.0, 10.0), (37.0, 290.0), corner).item() == pytest.approx(width(HEIGHT, dose), abs=0.01)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_cds_have_the_shape_of_the_batch(shape):
    scales = torch.linspace(1.0, 1.25, math.prod(shape)).double().reshape(shape)
    found = exposure_of(scales[..., None, None] * ALONG_X).cd((10.0, 37.0), (390.0, 37.0))
    assert found.shape == shape
    expected = [width(WIDTH, scale) for scale in scales.flatten().tolist()]
    assert found.flatten().tolist() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("image", "start_x", "end_x", "message"),
    [
        ("one bright band", 150.0, 250.0, "crosses 0 at the corner nominal and 1 more in part;"),
        ("one bright band", 150.0, 390.0, "crosses 0 at the corner nominal and 1 more in part;"),
        ("one bright band", 10.0, 250.0, "crosses 0 at the corner nominal and 1 more in part;"),
        ("one bright band", 10.0, 50.0, "crosses 0 at the corner nominal;"),
        ("two bright bands", 100.0, 300.0, "crosses 0 at the corner nominal and 2 more in part;"),
        ("two bright bands", 10.0, 300.0, "crosses 1 at the corner nominal and 1 more in part;"),
        ("two bright bands", 10.0, 390.0, "crosses 2 at the corner nominal;"),
    ],
)
def test_a_cut_must_cross_one_run_from_edge_to_edge(image, start_x, end_x, message):
    bands = {"one bright band": ALONG_X, "two bright bands": spectrum(MEAN, (0, 2, -SWING / 2))}
    with pytest.raises(MaskError, match=message):
        exposure(bands[image]).cd((start_x, 37.0), (end_x, 37.0))


def test_contours_lie_between_the_pixels():
    """Bands from border to border, a layout a mask."""
    first, second = exposure(ALONG_X, ALONG_Y).contours()
    half = width(WIDTH) / 2
    assert first.bbox_nm == pytest.approx((200 - half, 0, 200 + half, HEIGHT), abs=1e-3)
    half = width(HEIGHT) / 2
    assert second.bbox_nm == pytest.approx((0, 150 - half, WIDTH, 150 + half), abs=1e-3)
    assert first.area_nm2 == pytest.approx(width(WIDTH) * HEIGHT, rel=1e-5)


def test_contours_follow_the_image():
    _, second = exposure(ALONG_X, BOTH).contours("outer")
    (polygon,) = second.polygons
    inside = ((polygon.hull > 1) & (polygon.hull < np.array([WIDTH, HEIGHT]) - 1)).all(1)  # the border closes the rest
    assert inside.sum() > 100
    np.testing.assert_allclose(1.1 * image(*polygon.hull[inside].T[::-1]), THRESHOLD, atol=1e-4)


@pytest.mark.parametrize("index", [1, -1])
def test_the_picture_shows_the_image_and_prints_of_its_mask(index):
    aerial, printed = image_axes(exposure(ALONG_X, BOTH).plot(index))
    x0, x1, y0, y1 = aerial.images[0].get_extent()
    shown = np.asarray(aerial.images[0].get_array())
    assert shown.shape == (y1 - y0, x1 - x0), "pixels of 1 nm"
    expected = image(np.arange(y0, y1)[:, None] + 0.5, np.arange(x0, x1) + 0.5)
    np.testing.assert_allclose(shown, expected, atol=1e-9)
    np.testing.assert_array_equal(opacity(printed, 0) > 0, expected >= THRESHOLD)
    band = (1.1 * expected >= THRESHOLD) != (0.9 * expected >= THRESHOLD)
    np.testing.assert_array_equal(opacity(printed, 1) > 0, band)
