"""Partially coherent imaging: Abbe and SOCS against full-grid sums, interference formulas and symmetries."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.fft
import torch
from scipy.special import j1

from litho_dl.core.dft import analyse, analysis, full_spectrum, synthesis, synthesise
from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.optics.abbe import abbe_intensity_spectrum
from litho_dl.optics.imaging import intensity_spectrum
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.mask import MaskType
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import build_socs, passed_half, tcc_matrix
from litho_dl.optics.source import Annular, Conventional, CQuad, Dipole, Multipole, Pole, Source, sample_source

F64 = {"dtype": torch.float64, "device": torch.device("cpu")}
WET = {"wavelength_nm": 193.0, "na": 1.35, "immersion_index": 1.44}
DRY = {"wavelength_nm": 193.0, "na": 0.85}
GRID = Grid((25, 36), 16.0)  # 400 x 576 nm, odd and even
RING = {"sigma_inner": 0.5, "sigma_outer": 0.85}
LOPSIDED = Multipole(poles=[Pole(x=0.5, y=0.2, radius=0.25), Pole(x=-0.1, y=-0.6, radius=0.2, weight=2)])
SYSTEMS = {
    "wet annular": (Annular(**RING), Pupil(**WET), 0.0),
    "wet defocused cquad": (CQuad(**RING, opening_deg=40), Pupil(**WET), 45.0),
    "dry aberrated dipole": (
        Dipole(**RING, opening_deg=60, axis="y"),
        Pupil(**DRY, zernike_waves={"Z7": 0.06, "Z5": 0.04}),
        -80.0,
    ),
    "dry lopsided": (LOPSIDED, Pupil(**DRY, zernike_waves={8: 0.05}, obliquity=False), 30.0),
}


def equal_points(*points: tuple[float, float]) -> Source:
    return Source(np.array(points), np.full(len(points), 1 / len(points)))


ON_AXIS = equal_points((0.0, 0.0))


def pupil_values(pupil: Pupil, x: np.ndarray, y: np.ndarray, defocus_nm: float) -> np.ndarray:
    """The design's pupil formula in plain numpy, for Z5, Z7 and Z8 only."""
    r2, n = x**2 + y**2, pupil.immersion_index
    sine = pupil.na * np.sqrt(np.minimum(r2, 1))
    waves = defocus_nm / pupil.wavelength_nm * (np.sqrt(n**2 - sine**2) - n)
    polynomials = {5: 24**0.5 * x * y, 7: 8**0.5 * (3 * r2 - 2) * y, 8: 8**0.5 * (3 * r2 - 2) * x}
    waves = waves + sum(amount * polynomials[j] for j, amount in pupil.zernike_waves.items())
    obliquity = ((1 - (sine / pupil.reduction) ** 2) / (1 - (sine / n) ** 2)) ** 0.25 if pupil.obliquity else 1.0
    return np.where(r2 <= 1 + 1e-12, obliquity * np.exp(2j * np.pi * waves), 0)


def full_grid_abbe(amplitude: np.ndarray, source: Source, pupil: Pupil, pixel_nm: float, defocus_nm: float):
    """sum_s J_s |ifft(fft(mask) P(f + s))|^2 / sum_s J_s |P(s)|^2 on the whole grid, one source point at a time."""
    step = pupil.wavelength_nm / pupil.na
    rho_y, rho_x = (scipy.fft.fftfreq(n, pixel_nm) * step for n in amplitude.shape)
    spectrum, image, clear = scipy.fft.fft2(amplitude), 0.0, 0.0
    for (s_x, s_y), weight in zip(source.points, source.weights, strict=True):
        passed = pupil_values(pupil, rho_x + s_x, rho_y[:, None] + s_y, defocus_nm)
        image = image + weight * np.abs(scipy.fft.ifft2(spectrum * passed)) ** 2
        clear += weight * np.abs(pupil_values(pupil, np.array(s_x), np.array(s_y), defocus_nm)) ** 2
    return image / clear


