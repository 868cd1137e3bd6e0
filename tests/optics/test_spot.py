"""Spots that write without a mask: edges, lines and any dose against sums of error functions; focus, flare, energy."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import ndtr

from litho_dl.core.errors import KernelError
from litho_dl.core.grid import Grid
from litho_dl.optics.extend import extended
from litho_dl.optics.mask import MaskType
from litho_dl.optics.socs import build_socs
from litho_dl.optics.source import Conventional, sample_source
from litho_dl.optics.spot import spot_fwhm_nm, spot_half, spot_kernels
from litho_dl.process.model import Corner, ProcessModel, build_process
from litho_dl.process.recipe import Recipe, load_recipe
from litho_dl.process.resist import Resist
from litho_dl.simulation.simulator import Simulator

RECIPE = load_recipe("uv405-spot")
PUPIL = RECIPE.pupil
SIGMA_NM = 550 / 2.3548200450309493  # FWHM / (2 sqrt(2 ln 2))
RANGE_NM = math.pi * 550**2 / (1.3862943611198906 * 405)  # pi FWHM^2 / (2 ln 2 lambda)
FIELD, PIXEL_NM = (4000.0, 5000.0), 100.0
GRID = Grid.of_field(FIELD, PIXEL_NM)
MOST = 5e-9  # what the band may lack


def simulator(defocus_nm: float = 0.0, dtype=torch.float64, **changes) -> Simulator:
    """The spot alone, without diffusion, on a small field."""
    kernels = {"focus": spot_kernels(PUPIL, FIELD, defocus_nm)}
    process = ProcessModel(kernels, MaskType(), Resist(threshold=0.5), {"nominal": Corner(1.0, "focus")})
    return Simulator(replace(process, **changes), dtype=dtype)


def doses(seed: int = 3) -> torch.Tensor:
    """Any dose in any pixel."""
    return torch.rand(2, *GRID.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def passed(count: int, side_nm: float, sigma_nm: float) -> np.ndarray:
    """The dose at pixel centres of evenly written pixels, (at, of), from the normal distribution; periodic."""
    edges, centres = np.arange(count + 1) * PIXEL_NM, (np.arange(count) + 0.5) * PIXEL_NM
    steps = sum(ndtr((centres[:, None] - edges + turn * side_nm) / sigma_nm) for turn in range(-3, 4))
    return steps[:, :-1] - steps[:, 1:]


def written(dose: np.ndarray, sigma_nm: float) -> np.ndarray:
    """The image of a dose in each pixel."""
    rows, columns = (passed(n, side, sigma_nm) for n, side in zip(GRID.shape, FIELD, strict=True))
    return rows @ dose @ columns.T


def image(dose: torch.Tensor, used: Simulator) -> np.ndarray:
    return used(dose, PIXEL_NM).aerial().numpy()


@pytest.mark.parametrize(("defocus_nm", "wider"), [(0.0, 1.0), (RANGE_NM, 2**0.5), (-2 * RANGE_NM, 5**0.5)])
def test_any_dose_is_spread_as_the_normal_distribution_says(defocus_nm, wider):
    found = image(doses(), simulator(defocus_nm))
    np.testing.assert_allclose(found, written(doses().numpy(), wider * SIGMA_NM), atol=MOST)


def test_an_isolated_edge_is_an_error_function():
    plate = torch.zeros(GRID.shape, dtype=torch.float64)
    plate[:, 10:35] = 1
    x = (np.arange(50) + 0.5) * PIXEL_NM
    expected = (1 + np.vectorize(math.erf)((x - 1000) / (math.sqrt(2) * SIGMA_NM))) / 2
    np.testing.assert_allclose(image(plate, simulator())[20, :22], expected[:22], atol=MOST)


@pytest.mark.parametrize("corner", ["nominal", "outer", "inner"])
def test_a_line_has_the_width_of_its_formula(corner):
    """With the recipe's dose, defocus and diffusion, whose variances add."""
    used = Simulator(build_process(RECIPE, field_nm=FIELD), dtype=torch.float64)
    line = torch.zeros(GRID.shape, dtype=torch.float64)
    line[:, 20:30] = 1
    setting = RECIPE.corners[corner]
    sigma = math.hypot(SIGMA_NM * math.hypot(1, setting.defocus_nm / RANGE_NM), RECIPE.resist.diffusion_nm)

    def excess(x: float) -> float:
        return setting.dose * (ndtr((x + 500) / sigma) - ndtr((x - 500) / sigma)) - 0.5

    width = used(line, PIXEL_NM).cd((1000.0, 2000.0), (4000.0, 2000.0), corner)
    assert float(width) == pytest.approx(2 * brentq(excess, 300, 700), abs=0.01)
    assert float(width) == pytest.approx({"nominal": 1000, "outer": 1023, "inner": 975}[corner], abs=1)


