"""Partial Fourier transforms against analytic series, scipy's FFT and plain sums."""

import sys

import numpy as np
import pytest
import scipy.fft
import torch

from litho_dl.core import dft
from litho_dl.core.dft import analyse, analysis, full_spectrum, synthesis, synthesise, synthesise_blocks
from litho_dl.core.grid import Grid

F64 = {"dtype": torch.float64, "device": torch.device("cpu")}
GRIDS = [Grid((16, 16), 25.0), Grid((15, 24), 7.5), Grid((24, 15), 7.5), Grid((9, 7), 1.0)]
SMALL_GRIDS = [Grid((8, 6), 25.0), Grid((6, 9), 7.5), Grid((5, 4), 1.0)]  # for numerical gradients
HALF = (3, 2)


def random_image(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def half_spectrum(image: np.ndarray, grid: Grid, half: tuple[int, int], reference_nm: float) -> np.ndarray:
    return analyse(torch.from_numpy(image), analysis(grid, half, reference_nm=reference_nm, **F64)).numpy()


def sampled_spectrum(image: np.ndarray, half: tuple[int, int]) -> np.ndarray:
    """Mean of image * exp(-2 pi i f x / F) over pixel centres, for fy = -h ... h and fx = 0 ... h, by a full FFT."""
    spectrum = scipy.fft.fft2(image) / image.size
    f_y, f_x = np.arange(-half[0], half[0] + 1), np.arange(half[1] + 1)
    centre = np.exp(-1j * np.pi * (f_y[:, None] / image.shape[0] + f_x / image.shape[1]))
    return spectrum[np.ix_(f_y, f_x)] * centre


def upsampled(image: np.ndarray, factor: int) -> np.ndarray:
    return image.repeat(factor, -2).repeat(factor, -1)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("half", [HALF, (0, 0), (0, 2)])
def test_sampled_analysis_is_the_fft(grid, half):
    image = random_image(*grid.shape)
    found = half_spectrum(image, grid, half, grid.pixel_nm)
    np.testing.assert_allclose(found, sampled_spectrum(image, half), atol=1e-14)


def test_continuous_analysis_is_the_fourier_series_of_rectangles():
    """c_f = (1/F) integral over [a, b] of exp(-2 pi i f x / F) on each axis; rectangles (x0, y0, x1, y1) in nm."""
    grid, half = Grid((20, 30), 10.0), (7, 12)
    image, expected = np.zeros(grid.shape), np.zeros((15, 13), complex)

    def interval(frequencies: np.ndarray, a: float, b: float, side: float) -> np.ndarray:
        safe = np.where(frequencies == 0, 1, frequencies)
        ends = np.exp(-2j * np.pi * safe * np.array([[a], [b]]) / side)
        return np.where(frequencies == 0, (b - a) / side, (ends[0] - ends[1]) / (2j * np.pi * safe))

    for x0, y0, x1, y1, value in [(30, 20, 110, 50, 1.0), (150, 90, 160, 200, -0.4), (0, 60, 300, 70, 0.3)]:
        image[y0 // 10 : y1 // 10, x0 // 10 : x1 // 10] += value
        along_y = interval(np.arange(-half[0], half[0] + 1), y0, y1, 200)
        expected += value * along_y[:, None] * interval(np.arange(half[1] + 1), x0, x1, 300)
    np.testing.assert_allclose(half_spectrum(image, grid, half, 0.0), expected, atol=1e-14)


@pytest.mark.parametrize("reference_nm", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("factor", [2, 5])
def test_a_coarse_image_has_the_spectrum_of_its_fine_version(reference_nm, factor):
    """Also with fewer pixels (7) than the 2 h + 1 = 19 frequencies asked for."""
    image, coarse = random_image(7, 12), Grid((7, 12), 5.0)
    fine = Grid((7 * factor, 12 * factor), 5.0 / factor)
    of_fine = half_spectrum(upsampled(image, factor), fine, (9, 9), reference_nm)
    np.testing.assert_allclose(half_spectrum(image, coarse, (9, 9), reference_nm), of_fine, atol=1e-14)


def test_a_coarse_image_has_the_fft_of_its_upsampled_version():
    image = random_image(7, 12)
    found = half_spectrum(image, Grid((7, 12), 5.0), (9, 9), 1.0)
    np.testing.assert_allclose(found, sampled_spectrum(upsampled(image, 5), (9, 9)), atol=1e-14)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("half", [HALF, (0, 0), (0, 2)])
def test_synthesis_is_the_plain_sum_over_all_frequencies(grid, half):
    spectrum = sampled_spectrum(random_image(12, 11), half)
    found = synthesise(torch.from_numpy(spectrum), synthesis(grid, half, **F64))
    y, x = ((np.arange(n) + 0.5) / n for n in grid.shape)
    expected = np.zeros(grid.shape, complex)
    for row, f_y in enumerate(range(-half[0], half[0] + 1)):
        for f_x in range(-half[1], half[1] + 1):
            value = spectrum[row, f_x] if f_x >= 0 else spectrum[2 * half[0] - row, -f_x].conj()
            expected += value * np.exp(2j * np.pi * (f_y * y[:, None] + f_x * x))
    np.testing.assert_allclose(expected.imag, 0, atol=1e-14)
    np.testing.assert_allclose(found.numpy(), expected.real, atol=1e-13)


def test_analysis_then_synthesis_returns_every_image_of_an_odd_grid():
    grid, image = Grid((9, 13), 2.0), random_image(2, 3, 9, 13)
    spectrum = analyse(torch.from_numpy(image), analysis(grid, (4, 6), reference_nm=2.0, **F64))
    assert spectrum.shape == (2, 3, 9, 7)
    np.testing.assert_allclose(synthesise(spectrum, synthesis(grid, (4, 6), **F64)).numpy(), image, atol=1e-13)


def test_full_spectrum_holds_both_signs_of_fx():
    image = random_image(2, 10, 14)
    half = half_spectrum(image, Grid((10, 14), 1.0), HALF, 1.0)
    full = full_spectrum(torch.from_numpy(half)).numpy()
    f_y, f_x = np.arange(-3, 4), np.arange(-2, 3)
    expected = scipy.fft.fft2(image)[:, f_y[:, None], f_x] / 140
    expected = expected * np.exp(-1j * np.pi * (f_y[:, None] / 10 + f_x / 14))
    np.testing.assert_allclose(full, expected, atol=1e-14)


def test_single_precision_rounds_exact_matrices():
    """Large phases f j are formed in double precision, so no error grows with the grid."""
    grid, arguments = Grid((1500, 1500), 1.0), {"dtype": torch.float32, "device": torch.device("cpu")}
    for single, double in [
        (analysis(grid, (30, 30), reference_nm=1.0, **arguments), analysis(grid, (30, 30), reference_nm=1.0, **F64)),
        (synthesis(grid, (30, 30), **arguments), synthesis(grid, (30, 30), **F64)),
    ]:
        for a, b in zip((*single.y, *single.x), (*double.y, *double.x), strict=True):
            assert a.dtype == torch.float32
            assert (a - b).abs().max() <= 1.2e-7 * b.abs().max()


@pytest.fixture(params=["whole", "halved"], autouse=True)
def halved(request, monkeypatch):
    """Every test with and without the sum and the difference of the field's halves."""
    monkeypatch.setattr(dft, "HALVED_FROM", 0 if request.param == "halved" else sys.maxsize)


def test_blocks_are_parts_of_the_image():
    """Of whole blocks, which may reach beyond the periodic field."""
    grid, half = Grid((16, 10), 2.0), (3, 4)
    spectrum = torch.complex(*torch.from_numpy(random_image(2, 7, 5)))
    transform = synthesis(grid, half, window=(range(16), range(12)), **F64)
    blocks = torch.tensor([(0, 0), (3, 1), (2, 2), (3, 1)])
    found = synthesise_blocks(spectrum, transform, blocks, 4)
    image = synthesise(spectrum, synthesis(grid, half, **F64)).tile(1, 2)
    expected = torch.stack([image[4 * i : 4 * i + 4, 4 * j : 4 * j + 4] for i, j in blocks.tolist()])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    assert synthesise_blocks(spectrum, transform, blocks[:0], 4).shape == (0, 4, 4)


WINDOWS = [(range(3, 8), range(9)), (range(1, 15, 4), range(13, 2, -3)), (range(5, 6), range(0)), (range(16), range(8))]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_is_the_part_of_the_image(window):
    """And its gradient is that of the part: the analysis of the image that is zero elsewhere."""
    grid, half = Grid((16, 15), 2.0), (3, 5)
    spectrum = torch.complex(*torch.from_numpy(random_image(2, 4, 7, 6))).requires_grad_()
    rows, columns = (torch.tensor(pixels, dtype=torch.int64) for pixels in window)
    part = synthesise(spectrum, synthesis(grid, half, window=window, **F64))
    expected = synthesise(spectrum, synthesis(grid, half, **F64))[:, rows][:, :, columns]
    assert part.shape == (4, len(window[0]), len(window[1]))
    torch.testing.assert_close(part, expected, rtol=0, atol=1e-13)
    weights = torch.from_numpy(random_image(*part.shape, seed=2))
    of_part, of_expected = (torch.autograd.grad((image * weights).sum(), spectrum)[0] for image in (part, expected))
    torch.testing.assert_close(of_part, of_expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("grid", SMALL_GRIDS)
@pytest.mark.parametrize("half", [HALF, (0, 0), (0, 2)])
def test_gradients_are_the_transposes(grid, half):
    """Also of spectra whose column fx = 0 no real image has."""
    into, out = analysis(grid, half, reference_nm=1.0, **F64), synthesis(grid, half, **F64)
    batch = () if half == HALF else (2,)  # numerical gradients take the square of the numbers of values
    image = torch.from_numpy(random_image(*batch, *grid.shape)).requires_grad_()
    spectrum = random_image(2, *batch, 2 * half[0] + 1, half[1] + 1, seed=1)
    spectrum = torch.complex(*torch.from_numpy(spectrum)).requires_grad_()
    for function, argument in ((lambda m: analyse(m, into), image), (lambda s: synthesise(s, out), spectrum)):
        assert torch.autograd.gradcheck(function, argument)
        assert torch.autograd.gradgradcheck(function, argument)
