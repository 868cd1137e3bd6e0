"""The band-limited simulator against full-grid sums in scipy's FFT, float64."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
import torch
from scenes.ilt import RECIPE
from scenes.vector_optics import STACK
from scipy.ndimage import gaussian_filter

from litho_dl.core import dft
from litho_dl.core.errors import GridMismatchError, KernelError, MaskError
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.mask import MaskType
from litho_dl.process.model import Corner, ProcessModel, build_process
from litho_dl.process.resist import Resist, sigmoid_print, threshold_print
from litho_dl.simulation.simulator import Simulator

HALF = (3, 5)
CORNERS = {"nominal": Corner(1.0, "focus"), "outer": Corner(1.1, "focus"), "inner": Corner(0.8, "defocus")}
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}  # of the largest intensity
FIELDS = [(24, 36), (25, 35), (36, 24), (32, 32)]  # pixels of 10 nm: even, odd, high, square


def random_kernels(field_nm, *, half=HALF, count=3, mask_pixel_nm=0.0, seed=0) -> SocsKernels:
    """Complex, without any symmetry; a clear mask images to 1."""
    rng = np.random.default_rng(seed)
    shape = count, 2 * half[0] + 1, 2 * half[1] + 1
    spectra = torch.from_numpy(rng.normal(size=shape) + 1j * rng.normal(size=shape))
    weights = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)[:count]
    kernels = SocsKernels(spectra, weights, field_nm, mask_pixel_nm)
    return kernels.scaled(1 / kernels.open_frame)


def random_process(field_nm, *, mask=None, resist=None, **kernels) -> ProcessModel:
    sets = {name: random_kernels(field_nm, seed=seed, **kernels) for seed, name in enumerate(("focus", "defocus"))}
    return ProcessModel(sets, mask or MaskType(), resist or Resist(threshold=0.3), CORNERS)


def random_mask(*shape: int, seed: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def upsampled(mask: np.ndarray, factor: int) -> np.ndarray:
    return mask.repeat(factor, -2).repeat(factor, -1)


def full_grid_socs(amplitude: np.ndarray, kernels: SocsKernels, *, pixel_is_square: bool) -> np.ndarray:
    """sum_k w_k |ifft(K_k fft(mask))|^2 on the whole grid.

    The transform of the samples; of the piecewise-constant image (a sinc per axis) if `pixel_is_square`.
    """
    (h_y, h_x), (n_y, n_x) = kernels.half, amplitude.shape
    f_y, f_x = np.arange(-h_y, h_y + 1), np.arange(-h_x, h_x + 1)
    spectrum = scipy.fft.fft2(amplitude)[np.ix_(f_y, f_x)]
    if pixel_is_square:
        spectrum = spectrum * np.sinc(f_y / n_y)[:, None] * np.sinc(f_x / n_x)
    image = np.zeros(amplitude.shape)
    for kernel, weight in zip(kernels.spectra.numpy(), kernels.weights.numpy(), strict=True):
        passed = np.zeros(amplitude.shape, complex)
        passed[np.ix_(f_y, f_x)] = spectrum * kernel
        image += weight * np.abs(scipy.fft.ifft2(passed)) ** 2
    return image


def simulate(process, mask, pixel_nm, *, dtype=torch.float64, **arguments) -> dict[str, np.ndarray]:
    images = Simulator(process, dtype=dtype).expose(torch.from_numpy(mask), pixel_nm, **arguments).intensity
    assert all(image.dtype == dtype for image in images.values())
    return {name: image.double().numpy() for name, image in images.items()}


def assert_images(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


# The engine


@pytest.mark.parametrize("shape", FIELDS, ids=str)
@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "exact"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("halved_from", [dft.HALVED_FROM, 0], ids=["whole", "halved"])
def test_engine_equals_the_full_grid(shape, sampled, dtype, halved_from, monkeypatch):
    monkeypatch.setattr(dft, "HALVED_FROM", halved_from)
    field_nm, mask = (10.0 * shape[0], 10.0 * shape[1]), random_mask(*shape)
    process = random_process(field_nm, mask_pixel_nm=10.0 if sampled else 0.0)
    found = simulate(process, mask, 10.0, dtype=dtype)
    for name in ("focus", "defocus"):
        expected = full_grid_socs(mask, process.kernels[name], pixel_is_square=not sampled)
        assert_images(found[name], expected, TOLERANCE[dtype])


@pytest.mark.parametrize("mask_pixel_nm", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("shape", [(8, 12), (7, 9), (4, 5)], ids=str)  # 2 h + 1 = (7, 11): the last two are coarser
@pytest.mark.parametrize("factor", [3, 5])
def test_a_coarse_mask_equals_its_upsampled_one_at_any_output_pixel(mask_pixel_nm, shape, factor):
    """Fine and coarse outputs agree where their pixel centres coincide (odd factors)."""
    field_nm, mask = (15.0 * shape[0], 15.0 * shape[1]), random_mask(*shape)
    process = random_process(field_nm, mask_pixel_nm=mask_pixel_nm)
    fine = simulate(process, upsampled(mask, factor), 15.0 / factor)["focus"]
    assert_images(simulate(process, mask, 15.0, out_pixel_nm=15.0 / factor)["focus"], fine)
    centres = np.s_[factor // 2 :: factor, factor // 2 :: factor]
    assert_images(simulate(process, mask, 15.0)["focus"], fine[centres])
    assert_images(simulate(process, upsampled(mask, factor), 15.0 / factor, out_pixel_nm=15.0)["focus"], fine[centres])


def test_a_coarse_mask_equals_the_full_grid_at_the_kernels_pixel():
    """Kernels that expect 1 nm samples, a mask of 6 nm pixels, the truth at 1 nm."""
    mask = random_mask(8, 12)
    process = random_process((48.0, 72.0), mask_pixel_nm=1.0)
    expected = full_grid_socs(upsampled(mask, 6), process.kernels["focus"], pixel_is_square=False)
    assert_images(simulate(process, mask, 6.0, out_pixel_nm=1.0)["focus"], expected)


def test_leading_dimensions_are_a_batch():
    process, masks = random_process((240.0, 360.0)), random_mask(2, 3, 24, 36)
    together = simulate(process, masks, 10.0, out_pixel_nm=20.0)["defocus"]
    assert together.shape == (2, 3, 12, 18)
    for index in np.ndindex(2, 3):
        assert_images(together[index], simulate(process, masks[index], 10.0, out_pixel_nm=20.0)["defocus"])


@pytest.mark.parametrize("diffusion_nm", [20.0, 35.0])
@pytest.mark.parametrize("shape", [(48, 60), (51, 45)], ids=str)
def test_diffusion_is_a_periodic_gaussian_blur(shape, diffusion_nm):
    field_nm, mask = (5.0 * shape[0], 5.0 * shape[1]), random_mask(*shape)
    sharp, soft = (
        simulate(random_process(field_nm, resist=Resist(threshold=1, diffusion_nm=s)), mask, 5.0)["focus"]
        for s in (0.0, diffusion_nm)
    )
    assert_images(soft, gaussian_filter(sharp, diffusion_nm / 5, mode="wrap", truncate=12))


@pytest.mark.parametrize("flare", [0.0, 0.04])
def test_flare_spreads_a_share_of_the_light_over_the_field(flare):
    """(1 - F) I + F mean(I), also through diffusion; a clear mask keeps its intensity."""
    pupil = RECIPE.pupil.model_copy(update={"flare": flare})
    recipe = RECIPE.model_copy(update={"pupil": pupil, "resist": Resist(threshold=0.2, diffusion_nm=9.0)})
    plain = build_process(recipe.model_copy(update={"pupil": RECIPE.pupil}), field_nm=(320.0, 400.0), count=5)
    process = build_process(recipe, field_nm=(320.0, 400.0), count=5)
    assert process.flare == flare
    for mask in (random_mask(32, 40), np.ones((32, 40))):
        for name, image in simulate(plain, mask, 10.0).items():
            expected = (1 - flare) * image + flare * image.mean()
            np.testing.assert_allclose(simulate(process, mask, 10.0)[name], expected, rtol=0, atol=1e-13)


def test_gradients_are_exact_in_vector_imaging_and_a_film():
    pupil = RECIPE.pupil.model_copy(update={"imaging": "vector", "focus_blur_nm": 20.0, "flare": 0.02})
    source = RECIPE.source.model_copy(update={"polarization": "te"})
    recipe = RECIPE.model_copy(update={"pupil": pupil, "source": source, "film": STACK})
    simulator = Simulator(build_process(recipe, field_nm=(240.0, 300.0), count=6), dtype=torch.float64)
    mask = torch.from_numpy(random_mask(8, 10)).requires_grad_()

    def images(values: torch.Tensor) -> torch.Tensor:
        return torch.stack(list(simulator.expose(values, 30.0).intensity.values()))

    assert torch.autograd.gradcheck(images, (mask,), fast_mode=True)


@pytest.mark.parametrize("mask_type", ["binary", "attenuated", "alternating"])
def test_mask_technology_sets_the_amplitude(mask_type):
    process = random_process((240.0, 360.0), mask=MaskType(type=mask_type, transmission=0.09))
    mask = random_mask(24, 36)
    amplitude = 1.3 * mask - 0.3 if mask_type == "attenuated" else mask
    expected = full_grid_socs(amplitude, process.kernels["focus"], pixel_is_square=True)
    assert_images(simulate(process, mask, 10.0)["focus"], expected)


@pytest.mark.parametrize("kind", [("attenuated", "dark"), ("binary", "clear")], ids="-".join)
def test_the_writer_s_blur_is_a_gaussian_on_the_amplitude(kind):
    """Against scipy's sampled Gaussian of the same amplitude; masks of any pixel, and with exact gradients."""
    (name, field), mask = kind, random_mask(24, 36)
    sharp, soft = (MaskType(type=name, field=field, blur_nm=blur) for blur in (0.0, 25.0))
    fine = upsampled(mask, 5)
    amplitude = sharp.amplitude(torch.from_numpy(fine)).numpy()
    process = replace(random_process((240.0, 360.0)), mask=soft, corners={"nominal": CORNERS["nominal"]})
    blurred = gaussian_filter(amplitude, 25.0 / 2, mode="wrap", truncate=12)
    expected = full_grid_socs(blurred, process.kernels["focus"], pixel_is_square=True)
    assert_images(simulate(process, fine, 2.0)["focus"], expected)
    assert_images(simulate(process, mask, 10.0, out_pixel_nm=2.0)["focus"], expected)
    simulator = Simulator(process, dtype=torch.float64)
    coarse = torch.from_numpy(random_mask(8, 12)).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: simulator.expose(m, 30.0).intensity["defocus"], (coarse,), fast_mode=True)