def test_the_beam_diverges_as_a_gaussian_beam_does():
    """Far from focus the half angle of 1 / e^2 of its peak is lambda / (pi n w), with w = FWHM / sqrt(2 ln 2)."""
    waist = 550 / math.sqrt(2 * math.log(2))
    for index in (1.0, 1.5):
        pupil = PUPIL.model_copy(update={"immersion_index": index})
        assert spot_fwhm_nm(pupil) == 550
        assert spot_fwhm_nm(pupil, 40.0) == spot_fwhm_nm(pupil, -40.0) > 550
        angle = spot_fwhm_nm(pupil, 1e8) / math.sqrt(2 * math.log(2)) / 1e8
        assert angle == pytest.approx(405 / (math.pi * index * waist), rel=1e-6)
        assert spot_fwhm_nm(pupil, pupil.rayleigh_unit_nm) == pytest.approx(550 * 2**0.5)


@pytest.mark.parametrize("defocus_nm", [0.0, 900.0])
def test_all_light_arrives(defocus_nm):
    means = image(doses(), simulator(defocus_nm)).mean((1, 2))
    np.testing.assert_allclose(means, doses().mean((1, 2)), atol=1e-13)
    assert spot_kernels(PUPIL, FIELD, defocus_nm).open_frame == 1


def test_flare_is_the_mean_dose():
    pupil = PUPIL.model_copy(update={"flare": 0.05})
    resist = RECIPE.resist.model_copy(update={"diffusion_nm": 0.0})
    recipe = RECIPE.model_copy(update={"pupil": pupil, "resist": resist})
    found = image(doses(), Simulator(build_process(recipe, field_nm=FIELD), dtype=torch.float64))
    expected = 0.95 * written(doses().numpy(), SIGMA_NM) + 0.05 * doses().numpy().mean((1, 2), keepdims=True)
    np.testing.assert_allclose(found, expected, atol=MOST)


def test_writing_all_but_the_shapes_is_the_complement():
    """I = 1 - I of the shapes, and the print of shapes at half the dose is the same."""
    clear = simulator(mask=MaskType(field="clear"))
    np.testing.assert_allclose(image(doses(), clear), 1 - image(doses(), simulator()), atol=1e-13)
    np.testing.assert_allclose(image(doses(), clear), image(1 - doses(), simulator()), atol=1e-13)
    prints = [used((doses() > 0.5).double(), PIXEL_NM).binary_print() for used in (clear, simulator())]
    assert torch.equal(*prints)


def test_single_precision_is_enough():
    np.testing.assert_allclose(
        image(doses().float(), simulator(dtype=torch.float32)), image(doses(), simulator()), atol=1e-6
    )


def test_the_gradient_is_that_of_differences():
    small = (500.0, 500.0)
    kernels = {"focus": spot_kernels(PUPIL, small)}
    process = ProcessModel(kernels, MaskType(), Resist(threshold=0.5), {"nominal": Corner(1.0, "focus")})
    used = Simulator(process, dtype=torch.float64)
    mask = torch.rand(4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: used.expose(m, 125.0).print(), (mask,))


def test_on_a_larger_field_it_is_the_same_spot():
    own, wide = (4000.0, 4000.0), (6000.0, 8000.0)
    kernels, direct = extended(spot_kernels(PUPIL, own), wide), spot_kernels(PUPIL, wide)
    assert (len(kernels.weights), kernels.open_frame) == (0, pytest.approx(1))
    assert all(given >= needed for given, needed in zip(kernels.half, direct.half, strict=True))
    dose = torch.rand(60, 80, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    images = [image(dose, simulator(kernels={"focus": found})) for found in (kernels, direct)]
    np.testing.assert_allclose(*images, atol=1e-8)


def test_the_band_ends_where_nothing_passes():
    """At twice the half band: exp(-2 (pi sigma f)^2) = 1e-9; a step less passes more."""
    for half, side in zip(spot_half(PUPIL, FIELD), FIELD, strict=True):
        last, one_before = (math.exp(-2 * (math.pi * SIGMA_NM * 2 * h / side) ** 2) for h in (half, half - 1))
        assert last <= 1e-9 < one_before


@pytest.mark.parametrize(("field_nm", "defocus_nm"), [((0.0, 500.0), 0.0), ((500.0, math.inf), 0.0), (FIELD, math.nan)])
def test_impossible_settings_are_refused(field_nm, defocus_nm):
    with pytest.raises(KernelError, match="positive field and a finite defocus"):
        spot_kernels(PUPIL, field_nm, defocus_nm)


def test_fields_beyond_the_memory_are_refused():
    with pytest.raises(KernelError, match="too many spots of 550 nm for the memory; choose a smaller field"):
        spot_kernels(PUPIL, (1e7, 1e7))


def test_a_spot_has_no_pupil_to_sum_over():
    with pytest.raises(KernelError, match="without a mask and has no source or pupil"):
        build_socs(sample_source(Conventional(sigma=0.5), 5), PUPIL, FIELD)


def test_a_recipe_s_focus_makes_the_kernels():
    process = build_process(RECIPE, field_nm=FIELD, count=7)
    assert isinstance(process.recipe, Recipe)
    for name, defocus_nm in (("focus", 0.0), ("defocus+300nm", 300.0)):
        found = process.kernels[name]
        assert (len(found.weights), found.edge_error_nm, found.discarded_energy) == (0, 0.0, None)
        assert torch.equal(found.tail.linear, spot_kernels(PUPIL, FIELD, defocus_nm).tail.linear)
    assert torch.equal(
        process.at_focus(1234.0).kernels["focus"].tail.linear, spot_kernels(PUPIL, FIELD, 1234.0).tail.linear
    )
