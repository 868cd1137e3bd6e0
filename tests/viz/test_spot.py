"""Pictures of a spot that writes without a mask."""

import numpy as np
import pytest

from litho_dl.viz.spot import fwhm_nm, spot_figure

SIGMA_NM, FIELD = 100.0, (2000.0, 3000.0)


def gaussian() -> np.ndarray:
    f_y, f_x = ((np.arange(n) - n // 2) / side for n, side in zip((49, 73), FIELD, strict=True))
    return np.exp(-2 * (np.pi * SIGMA_NM) ** 2 * (f_y[:, None] ** 2 + f_x**2)).astype(complex)


def test_width_transfer_and_focus_are_those_of_the_gaussian():
    figure = spot_figure(gaussian(), FIELD, focus=([-9.0, 0.0, 9.0], [300.0, 240.0, 300.0], 9.0), title="a$b")
    spot, cut, passed, focus = figure.axes
    assert spot.get_images()[0].get_array().max() == pytest.approx(1)
    assert spot.patches[0].radius == pytest.approx(117.74, abs=0.1)
    x, profile = cut.lines[0].get_data()
    np.testing.assert_allclose(profile, np.exp(-(x**2) / (2 * SIGMA_NM**2)), atol=1e-5)
    assert "235.5 nm" in cut.get_title()
    frequency, contrast = passed.lines[0].get_data()
    np.testing.assert_allclose(contrast, np.exp(-2 * (np.pi * SIGMA_NM * frequency / 1e3) ** 2), atol=1e-6)
    np.testing.assert_array_equal(focus.lines[1].get_ydata(), [150.0, 120.0, 150.0])
    assert list(focus.lines[-1].get_xdata()) == [9.0, 9.0]
    figure.canvas.draw()


def test_without_foci_there_are_three_panels():
    assert len(spot_figure(gaussian(), FIELD).axes) == 3


def test_a_profile_that_does_not_fall_is_as_wide_as_the_field():
    assert fwhm_nm(np.array([0.0, 10.0, 20.0]), np.ones(3)) == 40