def spectrum_of(amplitude: np.ndarray, half: tuple[int, int], grid: Grid, reference_nm: float) -> torch.Tensor:
    transform = analysis(grid, half, reference_nm=reference_nm, **F64)
    return full_spectrum(analyse(torch.from_numpy(amplitude), transform))


def evaluate(half_spectrum: torch.Tensor, grid: Grid, offset=(0.0, 0.0)) -> np.ndarray:
    """At the pixels' centres, moved by an offset (y, x) in pixels."""
    half = half_spectrum.shape[-2] // 2, half_spectrum.shape[-1] - 1
    turns_y = torch.arange(-half[0], half[0] + 1, dtype=torch.float64)[:, None] * offset[0] / grid.shape[0]
    turns_x = torch.arange(half[1] + 1, dtype=torch.float64) * offset[1] / grid.shape[1]
    moved = half_spectrum * torch.exp(2j * torch.pi * (turns_y + turns_x))
    return synthesise(moved, synthesis(grid, half, **F64)).numpy()


def abbe(amplitude, source, pupil, *, grid=GRID, defocus_nm=0.0, reference_nm=0.0, out=None, offset=(0.0, 0.0)):
    """Image on `out` (the mask's grid by default)."""
    spectrum = spectrum_of(amplitude, passed_half(pupil, source.sigma_max, grid.field_nm), grid, reference_nm)
    image = abbe_intensity_spectrum(spectrum, source, pupil, grid.field_nm, defocus_nm=defocus_nm)
    return evaluate(image, out or grid, offset)


def socs(amplitude, kernels: SocsKernels, *, grid=GRID, reference_nm=0.0) -> np.ndarray:
    spectrum = spectrum_of(amplitude, kernels.half, grid, reference_nm)
    return evaluate(intensity_spectrum(spectrum, kernels.weighted_spectra), grid)