# Prints


def test_corners_choose_dose_and_kernels():
    """aerial = dose I; print = 1 / (1 + exp(-k (dose I - threshold))); binary where dose I >= threshold."""
    resist = Resist(threshold=0.25, steepness=12.0)
    process, mask = random_process((240.0, 360.0), resist=resist), random_mask(24, 36)
    exposure = Simulator(process, dtype=torch.float64)(torch.from_numpy(mask), 10.0)
    for corner, (dose, kernels) in {
        "nominal": (1.0, "focus"),
        "outer": (1.1, "focus"),
        "inner": (0.8, "defocus"),
    }.items():
        aerial = dose * full_grid_socs(mask, process.kernels[kernels], pixel_is_square=True)
        assert 0.1 < (aerial > 0.25).mean() < 0.9
        assert_images(exposure.aerial(corner).numpy(), aerial)
        np.testing.assert_allclose(exposure.print(corner).numpy(), 1 / (1 + np.exp(-12 * (aerial - 0.25))), atol=1e-12)
        assert exposure.binary_print(corner).dtype == torch.bool
        np.testing.assert_array_equal(exposure.binary_print(corner).numpy(), aerial >= 0.25)


def test_exactly_the_threshold_prints():
    intensity = torch.tensor([0.2499, 0.25, 0.2501])
    assert threshold_print(intensity, Resist(threshold=0.25)).tolist() == [False, True, True]
    assert threshold_print(intensity, Resist(threshold=0.5), dose=2.0).tolist() == [False, True, True]
    assert sigmoid_print(intensity, Resist(threshold=0.5), dose=2.0)[1] == 0.5


