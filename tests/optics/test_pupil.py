"""The pupil against its formulas, and Zernike polynomials against Noll's table."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from litho_dl.optics.pupil import Pupil, pupil_function
from litho_dl.optics.zernike import noll_to_nm, zernike

WET = {"wavelength_nm": 193.0, "na": 1.35, "immersion_index": 1.44}
DRY = {"wavelength_nm": 248.0, "na": 0.8}

# Noll, J. Opt. Soc. Am. 66, 207 (1976), table I: j, n, m (negative: sine), and the polynomial.
NOLL = [
    (1, 0, 0, lambda x, y: np.ones_like(x)),
    (2, 1, 1, lambda x, y: 2 * x),
    (3, 1, -1, lambda x, y: 2 * y),
    (4, 2, 0, lambda x, y: 3**0.5 * (2 * (x**2 + y**2) - 1)),
    (5, 2, -2, lambda x, y: 6**0.5 * 2 * x * y),
    (6, 2, 2, lambda x, y: 6**0.5 * (x**2 - y**2)),
    (7, 3, -1, lambda x, y: 8**0.5 * (3 * (x**2 + y**2) - 2) * y),
    (8, 3, 1, lambda x, y: 8**0.5 * (3 * (x**2 + y**2) - 2) * x),
    (9, 3, -3, lambda x, y: 8**0.5 * (3 * x**2 * y - y**3)),
    (10, 3, 3, lambda x, y: 8**0.5 * (x**3 - 3 * x * y**2)),
    (11, 4, 0, lambda x, y: 5**0.5 * (6 * (x**2 + y**2) ** 2 - 6 * (x**2 + y**2) + 1)),
]


def disc_points(count: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random points of the unit disc."""
    rng = np.random.default_rng(seed)
    r, angle = np.sqrt(rng.random(count)), 2 * np.pi * rng.random(count)
    return r * np.cos(angle), r * np.sin(angle)


def evaluate(pupil: Pupil, x: np.ndarray, y: np.ndarray, defocus_nm: float = 0.0) -> np.ndarray:
    return pupil_function(pupil, torch.from_numpy(x), torch.from_numpy(y), defocus_nm).numpy()


@pytest.mark.parametrize(("j", "n", "m", "polynomial"), NOLL, ids=[f"Z{row[0]}" for row in NOLL])
def test_noll_order_and_polynomials(j, n, m, polynomial):
    x, y = disc_points()
    assert noll_to_nm(j) == (n, m)
    np.testing.assert_allclose(zernike(j, *map(torch.from_numpy, (x, y))).numpy(), polynomial(x, y), atol=1e-13)


def test_later_noll_indices():
    """Rows n = 4 and 5 of Noll's table, and the first index of row 10."""
    expected = [(4, 2), (4, -2), (4, 4), (4, -4), (5, 1), (5, -1), (5, 3), (5, -3), (5, 5), (5, -5), (6, 0)]
    assert [noll_to_nm(j) for j in range(12, 23)] == expected
    assert noll_to_nm(56) == (10, 0)