def random_mask(seed: int = 0) -> np.ndarray:
    """Random bars and blocks, no symmetry."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(GRID.shape)
    for _ in range(6):
        y, x = rng.integers(0, 20), rng.integers(0, 30)
        mask[y : y + rng.integers(3, 12), x : x + rng.integers(3, 12)] = rng.uniform(0.3, 1)
    return mask


def independent_tcc(source: Source, pupil: Pupil, field_nm, defocus_nm: float) -> np.ndarray:
    """TCC[f1, f2] = sum_s J_s P(f1 + s) P(f2 + s)^* / sum_s J_s |P(s)|^2, frequency by frequency."""
    half = passed_half(pupil, source.sigma_max, field_nm)
    rho_y, rho_x = np.meshgrid(
        *(np.arange(-h, h + 1) / side * pupil.wavelength_nm / pupil.na for h, side in zip(half, field_nm, strict=True)),
        indexing="ij",
    )
    tcc, clear = 0.0, 0.0
    for (s_x, s_y), weight in zip(source.points, source.weights, strict=True):
        passed = pupil_values(pupil, rho_x + s_x, rho_y + s_y, defocus_nm).ravel()
        tcc = tcc + weight * np.outer(passed, passed.conj())
        clear += weight * abs(passed[passed.size // 2]) ** 2
    return tcc / clear


@pytest.fixture(params=SYSTEMS, scope="module")
def system(request):
    shape, pupil, defocus_nm = SYSTEMS[request.param]
    return sample_source(shape, 15), pupil, defocus_nm


# Abbe, SOCS and the TCC


def test_abbe_equals_the_full_grid_sum(system):
    source, pupil, defocus_nm = system
    found = abbe(random_mask(), source, pupil, defocus_nm=defocus_nm, reference_nm=GRID.pixel_nm)
    expected = full_grid_abbe(random_mask(), source, pupil, GRID.pixel_nm, defocus_nm)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * expected.max())
    assert np.ptp(expected) > 0.1


def test_full_rank_socs_equals_abbe(system):
    source, pupil, defocus_nm = system
    kernels = build_socs(source, pupil, GRID.field_nm, defocus_nm=defocus_nm)
    expected = abbe(random_mask(), source, pupil, defocus_nm=defocus_nm)
    assert kernels.discarded_energy == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(socs(random_mask(), kernels), expected, rtol=0, atol=1e-11 * expected.max())


def test_the_tcc_is_hermitian_and_positive_and_equals_its_definition(system):
    source, pupil, defocus_nm = system
    tcc = tcc_matrix(build_socs(source, pupil, (250.0, 300.0), defocus_nm=defocus_nm)).numpy()
    np.testing.assert_allclose(tcc, independent_tcc(source, pupil, (250.0, 300.0), defocus_nm), atol=1e-12)
    np.testing.assert_allclose(tcc, tcc.conj().T, atol=1e-14)
    assert np.linalg.eigvalsh(tcc).min() > -1e-13


def test_error_falls_with_rank_and_discarded_energy_is_the_tcc_share(system):
    source, pupil, defocus_nm = system
    expected = abbe(random_mask(), source, pupil, defocus_nm=defocus_nm)
    eigenvalues = np.linalg.eigvalsh(independent_tcc(source, pupil, GRID.field_nm, defocus_nm))[::-1]
    errors = []
    for count in (1, 3, 8, 20):
        kernels = build_socs(source, pupil, GRID.field_nm, defocus_nm=defocus_nm, count=count)
        assert len(kernels.weights) == count
        share = eigenvalues[count:].sum() / eigenvalues.sum()
        assert kernels.discarded_energy == pytest.approx(share, rel=1e-9, abs=1e-12)
        errors.append(np.abs(socs(random_mask(), kernels) - expected).max())
    assert all(later < 0.8 * earlier for earlier, later in pairwise(errors))


def test_energy_keeps_the_fewest_kernels_that_hold_it(system):
    source, pupil, defocus_nm = system
    eigenvalues = np.linalg.eigvalsh(independent_tcc(source, pupil, GRID.field_nm, defocus_nm))[::-1]
    share = np.cumsum(eigenvalues) / eigenvalues.sum()
    for energy in (0.5, 0.9, 0.99):
        kernels = build_socs(source, pupil, GRID.field_nm, defocus_nm=defocus_nm, energy=energy)
        assert len(kernels.weights) == np.argmax(share >= energy) + 1
    assert len(build_socs(source, pupil, GRID.field_nm, count=2, energy=0.99).weights) == 2


def test_kernels_are_orthonormal_with_falling_weights(system):
    source, pupil, defocus_nm = system
    kernels = build_socs(source, pupil, GRID.field_nm, defocus_nm=defocus_nm)
    flat = kernels.spectra.flatten(1)
    np.testing.assert_allclose((flat @ flat.conj().T).numpy(), np.eye(len(flat)), atol=1e-12)
    assert (kernels.weights.diff() <= 0).all()


def test_a_clear_mask_images_to_one(system):
    source, pupil, defocus_nm = system
    clear = np.ones(GRID.shape)
    np.testing.assert_allclose(abbe(clear, source, pupil, defocus_nm=defocus_nm), 1, atol=1e-12)
    for limit in ({}, {"count": 1}, {"count": 7}, {"energy": 0.8}):
        kernels = build_socs(source, pupil, GRID.field_nm, defocus_nm=defocus_nm, **limit)
        np.testing.assert_allclose(socs(clear, kernels), 1, atol=1e-12)
        assert kernels.open_frame == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "at least 1, got 0"),
        ({"energy": 0.0}, r"in \(0, 1\], got 0"),
        ({"energy": 1.01}, r"in \(0, 1\], got 1.01"),
        ({"field_nm": (0.0, 100.0)}, "positive field"),
        ({"field_nm": (float("nan"), 100.0)}, "positive field"),
        ({"defocus_nm": float("inf")}, "finite defocus"),
    ],
)
def test_impossible_numbers_are_refused(arguments, message):
    with pytest.raises(KernelError, match=message):
        build_socs(**{"source": ON_AXIS, "pupil": Pupil(**DRY), "field_nm": (200.0, 200.0), **arguments})


def test_kernels_reach_exactly_the_highest_frequency_that_passes():
    """floor((1 + sigma) NA / lambda * field) on each axis; a frequency on the limit counts."""
    pupil = Pupil(wavelength_nm=200.0, na=0.8)
    assert passed_half(pupil, 0.5, (1000.0, 500.0)) == (6, 3)
    assert passed_half(pupil, 0.5, (999.0, 680.0)) == (5, 4)
    assert build_socs(ON_AXIS, pupil, (1000.0, 499.0)).half == (4, 1)


# Analytic images


@pytest.mark.parametrize(
    "points", [[(0.0, 0.0)], [(0.31, -0.2), (-0.55, 0.4), (0.0, 0.83)]], ids=["coherent", "partial"]
)
def test_a_point_images_to_the_airy_disc_whatever_the_source(points):
    """I(r) / I(0) = (2 J1(v) / v)^2, v = 2 pi NA r / lambda; the field's period leaves an error below 1e-3."""
    pupil, source = Pupil(wavelength_nm=193.0, na=0.1, obliquity=False), equal_points(*points)
    side_nm = 64.5 * 193 / 0.1
    half = passed_half(pupil, source.sigma_max, (side_nm, side_nm))
    point = torch.ones(2 * half[0] + 1, 2 * half[1] + 1, dtype=torch.complex128)
    image = abbe_intensity_spectrum(point, source, pupil, (side_nm, side_nm)).numpy()
    x = np.linspace(0, 1900, 60)
    waves = np.exp(2j * np.pi * np.outer(np.arange(image.shape[1]), x) / side_nm)
    waves[1:] *= 2
    row = (image.sum(0) @ waves).real  # the image at (x, 0)
    v = 2 * np.pi * 0.1 * x[1:] / 193
    np.testing.assert_allclose(row[1:] / row[0], (2 * j1(v) / v) ** 2, atol=1e-3)
    assert v[-1] > 5  # past the first dark ring