# Gradients


@pytest.mark.parametrize("mask_type", ["binary", "attenuated"])
@pytest.mark.parametrize("mask_pixel_nm", [0.0, 1.0])
def test_gradients_are_exact(mask_type, mask_pixel_nm):
    resist = Resist(threshold=0.3, steepness=5.0, diffusion_nm=8.0)
    process = random_process(
        (50.0, 60.0), half=(2, 1), count=2, mask=MaskType(type=mask_type), resist=resist, mask_pixel_nm=mask_pixel_nm
    )
    simulator = Simulator(process, dtype=torch.float64)
    mask = torch.from_numpy(random_mask(2, 5, 6)).requires_grad_()
    for function in (
        lambda m: simulator.expose(m, 10.0, out_pixel_nm=5.0).intensity["defocus"],
        lambda m: simulator(m, 10.0).print("inner"),
        lambda m: simulator.spectrum(m, 10.0).amplitude,
    ):
        assert torch.autograd.gradcheck(function, (mask,), atol=1e-7, rtol=1e-6)


def test_gradients_follow_a_forward_pass_in_inference_mode():
    simulator, mask = Simulator(random_process((240.0, 360.0))), torch.from_numpy(random_mask(24, 36))
    with torch.inference_mode():
        simulator(mask, 10.0)
    mask = mask.requires_grad_()
    simulator(mask, 10.0).aerial().sum().backward()
    assert mask.grad is not None
    assert mask.grad.abs().max() > 0