def test_zernikes_are_orthonormal_over_the_disc():
    """Gauss-Legendre in r^2 and equal steps in angle integrate these polynomials exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    r, angle = np.sqrt((nodes + 1) / 2), np.arange(24) * 2 * np.pi / 24
    x, y = (torch.from_numpy(np.outer(r, f(angle))) for f in (np.cos, np.sin))
    basis = torch.stack([zernike(j, x, y) for j in range(1, 37)])
    area = torch.from_numpy(np.repeat(weights[:, None] / 2 / 24, 24, axis=1))
    gram = torch.einsum("irt,jrt,rt->ij", basis, basis, area)
    np.testing.assert_allclose(gram.numpy(), np.eye(36), atol=1e-12)


@pytest.mark.parametrize(("system", "index"), [(WET, 1.44), (DRY, 1.0)])
@pytest.mark.parametrize("defocus_nm", [0.0, 60.0, -25.0])
def test_defocus_is_the_exact_path_length(system, index, defocus_nm):
    """A plane wave at angle t to the axis gains z n (cos t - 1) of path against the axial one; sin t = NA rho / n."""
    x, y = disc_points()
    cosine = np.cos(np.arcsin(system["na"] * np.hypot(x, y) / index))
    path_nm = defocus_nm * index * (cosine - 1)
    expected = np.exp(2j * np.pi * path_nm / system["wavelength_nm"])
    np.testing.assert_allclose(evaluate(Pupil(**system, obliquity=False), x, y, defocus_nm), expected, atol=1e-12)


@pytest.mark.parametrize(("system", "index"), [(WET, 1.44), (DRY, 1.0)])
@pytest.mark.parametrize("reduction", [4.0, 5.0])
def test_obliquity_conserves_energy_between_mask_and_image_angles(system, index, reduction):
    """R = sqrt(cos t_mask / cos t_image), sin t_mask = NA rho / reduction."""
    x, y = disc_points()
    sine = system["na"] * np.hypot(x, y)
    expected = np.sqrt(np.cos(np.arcsin(sine / reduction)) / np.cos(np.arcsin(sine / index)))
    found = evaluate(Pupil(**system, reduction=reduction), x, y)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.abs(found).max() > 1.1


def test_aberrations_are_in_waves_and_add_up():
    x, y = disc_points()
    waves = {4: 0.07, 7: -0.05, 10: 0.11}
    total = sum(amount * NOLL[j - 1][3](x, y) for j, amount in waves.items())
    found = evaluate(Pupil(**DRY, obliquity=False, zernike_waves=waves), x, y)
    np.testing.assert_allclose(found, np.exp(2j * np.pi * total), atol=1e-12)
    defocused = evaluate(Pupil(**DRY, obliquity=False, zernike_waves=waves), x, y, 40.0)
    np.testing.assert_allclose(defocused, found * evaluate(Pupil(**DRY, obliquity=False), x, y, 40.0), atol=1e-12)


def test_the_aperture_is_the_closed_unit_disc():
    x = np.array([0.0, 1.0, 0.6, -1.0, 1.000001, 0.8, -2.0])
    y = np.array([0.0, 0.0, 0.8, 0.0, 0.0, 0.600001, 0.0])
    found = evaluate(Pupil(**WET, zernike_waves={9: 0.1}), x, y, 50.0)
    assert (np.abs(found) > 0).tolist() == [True, True, True, True, False, False, False]
    assert found[0] == 1
    assert np.isfinite(found).all()


@pytest.mark.parametrize("key", ["Z9", "z9", "9", 9])
def test_zernike_keys(key):
    assert Pupil(**DRY, zernike_waves={key: 0.02}).zernike_waves == {9: 0.02}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"na": 1.0}, "na must be below immersion_index .* got na = 1 with immersion_index = 1"),
        ({"na": 1.44, "immersion_index": 1.44}, "water at 193 nm has 1.44"),
        ({"na": 1.2, "immersion_index": 1.44, "reduction": 1.0}, "na must be below reduction"),
        ({"na": 0.0}, "greater than or equal to 0.001"),
        ({"wavelength_nm": float("inf")}, "finite number"),
        ({"zernike_waves": {"Z0": 0.1}}, "Noll indices run from 1 to 231"),
        ({"zernike_waves": {"Z232": 0.1}}, "Noll indices run from 1 to 231"),
        ({"zernike_waves": {"Z4": float("nan")}}, "finite number"),
        ({"zernike_waves": {"Z9": 0.1, 9: 0.2}}, "each Zernike term once"),
        ({"zernike_waves": {"coma": 0.1}}, "valid integer"),
        ({"sigma": 0.5}, "not permitted"),
    ],
)
def test_impossible_lenses_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        Pupil(**{**DRY, **change})


def test_anamorphic_lenses_have_two_obliquity_factors():
    lens, rho = {"wavelength_nm": 13.5, "na": 0.55}, torch.linspace(0, 1, 6, dtype=torch.float64)
    nothing = torch.zeros_like(rho)
    both, along_x, along_y = (Pupil(**lens, reduction=m) for m in ((4.0, 8.0), 4.0, 8.0))
    torch.testing.assert_close(pupil_function(both, rho, nothing), pupil_function(along_x, rho, nothing))
    torch.testing.assert_close(pupil_function(both, nothing, rho), pupil_function(along_y, nothing, rho))
    assert not torch.allclose(pupil_function(both, nothing, rho), pupil_function(along_x, nothing, rho))
    with pytest.raises(ValidationError, match="below reduction"):
        Pupil(wavelength_nm=193, na=1.35, immersion_index=1.44, reduction=(4.0, 1.2))


def test_a_central_obscuration_passes_no_light():
    lens = Pupil(wavelength_nm=13.5, na=0.55, obscuration=0.2, obliquity=False)
    rho = torch.tensor([0.0, 0.19, 0.2, 0.21, 1.0], dtype=torch.float64)
    found = pupil_function(lens, rho, torch.zeros_like(rho)).abs()
    torch.testing.assert_close(found, torch.tensor([0, 0, 1, 1, 1], dtype=torch.float64))
    assert "obscuration" not in Pupil(wavelength_nm=13.5, na=0.55).model_dump()
    assert Pupil.model_validate(lens.model_dump()) == lens