def grating(pitch_px: int, width_px: int, *, along_x: bool) -> np.ndarray:
    """Lines centred on the middle of each period, two periods wide, one pixel high if along x."""
    line = np.zeros(pitch_px)
    start = (pitch_px - width_px) // 2
    line[start : start + width_px] = 1
    lines = np.tile(line, (pitch_px, 1))
    return lines if along_x else lines.T


@pytest.mark.parametrize("along_x", [True, False])
@pytest.mark.parametrize("pupil", [Pupil(**DRY), Pupil(**WET)], ids=["dry", "wet"])
def test_resolution_ends_at_lambda_over_na_times_one_plus_sigma(pupil, along_x):
    source = sample_source(Conventional(sigma=0.6), 21)
    sigma = np.abs(source.points[np.abs(source.points[:, 1]) < 1e-9, 0]).max()
    cutoff_nm = pupil.wavelength_nm / (pupil.na * (1 + sigma))
    mask = grating(8, 4, along_x=along_x)
    for periods in (1, 3):
        for factor, resolved in ((0.9999, False), (1.0001, True), (1.1, True)):
            grid = Grid((8 * periods, 8 * periods), cutoff_nm * factor / 8)
            image = abbe(np.tile(mask, (periods, periods)), source, pupil, grid=grid)
            contrast = np.ptp(image) / (image.max() + image.min())
            assert contrast > 1e-3 if resolved else contrast < 1e-14
            np.testing.assert_allclose(np.ptp(image, axis=0 if along_x else 1), 0, atol=1e-13)