# Moves


@pytest.mark.parametrize("move", [lambda s: s.double(), lambda s: s.to(torch.float64), lambda s: s.float().double()])
def test_a_move_to_float64_gives_full_precision(move):
    process, mask = random_process((240.0, 360.0)), torch.from_numpy(random_mask(24, 36))
    simulator = Simulator(process)
    simulator.expose(mask, 10.0)  # caches single-precision matrices
    found = move(simulator).expose(mask, 10.0).intensity["focus"]
    assert found.dtype == torch.float64
    assert_images(found.numpy(), full_grid_socs(mask.numpy(), process.kernels["focus"], pixel_is_square=True))


@pytest.mark.parametrize(
    "move", [lambda s: s.float(), lambda s: s.to(torch.float32), lambda s: s.to("cpu", torch.float32)]
)
def test_a_move_to_float32_equals_single_precision(move):
    process, mask = random_process((240.0, 360.0)), torch.from_numpy(random_mask(24, 36))
    moved = move(copy.deepcopy(Simulator(process, dtype=torch.float64))).expose(mask, 10.0).intensity["focus"]
    assert torch.equal(moved, Simulator(process).expose(mask, 10.0).intensity["focus"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("halved_from", [dft.HALVED_FROM, 0], ids=["whole", "halved"])
def test_cuda_equals_the_cpu(dtype, halved_from, monkeypatch):
    monkeypatch.setattr(dft, "HALVED_FROM", halved_from)
    process, mask = random_process((240.0, 360.0)), random_mask(3, 24, 36)
    here, there = Simulator(process, dtype=dtype), Simulator(process, dtype=dtype).to("cuda")
    images = []
    for simulator in (here, there):
        values = torch.from_numpy(mask).to(simulator.device, dtype).requires_grad_()
        aerial = simulator(values, 10.0, out_pixel_nm=5.0).aerial("inner")
        aerial.square().sum().backward()
        images.append((aerial.detach().cpu().double().numpy(), values.grad.cpu().double().numpy()))
    for cpu, cuda in zip(*images, strict=True):
        assert_images(cuda, cpu, 10 * TOLERANCE[dtype])


# Errors


@pytest.mark.parametrize(
    ("mask", "arguments", "error", "message"),
    [
        (torch.zeros(24), {}, MaskError, r"real mask \(..., H, W\), got torch.float32 of shape \(24,\)"),
        (torch.zeros(24, 36, dtype=torch.complex64), {}, MaskError, "got torch.complex64"),
        (
            torch.zeros(24, 24),
            {},
            GridMismatchError,
            "field of 240 x 360 nm, 24 x 36 pixels of 10 nm; got a mask of 24 x 24",
        ),
        (torch.zeros(24, 36), {"pixel_nm": 7.0}, GridMismatchError, "divides the field of 240 x 360 nm, got 7 nm"),
        (torch.zeros(24, 36), {"out_pixel_nm": 7.0}, GridMismatchError, "divides the field of 240 x 360 nm, got 7 nm"),
        (torch.zeros(24, 36), {"out_pixel_nm": 0.0}, GridMismatchError, "positive pixel"),
    ],
)
def test_wrong_masks_and_pixels_are_refused(mask, arguments, error, message):
    with pytest.raises(error, match=message):
        Simulator(random_process((240.0, 360.0))).expose(mask, **{"pixel_nm": 10.0, **arguments})


def test_an_unknown_corner_is_told_with_the_known_ones():
    exposure = Simulator(random_process((240.0, 360.0)))(torch.zeros(24, 36), 10.0)
    with pytest.raises(KernelError, match="the corners nominal, outer, inner, got 'outre'"):
        exposure.aerial("outre")


def kernels_with(**changes: object) -> SocsKernels:
    arguments = {
        "spectra": torch.ones(2, 3, 3, dtype=torch.complex128),
        "weights": torch.ones(2),
        "field_nm": (9.0, 9.0),
    }
    return SocsKernels(**(arguments | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"spectra": torch.ones(2, 4, 3, dtype=torch.complex64)},
            r"\(K, odd, odd\), got torch.complex64 of shape \(2, 4, 3\)",
        ),
        ({"spectra": torch.ones(2, 3, 3)}, "complex kernels"),
        ({"weights": torch.ones(3)}, "Expected 2 real weights"),
        ({"weights": torch.tensor([1.0, -1.0])}, "weights >= 0"),
        ({"weights": torch.zeros(2)}, "at least one of them positive"),
        ({"spectra": torch.full((2, 3, 3), torch.nan, dtype=torch.complex64)}, "NaN or infinity"),
        ({"field_nm": (9.0, 0.0)}, "positive field"),
        ({"field_nm": (float("nan"), 9.0)}, "positive field"),
        ({"mask_pixel_nm": -1.0}, "mask pixel >= 0"),
        ({"mask_pixel_nm": float("nan")}, "mask pixel >= 0"),
    ],
)
def test_impossible_kernels_are_refused(changes, message):
    with pytest.raises(KernelError, match=message):
        kernels_with(**changes)


