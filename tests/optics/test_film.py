"""Films: the field in the resist against the `tmm` package, and what follows from it."""

import numpy as np
import pytest
import tmm
import torch
from pydantic import ValidationError
from scenes.vector_optics import STACK, WATER, WAVELENGTH_NM, WET, tmm_field

from litho_dl.core.errors import LithoError
from litho_dl.optics.film import Film, Layer, Substrate, reflection, resist_response
from litho_dl.optics.reflection import (
    barc_reflectivities,
    best_barc,
    depth_profile,
    normal_reflectivity,
    reflectivity,
    swing_curve,
)
from litho_dl.optics.source import Annular, Source, sample_source

SINES = np.linspace(0, 1.35, 12)
AIR_GAP = Film(
    layers=(
        Layer(n=1.0, thickness_nm=20),
        Layer(n=1.7, thickness_nm=60, resist=True),
        Layer(n=1.3, k=1.5, thickness_nm=500),
    ),
    substrate=Substrate(n=1.0),
)
THICK = Film(
    layers=(Layer(n=1.7, k=0.8, thickness_nm=900, resist=True), Layer(n=2.0, k=1.0, thickness_nm=3000)),
    substrate=Substrate(n=0.88, k=2.78),
)
RING = sample_source(Annular(sigma_inner=0.6, sigma_outer=0.9), 15)


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def media(film: Film) -> tuple[list[complex], list[float]]:
    indices = [
        WATER,
        *(complex(layer.n, layer.k) for layer in film.layers),
        complex(film.substrate.n, film.substrate.k),
    ]
    return indices, [np.inf, *(layer.thickness_nm for layer in film.layers), np.inf]


def only(resist: Layer, n: float, k: float = 0.0) -> Film:
    return Film(layers=(resist,), substrate=Substrate(n=n, k=k))


@pytest.mark.parametrize("film", [STACK, AIR_GAP, THICK], ids=["stack", "total reflection", "thick and dark"])
def test_the_field_in_the_resist_is_that_of_tmm(film):
    """s and p waves at all angles and depths, absorbing layers, and angles of total reflection at a layer."""
    depths = np.array([0.0, 0.1, 0.5, 0.93, 1.0]) * film.resist.thickness_nm
    found = resist_response(film, WAVELENGTH_NM, WATER, torch.from_numpy(SINES), torch.from_numpy(depths))
    for j, sine in enumerate(SINES):
        cosine = np.sqrt(1 - (sine / WATER) ** 2)  # of the tangential field of a p wave of amplitude 1
        for i, depth in enumerate(depths):
            s, p = (tmm_field(film, pol, sine, min(depth, film.resist.thickness_nm)) for pol in "sp")
            own = [found.s[i, j], found.p[i, j] * cosine, found.axial[i, j] * cosine]
            np.testing.assert_allclose([complex(v) for v in own], [s[1], p[0], p[2]], rtol=0, atol=1e-11)


@pytest.mark.parametrize("film", [STACK, AIR_GAP, THICK], ids=["stack", "total reflection", "thick and dark"])
def test_the_reflectivity_is_that_of_tmm(film):
    found = reflection(film, WAVELENGTH_NM, WATER, torch.from_numpy(SINES)).abs().square().numpy()
    indices, lengths = media(film)
    for row, pol in zip(found, "sp", strict=True):
        expected = [tmm.coh_tmm(pol, indices, lengths, np.arcsin(s / WATER), WAVELENGTH_NM)["R"] for s in SINES]
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-11)


def test_reflectivity_seen_from_the_resist_is_that_of_what_lies_below():
    """With a resist that does not absorb: a stack that begins with the resist."""
    clear = STACK.model_copy(
        update={"layers": (*STACK.layers[:1], Layer(n=1.7, thickness_nm=90, resist=True), STACK.layers[2])}
    )
    found = reflection(clear, WAVELENGTH_NM, WATER, torch.from_numpy(SINES), inside=True).abs().square().numpy()
    indices, lengths = [1.7, 1.82 + 0.34j, 0.88 + 2.78j], [np.inf, 40, np.inf]
    for row, pol in zip(found, "sp", strict=True):
        expected = [tmm.coh_tmm(pol, indices, lengths, np.arcsin(s / 1.7), WAVELENGTH_NM)["R"] for s in SINES]
        np.testing.assert_allclose(row, expected, rtol=0, atol=1e-11)


