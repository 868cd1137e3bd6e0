"""Kernels of a stated accuracy, against a plain sum over source points that shares no code with the package."""

import numpy as np
import pytest
import torch

from litho_dl.core.errors import KernelError, RecipeError
from litho_dl.optics.socs import focus_columns, leading_kernels
from litho_dl.optics.source import Dipole, sample_source
from litho_dl.optics.tail import with_mean
from litho_dl.optics.tcc import hopkins_tcc
from litho_dl.process.accuracy import accurate_kernels, edge_error, examples, with_tail
from litho_dl.process.ensemble import alternated, drawn_masks, ensemble_grid, gratings, optimised_masks
from litho_dl.process.kernel_file import load_kernels, save_kernels
from litho_dl.process.model import build_process
from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe
from litho_dl.simulation.simulator import Simulator

FIELD_NM = 768.0
SAMPLES = 161  # of the plain sum's source
ANNULAR = "duv193-immersion-annular"


def accurate(edge_error_nm: float = 0.25, name: str = ANNULAR) -> Recipe:
    settings = KernelSettings(field_nm=FIELD_NM, edge_error_nm=edge_error_nm)
    return load_recipe(name).model_copy(update={"kernels": settings})


@pytest.fixture(scope="module")
def process():
    return build_process(accurate())


def line_image(pitch_nm: float, width_nm: float, x: np.ndarray, defocus_nm: float) -> np.ndarray:
    """Abbe's image of clear lines through the annular immersion recipe, order by order, with 5 nm of diffusion."""
    wavelength, na, index, inner, outer = 193.0, 1.35, 1.44, 0.6, 0.9
    axis = (np.arange(SAMPLES) + 0.5) / SAMPLES * 2 - 1
    sx, sy = (part.ravel() for part in np.meshgrid(axis, axis))
    lit = (np.hypot(sx, sy) >= inner) & (np.hypot(sx, sy) <= outer)
    sx, sy = sx[lit], sy[lit]

    def pupil(px, py):
        rho2 = px**2 + py**2
        sine2 = na**2 * np.minimum(rho2, 1)
        size = ((1 - sine2 / 16) / (1 - sine2 / index**2)) ** 0.25
        phase = 2 * np.pi / wavelength * defocus_nm * (np.sqrt(index**2 - sine2) - index)
        return np.where(rho2 <= 1, size * np.exp(1j * phase), 0)

    most = int(2 * na / wavelength * pitch_nm)
    orders = np.arange(-most, most + 1)
    strength = width_nm / pitch_nm * np.sinc(orders * width_nm / pitch_nm)
    passed = strength * pupil(sx[:, None] + orders * wavelength / na / pitch_nm, sy[:, None])
    products = {}
    for i, m in enumerate(orders):
        for j, n in enumerate(orders):
            products[m - n] = products.get(m - n, 0) + (passed[:, i] * passed[:, j].conj()).sum()
    clear = (np.abs(pupil(sx, sy)) ** 2).sum()
    image = sum(
        value * np.exp(2j * np.pi * k * x / pitch_nm - 2 * (np.pi * 5.0 * k / pitch_nm) ** 2)
        for k, value in products.items()
    )
    return image.real / clear


@pytest.mark.parametrize("duty", [0.5, 0.25])
@pytest.mark.parametrize("focus_nm", [0.0, 30.0])
def test_line_widths_through_pitch(process, focus_nm, duty):
    """CD within 0.3 nm, so edges within 0.15 nm, wherever NILS is at least 1."""
    simulator, checked = Simulator(process, dtype=torch.float64), 0
    x = (np.arange(1536) + 0.5) / 2
    for pitch in (96.0, 128.0, 192.0, 256.0, 384.0, 768.0):
        drawn = np.abs((x + pitch / 2) % pitch - pitch / 2) < duty * pitch / 2
        mask = torch.from_numpy(drawn.astype(float)).expand(1536, -1)
        found = simulator.expose(mask, 0.5).intensity["focus" if focus_nm == 0 else "defocus+30nm"][0].numpy()
        exact = line_image(pitch, duty * pitch, x, focus_nm)
        slope = np.gradient(exact, 0.5)
        edges = np.flatnonzero((exact[1:] >= 0.25) != (exact[:-1] >= 0.25))
        edges = edges[np.abs(slope[edges]) * duty * pitch / 0.25 >= 1]
        checked += len(edges) > 0
        assert (np.abs((found - exact)[edges] / slope[edges]) <= 0.15).all(), pitch
    assert checked >= 3