@pytest.mark.parametrize("along_x", [True, False])
@pytest.mark.parametrize("defocus_nm", [0.0, 70.0])
@pytest.mark.parametrize("mask_type", [MaskType(), MaskType(type="attenuated", transmission=0.06)], ids=str)
def test_two_beam_interference(along_x, defocus_nm, mask_type):
    """Beams 0 and -1 at equal and opposite angles: I = a0^2 + a1^2 + 2 a0 a1 cos(2 pi x / p), whatever the defocus."""
    pitch_nm, pupil = 160.0, Pupil(**DRY)
    s = pupil.wavelength_nm / pitch_nm / pupil.na / 2
    source = equal_points((s, 0.0) if along_x else (0.0, s))
    grid = Grid((16, 16), pitch_nm / 16)
    amplitude = mask_type.amplitude(torch.from_numpy(grating(16, 6, along_x=along_x))).numpy()
    image = abbe(amplitude, source, pupil, grid=grid, defocus_nm=defocus_nm)
    back = 0.06**0.5 if mask_type.type == "attenuated" else 0.0
    duty = 6 / 16
    zero = duty * (1 + back) - back
    first = (1 + back) * np.sin(np.pi * duty) / np.pi
    x = (np.arange(16) + 0.5) * 10 - pitch_nm / 2
    profile = zero**2 + first**2 + 2 * zero * first * np.cos(2 * np.pi * x / pitch_nm)
    np.testing.assert_allclose(
        image, profile * np.ones((16, 1)) if along_x else profile[:, None] * np.ones(16), atol=1e-13
    )


@pytest.mark.parametrize("defocus_nm", [0.0, 90.0, -150.0])
def test_three_beam_interference_through_focus(defocus_nm):
    """On-axis source: E = a0 + 2 a1 R exp(i k z (n cos t - n)) cos(2 pi x / p), sin t = lambda / (n p)."""
    pitch_nm, pupil = 220.0, Pupil(**WET)
    grid = Grid((12, 22), 10.0)
    mask = np.tile(grating(22, 10, along_x=True)[:1], (12, 1))
    image = abbe(mask, ON_AXIS, pupil, grid=grid, defocus_nm=defocus_nm)
    sine = 193.0 / pitch_nm
    cosine = np.sqrt(1 - (sine / 1.44) ** 2)
    obliquity = np.sqrt(np.sqrt(1 - (sine / 4) ** 2) / cosine)
    phase = np.exp(2j * np.pi / 193 * defocus_nm * 1.44 * (cosine - 1))
    x = (np.arange(22) + 0.5) * 10 - pitch_nm / 2
    first = np.sin(np.pi * 10 / 22) / np.pi
    field = 10 / 22 + 2 * first * obliquity * phase * np.cos(2 * np.pi * x / pitch_nm)
    np.testing.assert_allclose(image, np.ones((12, 1)) * np.abs(field) ** 2, atol=1e-13)


def test_an_attenuated_background_transmits_its_share():
    mask = MaskType(type="attenuated", transmission=0.08)
    dark = mask.amplitude(torch.zeros(GRID.shape, dtype=torch.float64)).numpy()
    source = sample_source(Annular(**RING), 15)
    np.testing.assert_allclose(abbe(dark, source, Pupil(**WET), defocus_nm=40.0), 0.08, atol=1e-13)
    assert (dark < 0).all()
    assert mask.amplitude(torch.ones(1)).item() == pytest.approx(1)


def test_alternating_lines_have_no_zero_order_and_double_the_frequency():
    """Windows +1 and -1: E ~ cos(2 pi x / p), so I has the period p / 2 and no background at its dark lines."""
    mask = MaskType(type="alternating")
    assert mask.lowest == -1
    drawn = torch.from_numpy(2 * grating(16, 8, along_x=True) - 1)
    pitch_nm = 180.0
    grid = Grid((16, 16), pitch_nm / 16)
    image = abbe(mask.amplitude(drawn).numpy(), ON_AXIS, Pupil(**WET, obliquity=False), grid=grid)
    x = (np.arange(16) + 0.5) / 16 - 0.5
    np.testing.assert_allclose(image, np.ones((16, 1)) * (4 / np.pi * np.cos(2 * np.pi * x)) ** 2, atol=1e-13)


