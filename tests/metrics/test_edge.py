"""Edges to a fraction of a pixel, and slopes there."""

import numpy as np
import pytest
from scenes.pixel_images import by_normal, drawn
from scipy.special import erf

from litho_dl.layout.contour import pixel_polygons
from litho_dl.metrics.drawn_sites import drawn_sites, drawn_widths_nm, field_edges
from litho_dl.metrics.edge import REACH_PX, EdgeProfile, edge_placement, edge_profile
from litho_dl.metrics.epe import OPENILT, find_sites

LEFT, RIGHT, DOWN, UP = (0, -1), (0, 1), (-1, 0), (1, 0)


def profile_of(aerial: np.ndarray, target: np.ndarray, threshold: float, pixel_nm: float) -> EdgeProfile:
    field_nm = (pixel_nm * target.shape[0], pixel_nm * target.shape[1])
    edges = field_edges(pixel_polygons(target, pixel_nm), field_nm)
    sites = drawn_sites(edges, OPENILT, pixel_nm, target.shape)
    return edge_profile(aerial, sites, drawn_widths_nm(edges, sites, pixel_nm, field_nm), threshold, pixel_nm)


@pytest.mark.parametrize("pixel_nm", [1.0, 2.0])
@pytest.mark.parametrize("shift_nm", [-1.7, -0.3, 0.0, 0.3, 0.5, 2.2])
def test_a_smooth_edge_is_found_to_a_fraction_of_a_pixel(shift_nm, pixel_nm):
    x = (np.arange(400) + 0.5) * pixel_nm
    low, high = 100 * pixel_nm - shift_nm, 240 * pixel_nm + shift_nm
    aerial = np.tile(0.5 * (erf((x - low) / 30) - erf((x - high) / 30)), (400, 1))
    target = drawn((100, 0, 240, 400))
    for image, axes in ((aerial, target), (aerial.T, target.T)):
        sites = find_sites(axes, OPENILT)
        np.testing.assert_allclose(edge_placement(image, sites, 0.5, pixel_nm), shift_nm, atol=2e-3)


def test_the_crossing_nearest_to_the_edge_counts_and_one_out_of_reach_is_lost():
    target = drawn((100, 150, 200, 210))
    sites = find_sites(target, OPENILT)

    def right(image: np.ndarray) -> float:
        return by_normal(sites, edge_placement(image.astype(float), sites, 0.5, 1.0))[RIGHT][0]

    assert right(drawn((100, 150, 190, 210), (210, 150, 240, 210))) == -10
    assert right(drawn((100, 150, 160, 210), (210, 150, 215, 210))) == 15
    assert right(drawn((100, 150, 200 + REACH_PX - 1, 210))) == REACH_PX - 1
    assert np.isnan(right(drawn((100, 150, 200 + REACH_PX, 210))))
    assert np.isnan(right(np.zeros_like(target)))
    assert np.isnan(right(np.ones_like(target)))


@pytest.mark.parametrize("pixel_nm", [1.0, 2.0])
@pytest.mark.parametrize("width_px", [30, 140])
def test_the_slope_of_an_exponential_edge(width_px, pixel_nm):
    """I = exp(-a (|x - centre| - w / 2)) has d ln I / dx = a at its edges, however wide the line."""
    per_nm, low = 0.012, 100
    x = (np.arange(400) + 0.5 - low - width_px / 2) * pixel_nm
    aerial = np.tile(np.exp(-per_nm * (np.abs(x) - width_px * pixel_nm / 2)), (400, 1))
    target = drawn((low, 0, low + width_px, 400))
    profile = profile_of(aerial, target, 1.0, pixel_nm)
    np.testing.assert_allclose(profile.ils_per_um, 1000 * per_nm, rtol=1e-9)
    np.testing.assert_allclose(profile.nils, per_nm * width_px * pixel_nm, rtol=1e-9)
    np.testing.assert_allclose(profile.epe_nm, 0, atol=0.01)


def test_the_slope_of_two_beam_interference():
    """I = (1 + cos(2 pi x / p)) / 2 with lines of p / 2: ILS = 2 pi / p and NILS = pi."""
    pitch = 100
    aerial = np.tile(0.5 + 0.5 * np.cos(2 * np.pi * (np.arange(400) + 0.5) / pitch), (400, 1))
    target = aerial > 0.5
    profile = profile_of(aerial, target, 0.5, 1.0)
    np.testing.assert_allclose(profile.ils_per_um, 1000 * 2 * np.pi / pitch, rtol=1e-3)
    # Half the line at x = 0 lies beyond the border; the field repeats.
    np.testing.assert_allclose(profile.nils, np.pi, rtol=1e-3)
    np.testing.assert_allclose(profile.epe_nm, 0, atol=1e-9)