def test_what_is_reached_is_said_and_kept(process, tmp_path):
    kernels = process.kernels["focus"]
    assert kernels.edge_error_nm is not None
    assert 0 < kernels.edge_error_nm <= 0.25
    assert kernels.open_frame == pytest.approx(1, abs=1e-9)
    assert 0.005 < kernels.discarded_energy < 0.2
    save_kernels(tmp_path / "k.safetensors", process)
    again = load_kernels(tmp_path / "k.safetensors")
    mask = (torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(1)) > 0.5).double()
    both = [Simulator(one, dtype=torch.float64)(mask, 12.0) for one in (process, again)]
    for name, own in process.kernels.items():
        assert again.kernels[name].edge_error_nm == own.edge_error_nm
        assert torch.equal(both[0].intensity[name], both[1].intensity[name])


def test_a_closer_tolerance_takes_more_kernels(process):
    closer = accurate_kernels(accurate(0.07), (FIELD_NM, FIELD_NM), 0.0, 0.07)
    assert closer.edge_error_nm is not None
    assert closer.edge_error_nm <= 0.07
    assert len(closer.weights) > len(process.kernels["focus"].weights)


def test_the_fitted_part_places_edges_closer():
    """Without it, the mean of the missing light alone is left."""
    recipe = accurate()
    grid = ensemble_grid(recipe, (FIELD_NM, FIELD_NM))
    columns = focus_columns(sample_source(recipe.source, 61), recipe.pupil, (FIELD_NM, FIELD_NM))
    tcc, masks = hopkins_tcc(columns), drawn_masks(recipe, grid, 4, 3)
    kernels = leading_kernels(columns, 16, tcc=tcc)
    shown = examples(masks, recipe, grid, kernels.half, tcc)
    mean = edge_error(shown, with_mean(kernels, tcc.diagonal), recipe, grid)
    fitted = edge_error(shown, with_tail(kernels, tcc.diagonal, shown), recipe, grid)
    assert edge_error(shown, kernels, recipe, grid) > mean > 1.5 * fitted


def test_grey_masks_are_imaged_nearly_as_well(process):
    """As an optimisation makes them: 0.11 nm where two-valued ones have 0.10 nm; intensities stay above -1e-4."""
    recipe, kernels = accurate(), process.kernels["focus"]
    grid = ensemble_grid(recipe, (FIELD_NM, FIELD_NM))
    tcc = hopkins_tcc(focus_columns(sample_source(recipe.source, 161), recipe.pupil, (FIELD_NM, FIELD_NM)))
    drawn = drawn_masks(recipe, grid, 4, 3)
    sharp = optimised_masks(drawn, grid, kernels, recipe)
    grey = torch.nn.functional.avg_pool2d(sharp[:, None], 5, 1, 2)[:, 0]
    errors = [
        edge_error(examples(own, recipe, grid, kernels.half, tcc), kernels, recipe, grid) for own in (sharp, grey)
    ]
    assert errors[1] < 1.5 * errors[0] < 0.3
    lone = torch.zeros(1, *grid.shape, dtype=torch.float64)
    lone[:, 40:48, 40:48] = 1
    simulator = Simulator(process, dtype=torch.float64)
    for masks in (sharp, grey, lone, 0.3 * lone):
        assert simulator.expose(masks, grid.pixel_nm).intensity["focus"].min() > -1e-4


def test_a_coarse_source_is_not_believed():
    """Neither one that the recipe fixes, which is refused, nor poles that need finer cells, which get them."""
    recipe = accurate()
    coarse = recipe.model_copy(update={"kernels": KernelSettings(field_nm=400, edge_error_nm=0.25, source_samples=11)})
    with pytest.raises(KernelError, match=r"11 source samples, which leave .* nm alone; raise .*, or source_samples"):
        accurate_kernels(coarse, (400.0, 400.0), 0.0, 0.25)
    poles, field = Dipole(sigma_inner=0.8, sigma_outer=0.9, opening_deg=30, axis="x"), (FIELD_NM, FIELD_NM)
    thin = recipe.model_copy(update={"source": poles})
    kernels = accurate_kernels(thin, field, 0.0, 0.25)
    grid, columns = ensemble_grid(thin, field), focus_columns(sample_source(poles, 401), thin.pupil, field)
    shown = examples(drawn_masks(thin, grid, 4, 3), thin, grid, kernels.half, hopkins_tcc(columns))
    assert edge_error(shown, kernels, thin, grid) < 0.25


