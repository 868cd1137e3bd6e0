"""Source-mask optimisation: Abbe imaging differentiable in the source, and the trainable source."""

import tomllib

import numpy as np
import pytest
import torch
from scenes.vector_optics import STACK

from litho_dl.core.errors import GridMismatchError, LithoError
from litho_dl.core.settings import toml_text
from litho_dl.ilt.method import Level, Method
from litho_dl.ilt.solve import solve_targets
from litho_dl.optics import abbe
from litho_dl.optics.abbe import points_intensity_spectrum
from litho_dl.optics.mask import MaskType
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import focus_columns, shifted_pupils
from litho_dl.optics.source import Dipole, Multipole, Pole, sample_source
from litho_dl.optics.topography import EdgeLayers, Layer, Topography
from litho_dl.process.files import load_process
from litho_dl.process.freeform import save_freeform
from litho_dl.process.model import ProcessModel, build_process
from litho_dl.process.recipe import Recipe, load_recipe
from litho_dl.simulation import passband
from litho_dl.simulation.simulator import Simulator
from litho_dl.simulation.source_simulator import SourceSimulator, fill_shift

FIELD = (512.0, 512.0)
SAMPLES = 9
LOPSIDED = Multipole(poles=[Pole(x=0.5, y=0.2, radius=0.25), Pole(x=-0.1, y=-0.6, radius=0.3, weight=2)])
DRY, WET = load_recipe("duv193-dry-annular"), load_recipe("duv193-immersion-annular")
VECTOR = WET.pupil.model_copy(update={"imaging": "vector"})
TE = WET.source.model_copy(update={"polarization": "te"})
METHOD = Method(
    description="for tests",
    parameterization="pixel",
    optimizer="adam",
    objective={"l2": 1.0, "pvb": 1.0},
    levels=(Level(pixel_nm=16, steps=30, learning_rate=(0.1, 0.05), mask_sharpness=(8, 8), resist_steepness=(50, 50)),),
    source_learning_rate=0.2,
)


def full_rank(recipe: Recipe, samples: int = SAMPLES, **changes) -> ProcessModel:
    """Every kernel of a recipe whose source is sampled as the trainable one is."""
    kernels = recipe.kernels.model_copy(update={"source_samples": samples, "edge_error_nm": None})
    return build_process(recipe.model_copy(update={"kernels": kernels, **changes}), field_nm=FIELD)


def simulator(process: ProcessModel | None = None, **settings) -> SourceSimulator:
    process = full_rank(DRY) if process is None else process
    return SourceSimulator(process, samples=SAMPLES, **{"dtype": torch.float64, **settings})