# Symmetries


def test_whole_pixel_shifts_move_the_image(system):
    source, pupil, defocus_nm = system
    image = abbe(random_mask(), source, pupil, defocus_nm=defocus_nm)
    moved = abbe(np.roll(random_mask(), (3, -5), (0, 1)), source, pupil, defocus_nm=defocus_nm)
    np.testing.assert_allclose(moved, np.roll(image, (3, -5), (0, 1)), atol=1e-13)


def test_sub_pixel_shifts_equal_an_offset_of_the_output(system):
    """A mask moved by (1, -2) fine pixels = (1/4, -1/2) of an output pixel, seen from the moved frame."""
    source, pupil, defocus_nm = system
    fine, coarse = Grid((28, 36), 15.0), Grid((7, 9), 60.0)
    mask = np.random.default_rng(3).random(fine.shape)
    arguments = {"grid": fine, "out": coarse, "defocus_nm": defocus_nm}
    moved = abbe(np.roll(mask, (1, -2), (0, 1)), source, pupil, **arguments)
    np.testing.assert_allclose(moved, abbe(mask, source, pupil, offset=(-0.25, 0.5), **arguments), rtol=0, atol=1e-13)


def test_tilt_moves_the_image_by_its_path_length():
    """Z2 of W waves is a path 2 W lambda rho_x: the image moves by -2 W lambda / NA, here two pixels."""
    pitch = 12.0
    grid = Grid((20, 36), pitch)
    waves = 2 * pitch * DRY["na"] / DRY["wavelength_nm"] / 2
    source, mask = sample_source(Annular(**RING), 15), np.random.default_rng(5).random((20, 36))
    still = abbe(mask, source, Pupil(**DRY), grid=grid)
    moved = abbe(mask, source, Pupil(**DRY, zernike_waves={2: waves}), grid=grid)
    np.testing.assert_allclose(moved, np.roll(still, -2, 1), atol=1e-12)


@pytest.mark.parametrize("shape", [Annular(**RING), LOPSIDED], ids=["annular", "lopsided"])
def test_focus_is_symmetric_for_a_real_lens_and_mask(shape):
    """+z with the inverted source equals -z; a source symmetric about the axis needs no inversion."""
    source = sample_source(shape, 15)
    inverted = Source(-source.points, source.weights)
    below, focus, above = (abbe(random_mask(), source, Pupil(**WET), defocus_nm=z) for z in (-60.0, 0.0, 60.0))
    np.testing.assert_allclose(below, abbe(random_mask(), inverted, Pupil(**WET), defocus_nm=60.0), atol=1e-13)
    assert np.abs(below - focus).max() > 1e-2
    if shape is LOPSIDED:
        assert np.abs(below - above).max() > 1e-3
    else:
        np.testing.assert_allclose(below, above, atol=1e-13)


@pytest.mark.parametrize(("axis", "sign"), [(1, (-1, 1)), (0, (1, -1))])
def test_mirrored_source_lens_and_mask_give_the_mirrored_image(axis, sign):
    """Coma along the mirrored axis changes sign with it; the source alone does not commute with the mirror."""
    source, mask = sample_source(LOPSIDED, 15), random_mask()
    mirrored = Source(source.points * sign, source.weights)
    lens = Pupil(**DRY, zernike_waves={8: 0.05, 7: 0.03})
    mirrored_lens = Pupil(**DRY, zernike_waves={8: 0.05 * sign[0], 7: 0.03 * sign[1]})
    image = abbe(mask, source, lens, defocus_nm=40.0)
    found = abbe(np.flip(mask, axis).copy(), mirrored, mirrored_lens, defocus_nm=40.0)
    np.testing.assert_allclose(found, np.flip(image, axis), atol=1e-13)
    wrong = abbe(np.flip(mask, axis).copy(), source, mirrored_lens, defocus_nm=40.0)
    assert np.abs(wrong - np.flip(image, axis)).max() > 1e-3