def test_what_cannot_be_reached_is_refused():
    with pytest.raises(KernelError, match=r"Expected kernels with edges within 1e-06 nm, got .* nm with"):
        accurate_kernels(accurate(1e-6), (400.0, 400.0), 0.0, 1e-6)
    dark = accurate()
    dark = dark.model_copy(update={"resist": dark.resist.model_copy(update={"threshold": 50.0})})
    with pytest.raises(KernelError, match="with edges at the threshold 50, got nearly none"):
        accurate_kernels(dark, (400.0, 400.0), 0.0, 0.25)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"edge_error_nm": 0.25, "count": 24}, "give edge_error_nm, or count and energy"),
        ({"count": 24}, "give edge_error_nm, or source_samples"),
        ({"edge_error_nm": 0.0}, "edge_error_nm"),
    ],
)
def test_settings_that_contradict_each_other(keys, told, tmp_path):
    table = "[kernels]\nfield_nm = 512.0\n" + "".join(f"{name} = {value}\n" for name, value in keys.items())
    text = '[pupil]\nwavelength_nm = 193.0\nna = 0.9\n[source]\nshape = "conventional"\nsigma = 0.7\n'
    corners = "".join(f"{name} = {{ dose = 1.0, defocus_nm = 0.0 }}\n" for name in ("nominal", "outer", "inner"))
    path = tmp_path / "r.toml"
    path.write_text(f'description = "x"\n{text}[resist]\nthreshold = 0.3\n[corners]\n{corners}{table}')
    with pytest.raises(RecipeError, match=told):
        load_recipe(path)


def test_source_samples_grow_with_the_field():
    recipe = accurate()
    assert recipe.source_samples((512.0, 512.0)) == 161
    assert recipe.source_samples((4096.0, 32768.0)) > recipe.source_samples((16384.0, 16384.0)) > 161
    # Points on a square grid light a mask coherently again at wavelength samples / (2 NA).
    assert 193 * recipe.source_samples((8192.0, 8192.0)) / 2.7 > 8192


def test_masks_of_the_ensemble():
    """Drawn ones are the same for a seed and leave the border free; optimised ones have features beside the drawn."""
    recipe = accurate()
    grid = ensemble_grid(recipe, (FIELD_NM, 1.5 * FIELD_NM))
    assert grid.shape[1] * 2 == grid.shape[0] * 3
    assert grid.pixel_nm <= 0.056 * 193 / 1.35
    drawn = drawn_masks(recipe, grid, 3, 1)
    assert torch.equal(drawn, drawn_masks(recipe, grid, 3, 1))
    assert not torch.equal(drawn, drawn_masks(recipe, grid, 3, 2))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert drawn.flatten(1).sum(1).min() > 0
    assert drawn[:, :2].sum() == 0
    square = ensemble_grid(recipe, (FIELD_NM, FIELD_NM))
    drawn = drawn_masks(recipe, square, 2, 1)
    kernels = build_process(recipe, count=8).kernels["focus"]
    made = optimised_masks(drawn, square, kernels, recipe)
    assert set(made.unique().tolist()) == {0.0, 1.0}
    assert ((made == 1) & (drawn == 0)).flatten(1).sum(1).min() > 0.02 * drawn[0].numel()


def test_fields_that_cannot_hold_the_masks_are_refused():
    with pytest.raises(KernelError, match="a field of at least 4 wavelength / NA"):
        accurate_kernels(accurate(), (60.0, 60.0), 0.0, 0.25)
    with pytest.raises(KernelError, match="choose sides in a ratio of small whole numbers"):
        ensemble_grid(accurate(), (512.0, 512.123))


def test_gratings_have_their_duty_and_pitch():
    grid = ensemble_grid(accurate(), (FIELD_NM, FIELD_NM))
    lines = gratings(accurate(), grid)
    torch.testing.assert_close(lines.mean((2, 3)), torch.tensor([0.5, 0.5, 0.25, 0.25]).double().expand(len(lines), 4))
    torch.testing.assert_close(lines[:, 0], lines[:, 1].mT)
    strongest = torch.fft.rfft(lines[:, 0, 0]).abs()[:, 1:].argmax(1) + 1
    assert strongest[0] == int(FIELD_NM / (0.65 * 193 / 1.35))
    assert strongest[-1] == 1


def test_foci_of_counted_kernels_are_counted(process):
    """No process mixes kernels with and without a tail."""
    counted = build_process(accurate(), count=6)
    assert counted.at_focus(20.0).kernels["focus"].tail is None
    assert process.at_focus(20.0).kernels["focus"].tail is not None


def test_every_second_shape_of_an_alternating_mask_is_turned():
    row = torch.tensor([0.0, 1, 1, 0, 0.5, 0, 1, 0]).double()
    found = alternated(row.expand(1, 3, 8))
    torch.testing.assert_close(found[0, 1], torch.tensor([0.0, 1, 1, 0, -0.5, 0, 1, 0]).double())