def with_logits(made: SourceSimulator, scale: float, seed: int = 0) -> SourceSimulator:
    """The simulator with random changes of its source."""
    values = torch.randn(made.source_logits.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    with torch.no_grad():
        made.source_logits.copy_(scale * values)
    return made


def random_masks(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 32, 32, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def lines() -> torch.Tensor:
    """Lines along y, 64 nm wide, at two pitches near the resolution of the dry lens."""
    target = torch.zeros(2, 32, 32, dtype=torch.float64)
    for clip, pitch in zip(target, (11, 9), strict=True):
        for first in range(2, 27, pitch):
            clip[6:26, first : first + 4] = 1
    return target


# Abbe imaging, differentiable in the source


@pytest.fixture(scope="module")
def lopsided():
    """A spectrum batch, whole and cut pupils, and weights of a source without symmetry, through an aberrated lens."""
    optics = sample_source(LOPSIDED, 7), Pupil(wavelength_nm=193.0, na=0.85, zernike_waves={7: 0.06}), (400.0, 500.0)
    pupils, points = shifted_pupils(*optics, 40.0), focus_columns(*optics, defocus_nm=40.0).all()
    generator = torch.Generator().manual_seed(1)
    spectrum = torch.randn(2, *pupils.shape[1:], dtype=torch.complex128, generator=generator)
    return spectrum, pupils, points, torch.rand(len(pupils), dtype=torch.float64, generator=generator)


def test_the_image_of_cut_pupils_is_that_of_whole_ones(lopsided):
    """Against sum_s J_s |F^-1{S P_s}|^2 / sum_s J_s |P_s(0)|^2 on a grid that holds the whole band."""
    spectrum, pupils, points, weights = lopsided
    assert points.values.shape[2] < pupils.shape[1]
    assert points.values.shape[3] < pupils.shape[2]
    (height, width), (h_y, h_x) = (48, 48), (pupils.shape[1] // 2, pupils.shape[2] // 2)
    fields = torch.fft.ifft2(spectrum[:, None] * pupils, s=(height, width), norm="forward")
    clear = (weights * pupils[:, h_y, h_x].abs().square()).sum()
    expected = torch.fft.fft2((weights[:, None, None] * fields.abs().square()).sum(1) / clear, norm="forward")
    found = points_intensity_spectrum(spectrum, points, weights)
    half_y, half_x = found.shape[-2] // 2, found.shape[-1] - 1
    rows = torch.arange(-half_y, half_y + 1) % height
    torch.testing.assert_close(found, expected[:, rows][..., : half_x + 1], atol=1e-12, rtol=1e-12)
    expected[:, rows[:, None], torch.arange(-half_x, half_x + 1) % width] = 0
    assert expected.abs().max() < 1e-12  # nothing lies beyond what is returned


def test_every_passed_frequency_is_cut_out(lopsided):
    """Windows of one size stay inside the spectrum and hold all that passes."""
    _, pupils, points, _ = lopsided
    places = points.places.flatten(1)
    again = torch.zeros_like(pupils).flatten(1).scatter(1, places, points.values[:, 0].flatten(1))
    torch.testing.assert_close(again.view_as(pupils), pupils, atol=1e-14, rtol=0)
    h_y, h_x = pupils.shape[1] // 2, pupils.shape[2] // 2
    torch.testing.assert_close(points.clear, pupils[:, h_y, h_x].abs().square())


@pytest.mark.parametrize("kept", [2**25, 0], ids=["kept", "computed again"])
def test_gradients_in_weights_and_spectrum(lopsided, monkeypatch, kept):
    spectrum, _, points, weights = lopsided
    monkeypatch.setattr(abbe, "KEPT_VALUES", kept)
    monkeypatch.setattr(abbe, "FIELDS_AT_ONCE", 2)  # several chunks
    inputs = spectrum[:1].clone().requires_grad_(), weights.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda s, w: points_intensity_spectrum(s, points, w), inputs, fast_mode=True)


# The trainable source


@pytest.mark.parametrize(
    ("recipe", "changes", "symmetry"),
    [
        (DRY, {}, "xy"),
        (WET, {"source": LOPSIDED, "pupil": WET.pupil.model_copy(update={"zernike_waves": {8: 0.04}})}, "none"),
        (WET, {"source": TE, "pupil": VECTOR}, "xy"),
        (
            WET,
            {"source": TE, "pupil": VECTOR.model_copy(update={"focus_blur_nm": 20.0, "flare": 0.03}), "film": STACK},
            "xy",
        ),
    ],
    ids=["dry annular", "wet lopsided", "vector", "film, blur and flare"],
)
def test_at_the_recipes_source_it_is_the_socs_simulator_at_full_rank(recipe, changes, symmetry):
    process = full_rank(recipe, **changes)
    found = simulator(process, symmetry=symmetry, floor=1e-14)(random_masks(), 16.0, out_pixel_nm=8.0)
    expected = Simulator(process, dtype=torch.float64)(random_masks(), 16.0, out_pixel_nm=8.0)
    assert set(found.corners) == {"nominal", "outer", "inner"}
    for corner in found.corners:
        torch.testing.assert_close(found.aerial(corner), expected.aerial(corner), atol=1e-10, rtol=0)


def test_thick_masks_are_imaged_with_their_edges(monkeypatch):
    layer = Layer(zeroth_nm=(-4.0, 2.0), first_nm2=(5.0, 20.0))
    edges = EdgeLayers(parallel=layer, perpendicular=Layer(zeroth_nm=(-2.0, 4.0)))
    monkeypatch.setattr(passband, "QUADRATURE", 1e-13)
    for changes, tolerance in (({}, 1e-10), ({"source": TE, "pupil": VECTOR}, 2e-3)):
        process = full_rank(WET, mask=MaskType(bias_nm=1.5, topography=Topography(x=edges)), **changes)
        thin = full_rank(WET, **changes)
        found, other = (simulator(own, floor=1e-14)(random_masks(), 16.0).aerial() for own in (process, thin))
        expected = Simulator(process, dtype=torch.float64)(random_masks(), 16.0).aerial()
        assert (found - expected).abs().max() < tolerance
        assert (found - other).abs().max() > 0.01


@pytest.mark.parametrize("scale", [0.0, 3.0, 300.0])
def test_a_clear_mask_images_to_one_whatever_the_source(scale):
    made = with_logits(simulator(), scale)
    for image in made.expose(torch.ones(32, 32, dtype=torch.float64), 16.0).intensity.values():
        torch.testing.assert_close(image, torch.ones_like(image), atol=1e-12, rtol=0)


def test_gradients_of_polarised_imaging_in_a_film():
    """In mask and source, in float64 on a small field."""
    recipe = WET.model_copy(update={"pupil": VECTOR, "source": TE, "film": STACK.model_copy(update={"image": 40.0})})
    process = build_process(recipe, field_nm=(200.0, 200.0), count=4)
    made = SourceSimulator(process, samples=5, dtype=torch.float64)
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()

    def image(mask: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        exposure = torch.func.functional_call(made, {"source_logits": logits}, (mask, 40.0))
        return torch.stack([exposure.aerial(name) for name in ("nominal", "inner")])

    logits = torch.zeros_like(made.source_logits).requires_grad_()
    assert torch.autograd.gradcheck(image, (mask, logits), fast_mode=True)


def test_a_source_of_several_polarisations_is_refused():
    poles = Multipole(poles=[Pole(x=0.5, y=0, radius=0.3, polarization="y"), Pole(x=0, y=0.5, radius=0.3)])
    process = full_rank(WET, source=poles, pupil=VECTOR)
    with pytest.raises(LithoError, match="one polarisation, which its map keeps, got poles of unpolarized, y"):
        simulator(process)


def test_moving_to_another_dtype_keeps_the_source():
    made = with_logits(simulator(), 2.0)
    before = made.expose(random_masks(), 16.0).intensity["focus"].detach()
    after = made.float().expose(random_masks(), 16.0).intensity["focus"]
    assert after.dtype == torch.float32
    torch.testing.assert_close(after.double(), before, atol=1e-5, rtol=0)


def test_mirrored_sources_stay_mirrored():
    process = full_rank(DRY, source=LOPSIDED)
    made = simulator(process, symmetry="xy")
    assert made.source_logits.shape == ((SAMPLES + 1) // 2,) * 2
    free = simulator(process, symmetry="none").source_map()
    whole = np.mean([free, free[::-1], free[:, ::-1], free[::-1, ::-1]], axis=0)
    lit = made.source_map() > 0
    assert (lit == (whole > 0)).all()
    image = with_logits(made, 2.0).source_map()
    for mirrored in (image[::-1], image[:, ::-1]):
        np.testing.assert_allclose(image, mirrored, atol=1e-12)
    unbalanced = with_logits(simulator(symmetry="none"), 2.0).source_map()
    assert np.abs(unbalanced - unbalanced[:, ::-1]).max() > 0.1
    assert np.abs(unbalanced - unbalanced[::-1]).max() > 0.1


@pytest.mark.parametrize("smooth_sigma", [0.0, 0.1])
def test_one_change_spreads_as_a_gaussian(smooth_sigma):
    made = simulator(symmetry="none", smooth_sigma=smooth_sigma, minimum_fill=1e-6)
    before = torch.logit(made.brightness())
    with torch.no_grad():
        made.source_logits[4, 5] = 1.0  # sigma = (2 / 9, 0), far enough from the rim
    change = (torch.logit(made.brightness()) - before).detach().numpy()
    distance2 = np.square(made.cells.points - (2 / 9, 0.0)).sum(1)
    if smooth_sigma == 0:
        np.testing.assert_allclose(change, (distance2 < 1e-9).astype(float), atol=1e-12)
        return
    near = distance2 < 0.1
    np.testing.assert_allclose(change[near] / change.max(), np.exp(-distance2[near] / 0.02), atol=1e-3)
    everywhere = with_logits(made, 0.0)
    with torch.no_grad():
        everywhere.source_logits.fill_(0.7)
    np.testing.assert_allclose((torch.logit(made.brightness()) - before).detach().numpy(), 0.7, atol=1e-12)


def test_few_points_cannot_win():
    """One pixel alone wants to shine: the pupil stays filled, and no pixel is brighter than the bound."""
    made = simulator(symmetry="none", smooth_sigma=0.0, minimum_fill=0.2)
    with torch.no_grad():
        made.source_logits.fill_(-30.0)
        made.source_logits[4, 6] = 30.0
    assert made.fill() == pytest.approx(0.2, abs=1e-9)
    brightness = made.brightness().detach()
    assert brightness.max() <= 1
    assert (brightness > 0.05).double().mean() > 0.2
    with torch.no_grad():
        made.source_logits.fill_(1.0)
    assert made.fill() > 0.3  # no lift where none is needed
    lifted = fill_shift(made.start_logits + 1, made.coverage, 0.2)
    assert float(lifted) == 0


def test_the_lift_is_differentiable():
    coverage = torch.rand(12, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    logits = (torch.arange(12, dtype=torch.float64) / 4 - 4).requires_grad_()
    assert fill_shift(logits, coverage, 0.4) > 1
    assert torch.autograd.gradcheck(lambda x: torch.sigmoid(x + fill_shift(x, coverage, 0.4)), (logits,))


def test_a_start_below_the_minimum_fill_is_kept():
    process = full_rank(DRY, source=Dipole(sigma_inner=0.5, sigma_outer=0.8, opening_deg=30, axis="x"))
    made = simulator(process, floor=1e-9, minimum_fill=0.5)
    assert made.fill() < 0.2
    weights, own = (made.coverage * made.brightness()).detach().numpy(), sample_source(process.recipe.source, SAMPLES)
    np.testing.assert_allclose(np.sort(weights / weights.sum())[-len(own.weights) :], np.sort(own.weights), atol=1e-6)


# In the loop


def test_source_and_mask_together_beat_the_mask_alone():
    made, fixed = simulator(floor=0.02), simulator(floor=0.02)
    joint = solve_targets(made, lines(), 16.0, METHOD)
    alone = solve_targets(fixed, lines(), 16.0, METHOD.model_copy(update={"source_learning_rate": 0.0}))
    assert not fixed.source_logits.any()
    assert (made.source_logits.grad == 0).sum() == 3  # the corner outside the unit disc
    assert joint.history["objective"][-1].sum() < 0.85 * alone.history["objective"][-1].sum()
    moments = [source.weights @ np.abs(source.points) for source in (made.source(), fixed.source())]
    assert moments[0][0] - moments[0][1] > moments[1][0] - moments[1][1] + 0.05  # lines along y want poles along x


def test_the_source_has_its_own_constant_rate():
    """Adam's first step moves every parameter by its rate, whatever the mask's."""
    made = simulator(smooth_sigma=0.0)
    one = METHOD.model_copy(update={"levels": (METHOD.levels[0].model_copy(update={"steps": 1}),)})
    solve_targets(made, lines(), 16.0, one)
    moved = made.source_logits.detach().abs()
    assert moved[1:].max() == pytest.approx(0.2, rel=1e-4)
    still = METHOD.model_copy(update={"levels": one.levels, "source_learning_rate": 0.0})
    fixed = simulator(smooth_sigma=0.0)
    solve_targets(fixed, lines(), 16.0, still)
    assert not fixed.source_logits.any()
    frozen = simulator(smooth_sigma=0.0).requires_grad_(False)
    solve_targets(frozen, lines(), 16.0, one)
    assert not frozen.source_logits.any()


def test_the_other_optimizer_moves_the_source_too():
    made = simulator(smooth_sigma=0.0)
    sgd = METHOD.model_copy(update={"optimizer": "sgd", "momentum": 0.0, "source_learning_rate": 0.3})
    solve_targets(
        made, lines(), 16.0, sgd.model_copy(update={"levels": (sgd.levels[0].model_copy(update={"steps": 1}),)})
    )
    assert made.source_logits.detach().abs().max() == pytest.approx(0.3, rel=1e-6)


# The source as a file


def test_a_saved_source_images_as_the_simulator_does(tmp_path):
    process = full_rank(DRY, description='a "quoted" name')
    made = with_logits(simulator(process, symmetry="none", smooth_sigma=0.0), 1.0, seed=5)
    with torch.no_grad():  # a random half of the pixels in greys above `DARK`, the others off
        made.start_logits.zero_()
        made.source_logits[torch.rand(SAMPLES, SAMPLES, generator=torch.Generator().manual_seed(6)) < 0.5] = -40
    path = save_freeform(tmp_path, process.recipe, made.source_map(), field_nm=FIELD[0])
    again = load_process(path)
    assert again.field_nm == FIELD
    for part in ("pupil", "mask", "resist", "corners"):
        assert getattr(again.recipe, part) == getattr(process.recipe, part)
    found, expected = (s.expose(random_masks(), 16.0).intensity for s in (Simulator(again, dtype=torch.float64), made))
    for name in expected:
        torch.testing.assert_close(found[name], expected[name].detach(), atol=1e-8, rtol=0)
    own = sample_source(again.recipe.source, SAMPLES)
    np.testing.assert_allclose(own.points, made.source().points)
    np.testing.assert_allclose(own.weights, made.source().weights, atol=1e-12)


def test_a_saved_source_keeps_polarisation_and_film(tmp_path):
    process = full_rank(WET, source=TE, pupil=VECTOR, film=STACK)
    made = simulator(process, symmetry="none", smooth_sigma=0.0)
    again = load_recipe(save_freeform(tmp_path, process.recipe, made.source_map(), field_nm=FIELD[0]))
    assert again.source.polarization == "te"
    assert again.film == STACK
    assert again.pupil == VECTOR


def test_a_saved_source_is_sampled_as_finely_as_the_recipe_was(tmp_path):
    path = save_freeform(tmp_path, DRY, np.ones((15, 15)), field_nm=512.0)
    assert DRY.source_samples((512.0, 512.0)) == 161
    assert load_recipe(path).kernels.source_samples == 165


def test_toml_text_reads_back():
    table = {
        "text": 'a "b" \\ \n é \x7f',
        "number": -1.5e-7,
        "flag": True,
        "poles": [{"x": 0.5, "odd key": 1}, {"x": 2.0}],
        "part": {"7": 0.25, "inner": {"dose": 1.0, "nested": {"a": [1, 2]}}, "a.b": "c"},
    }
    assert tomllib.loads(toml_text({**table, "absent": None})) == table
    assert tomllib.loads(toml_text({"part": {"x": 1, "absent": None}})) == {"part": {"x": 1}}


# Bad input


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 9.5}, "at least 3 x 3 pixels, got 9.5 on a side"),
        ({"samples": 2}, "at least 3 x 3 pixels, got 2 on a side"),
        ({"symmetry": "x"}, "symmetry among none, xy, got 'x'"),
        ({"floor": 0.0}, r"floor in \(0, 0.5\), got 0"),
        ({"minimum_fill": 1.0}, r"minimum pupil fill in \(0, 1\), got 1"),
        ({"smooth_sigma": -0.1}, r"smoothing length in \[0, 1\] sigma, got -0.1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(LithoError, match=message):
        SourceSimulator(full_rank(DRY), **settings)


def test_a_mask_of_another_field_is_refused():
    with pytest.raises(LithoError, match="512 x 512 nm"):
        simulator()(torch.ones(31, 32), 16.0)


def test_a_process_of_another_field_is_refused():
    process = simulator().process
    with pytest.raises(GridMismatchError, match="made for a field of"):
        SourceSimulator(process, field_nm=2 * process.field_nm[0])