def test_averages_over_the_source_weigh_angles_and_polarisations():
    """Two points on the x axis: light along y is s, light along x is p, unpolarised light the mean of both."""
    indices, lengths = media(STACK)
    sines = [0.3 * 1.35, 0.8 * 1.35]
    power = [np.sqrt((1 - (s / 4) ** 2) / (1 - (s / WATER) ** 2)) for s in sines]
    expected = {}
    for pol in "sp":
        own = [tmm.coh_tmm(pol, indices, lengths, np.arcsin(s / WATER), WAVELENGTH_NM)["R"] for s in sines]
        expected[pol] = np.average(own, weights=np.array([0.25, 0.75]) * power)
    points, weights = np.array([(0.3, 0.0), (-0.8, 0.0)]), np.array([0.25, 0.75])
    for state, pol in (([[0.0, 1.0]], "s"), ([[1.0, 0.0]], "p")):
        source = Source(points, weights, np.tile(state, (2, 1, 1)))
        assert reflectivity(STACK, WET, source) == pytest.approx(expected[pol], abs=1e-12)
    unpolarised = reflectivity(STACK, WET, Source(points, weights))
    assert unpolarised == pytest.approx((expected["s"] + expected["p"]) / 2, abs=1e-12)
    assert normal_reflectivity(STACK, WET) == pytest.approx(tmm.coh_tmm("s", indices, lengths, 0, WAVELENGTH_NM)["R"])


# Swing and standing waves


@pytest.mark.parametrize("sigma", [0.0, 0.9])
def test_the_period_of_the_swing_curve(sigma):
    """lambda / (2 n cos theta) with the angle in the resist, between maxima far apart."""
    resist = Layer(n=1.7, thickness_nm=100, resist=True)
    film = only(resist, 0.88, 2.78)
    source = Source(np.array([(sigma, 0.0)]), np.array([1.0]), np.array([[[0.0, 1.0]]]))
    thickness = np.arange(400, 1000, 1.0)
    curve = swing_curve(film.model_copy(update={"image": 100.0}), WET, source, thickness)  # at the resist's bottom
    peaks = [t for a, b, c, t in zip(curve, curve[1:], curve[2:], thickness[1:], strict=False) if a < b >= c]
    period = WAVELENGTH_NM / (2 * np.sqrt(1.7**2 - (1.35 * sigma) ** 2))
    assert np.diff(peaks).mean() == pytest.approx(period, rel=5e-3)
    assert len(peaks) >= 7


def test_an_absorbing_resist_without_reflection_fades_as_lambert_says():
    """A substrate of the resist's own index: only the wave down, exp(-4 pi k z / lambda) at normal incidence."""
    film = only(Layer(n=1.7, k=0.05, thickness_nm=200, resist=True), 1.7, 0.05)
    depths = np.linspace(0, 200, 9)
    found = depth_profile(film, WET, Source(np.zeros((1, 2)), np.ones(1)), depths)
    entering = abs(2 * WATER / (WATER + 1.7 + 0.05j)) ** 2
    np.testing.assert_allclose(found, entering * np.exp(-4 * np.pi * 0.05 * depths / WAVELENGTH_NM), rtol=1e-12)