@pytest.mark.parametrize(
    ("kernels", "corners", "error", "message"),
    [
        ({}, {"nominal": Corner(1.0, "a")}, KernelError, "at least one kernel set"),
        ({"a": kernels_with()}, {}, KernelError, "at least one kernel set and one corner"),
        ({"a": kernels_with()}, {"nominal": Corner(1.0, "b")}, KernelError, "'nominal' names kernels 'b'.* among a"),
        ({"a": kernels_with()}, {"no/minal": Corner(1.0, "a")}, KernelError, "the name of a corner .*'no/minal'"),
        ({"a": kernels_with()}, {"nominal": Corner(0.0, "a")}, KernelError, "positive dose"),
        ({"a": kernels_with()}, {"nominal": Corner(float("inf"), "a")}, KernelError, "positive dose"),
        (
            {"a": kernels_with(), "b": kernels_with(field_nm=(8.0, 9.0))},
            {"nominal": Corner(1.0, "a")},
            GridMismatchError,
            "made for a field of 9 x 9 nm, got .* 8 x 9 nm",
        ),
        (
            {"a": kernels_with(), "b": kernels_with(mask_pixel_nm=1.0)},
            {"nominal": Corner(1.0, "a")},
            KernelError,
            r"one size and mask pixel, got \(1, 1\) at 1 nm for 'b'",
        ),
    ],
)
def test_inconsistent_processes_are_refused(kernels, corners, error, message):
    with pytest.raises(error, match=message):
        ProcessModel(kernels, MaskType(), Resist(threshold=0.2), corners)