def test_energy_is_conserved():
    """The resist absorbs 4 pi n k / lambda |E|^2 summed over its depth, per incident flux n_water |E|^2."""
    film = STACK
    source = Source(np.zeros((1, 2)), np.ones(1))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    depths = (nodes + 1) / 2 * film.resist.thickness_nm
    n, k = film.resist.n, film.resist.k
    inside = depth_profile(film, WET, source, depths) @ weights / 2 * film.resist.thickness_nm
    absorbed = 4 * np.pi * n * k / WAVELENGTH_NM * inside / WATER
    indices, lengths = media(film)
    shares = tmm.absorp_in_each_layer(tmm.coh_tmm("s", indices, lengths, 0, WAVELENGTH_NM))
    assert absorbed == pytest.approx(shares[2], rel=1e-10)
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("thickness_nm", [10.0, 90.0, 400.0])
def test_more_depths_do_not_change_the_mean(thickness_nm, monkeypatch):
    film = only(Layer(n=1.7, k=0.03, thickness_nm=thickness_nm, resist=True), 0.88, 2.78)
    nodes, weights = np.polynomial.legendre.leggauss(2 * len(film.depths(WAVELENGTH_NM)[0]))
    fine = depth_profile(film, WET, RING, (nodes + 1) / 2 * thickness_nm) @ weights / 2
    assert swing_curve(film, WET, RING, [thickness_nm])[0] == pytest.approx(fine, abs=1e-6)


def test_the_best_antireflective_layer_is_the_least_of_a_fine_scan():
    film = STACK
    best = best_barc(film, WET, RING)
    scan = np.arange(0, WAVELENGTH_NM / 1.82, 0.2)
    values = barc_reflectivities(film, WET, RING, scan)
    assert best.reflectivity <= values.min() + 1e-12
    assert best.thickness_nm == pytest.approx(scan[values.argmin()], abs=0.2)
    tuned = film.with_thickness(2, best.thickness_nm)
    assert reflectivity(tuned, WET, RING, inside=True) == pytest.approx(best.reflectivity, abs=1e-12)


def test_a_quarter_wave_layer_cancels_reflection():
    """n_1 = sqrt(n_resist n_substrate), lambda / (4 n_1): no reflection at normal incidence."""
    n = (1.7 * 2.4) ** 0.5
    film = Film(
        layers=(Layer(n=1.7, thickness_nm=90, resist=True), Layer(n=n, thickness_nm=10)), substrate=Substrate(n=2.4)
    )
    best = best_barc(film, WET, Source(np.zeros((1, 2)), np.ones(1)), most_nm=60)
    assert best.thickness_nm == pytest.approx(WAVELENGTH_NM / (4 * n), abs=1e-3)
    assert best.reflectivity < 1e-10


# Bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": ()}, "at least 1 item"),
        ({"layers": [{"n": 1.7, "thickness_nm": 90}]}, "exactly one layer must have resist = true, got 0"),
        ({"layers": [{"n": 1.7, "thickness_nm": 90, "resist": True}] * 2}, "exactly one .* got 2"),
        ({"layers": [{"n": 1.7, "thickness_nm": 0, "resist": True}]}, "thickness_nm must be positive"),
        ({"layers": [{"n": -1.7, "thickness_nm": 90, "resist": True}]}, "greater than 0"),
        ({"layers": [{"n": 1.7, "k": -0.1, "thickness_nm": 90, "resist": True}]}, "greater than or equal to 0"),
        ({"image": 91.0}, "0 to 90 nm below its top, got 91"),
        ({"image": "middle"}, "'mean'"),
        ({"substrate": {"n": float("nan")}}, "finite number"),
    ],
)
def test_impossible_films_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        Film.model_validate({**STACK.model_dump(), **changes})


def test_impossible_questions_are_refused():
    with pytest.raises(LithoError, match="layer under the resist"):
        best_barc(only(Layer(n=1.7, thickness_nm=90, resist=True), 0.9), WET, RING)
    with pytest.raises(LithoError, match="positive thicknesses"):
        swing_curve(STACK, WET, RING, [0.0])
    with pytest.raises(LithoError, match="0 to the resist's 90 nm"):
        depth_profile(STACK, WET, RING, [95.0])


def test_too_thick_a_resist_for_a_mean_is_refused():
    with pytest.raises(LithoError, match="mean over the resist"):
        only(Layer(n=1.7, thickness_nm=1e5, resist=True), 0.9).depths(WAVELENGTH_NM)
