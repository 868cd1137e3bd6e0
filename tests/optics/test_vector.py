"""Vector imaging against a plain sum in numpy, interference formulas, and the limits where it is scalar."""

import numpy as np
import pytest
import torch
from scenes.vector_optics import STACK, WATER, WAVELENGTH_NM, WET, abbe_image, states_at

from litho_dl.core.dft import analyse, analysis, full_spectrum, synthesis, synthesise
from litho_dl.core.errors import KernelError, RecipeError
from litho_dl.core.grid import Grid
from litho_dl.optics import modes
from litho_dl.optics.abbe import abbe_intensity_spectrum
from litho_dl.optics.columns import clear_image, fewest
from litho_dl.optics.film import Film, Layer, Substrate
from litho_dl.optics.imaging import intensity_spectrum
from litho_dl.optics.jones import jones_matrices, read_jones
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import build_socs, focus_columns, passed_half
from litho_dl.optics.source import Annular, Dipole, Multipole, Pole, Source, sample_source
from litho_dl.optics.vector import vector_pupil

GRID = Grid((13, 16), 22.0)  # 286 x 352 nm
POLARIZATIONS = ["unpolarized", "x", "y", "te", "tm"]
POINTS = np.array([(0.0, 0.0), (0.62, -0.31), (-0.1, 0.85), (-0.55, -0.6)])
WEIGHTS = np.array([0.1, 0.3, 0.4, 0.2])
F64 = {"dtype": torch.float64, "device": torch.device("cpu")}


def mask() -> np.ndarray:
    """Without symmetry; constant on pixels."""
    return np.random.default_rng(3).random(GRID.shape)


def lit(polarization: str, points: np.ndarray = POINTS, weights: np.ndarray = WEIGHTS) -> Source:
    states = np.zeros((len(points), 2, 2))
    for own, point in zip(states, points, strict=True):
        found = states_at(polarization, *point)
        own[: len(found)] = found
    return Source(points, weights, states)


def spectrum_of(amplitude: np.ndarray, half: tuple[int, int], grid: Grid) -> torch.Tensor:
    """The discrete transform of the pixels, as numpy's."""
    return full_spectrum(analyse(torch.from_numpy(amplitude), analysis(grid, half, reference_nm=grid.pixel_nm, **F64)))


def evaluate(image: torch.Tensor, grid: Grid) -> np.ndarray:
    half = image.shape[-2] // 2, image.shape[-1] - 1
    return synthesise(image, synthesis(grid, half, **F64)).numpy()


def abbe(source: Source, pupil: Pupil, *, amplitude=None, grid=GRID, film=None, defocus_nm=0.0) -> np.ndarray:
    spectrum = spectrum_of(
        mask() if amplitude is None else amplitude, passed_half(pupil, source.sigma_max, grid.field_nm), grid
    )
    return evaluate(
        abbe_intensity_spectrum(spectrum, source, pupil, grid.field_nm, film=film, defocus_nm=defocus_nm), grid
    )


def socs(source: Source, pupil: Pupil, *, film=None, defocus_nm=0.0, count=None) -> np.ndarray:
    kernels = build_socs(source, pupil, GRID.field_nm, film=film, defocus_nm=defocus_nm, count=count)
    return evaluate(intensity_spectrum(spectrum_of(mask(), kernels.half, GRID), kernels.weighted_spectra), GRID)


# Against a plain sum


@pytest.mark.parametrize("defocus_nm", [0.0, 60.0])
@pytest.mark.parametrize("polarization", POLARIZATIONS)
def test_the_image_is_that_of_the_plain_sum(polarization, defocus_nm):
    pupil = WET.model_copy(update={"zernike_waves": {8: 0.03}})
    found = abbe(lit(polarization), pupil, defocus_nm=defocus_nm)
    expected = abbe_image(
        mask(),
        GRID.pixel_nm,
        POINTS,
        WEIGHTS,
        lambda x, y: states_at(polarization, x, y),
        pupil=pupil,
        defocus_nm=defocus_nm,
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize(("polarization", "defocus_nm"), [("unpolarized", 0.0), ("te", -40.0), ("x", 25.0)])
@pytest.mark.parametrize("depth_nm", [0.0, 37.0])
def test_the_image_in_a_film_is_that_of_the_plain_sum(polarization, defocus_nm, depth_nm):
    film = STACK.model_copy(update={"image": depth_nm})
    found = abbe(lit(polarization), WET, film=film, defocus_nm=defocus_nm)
    expected = abbe_image(
        mask(),
        GRID.pixel_nm,
        POINTS,
        WEIGHTS,
        lambda x, y: states_at(polarization, x, y),
        film=film,
        depths=[(depth_nm, 1.0)],
        defocus_nm=defocus_nm,
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


def test_the_mean_over_the_resist_is_that_of_many_depths():
    """Of the midpoint rule with 30 depths, whose error falls with their square; Gauss's own depths to rounding."""
    source, pair = lit("unpolarized", POINTS[1:3], np.array([0.4, 0.6])), (POINTS[1:3], np.array([0.4, 0.6]))
    found = abbe(source, WET, film=STACK)
    nodes, weights = (part.tolist() for part in STACK.depths(WAVELENGTH_NM))
    middles = [((i + 0.5) * 3.0, 1 / 30) for i in range(30)]
    exact, rough = (
        abbe_image(mask(), GRID.pixel_nm, *pair, lambda x, y: states_at("unpolarized", x, y), film=STACK, depths=depths)
        for depths in (list(zip(nodes, weights, strict=True)), middles)
    )
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found, rough, rtol=0, atol=2e-3)


def turned_lens(x, y):
    """A smooth Jones pupil: retardance and rotation that grow with the radius, linear between samples."""
    return np.array([[1 + 0.2j * x, 0.1 * y], [-0.1 * y, 1 - 0.2j * x + 0.05]])


def test_a_jones_pupil_acts_before_the_split(tmp_path):
    axis = np.linspace(-1, 1, 3)
    samples = np.stack([[turned_lens(x, y) for x in axis] for y in axis]).transpose(2, 3, 0, 1)
    np.save(tmp_path / "jones.npy", samples)
    pupil = WET.model_copy(update={"jones": tmp_path / "jones.npy"})
    expected = abbe_image(
        mask(), GRID.pixel_nm, POINTS, WEIGHTS, lambda x, y: states_at("te", x, y), jones=turned_lens, defocus_nm=20.0
    )
    np.testing.assert_allclose(abbe(lit("te"), pupil, defocus_nm=20.0), expected, rtol=0, atol=1e-11)


# SOCS


SYSTEMS = {
    "unpolarised": (Annular(sigma_inner=0.5, sigma_outer=0.85), None, 30.0, 0.0),
    "TE, film": (
        Dipole(sigma_inner=0.5, sigma_outer=0.85, opening_deg=60, axis="x", polarization="te"),
        STACK,
        0.0,
        0.0,
    ),
    "one mirror": (Multipole(poles=[Pole(x=0.4, y=0, radius=0.4)], polarization="te"), None, 0.0, 0.0),
    "mixed poles, film, blur": (
        Multipole(
            poles=[Pole(x=0.6, y=0, radius=0.2, polarization="y"), Pole(x=0, y=-0.5, radius=0.3)], polarization="tm"
        ),
        STACK.model_copy(update={"image": 60.0}),
        -25.0,
        20.0,
    ),
}


@pytest.fixture(params=SYSTEMS, scope="module")
def system(request):
    shape, film, defocus_nm, blur_nm = SYSTEMS[request.param]
    return sample_source(shape, 13), WET.model_copy(update={"focus_blur_nm": blur_nm}), film, defocus_nm


@pytest.mark.parametrize("direct", [True, False], ids=["from A", "from A A^H"])
def test_full_rank_socs_equals_abbe(system, direct, monkeypatch):
    source, pupil, film, defocus_nm = system
    monkeypatch.setattr(modes, "DIRECT_COLUMNS", 10**9 if direct else 0)
    expected = abbe(source, pupil, film=film, defocus_nm=defocus_nm)
    np.testing.assert_allclose(socs(source, pupil, film=film, defocus_nm=defocus_nm), expected, rtol=0, atol=1e-11)


def test_both_ways_to_the_modes_agree_on_few_kernels(system, monkeypatch):
    source, pupil, film, defocus_nm = system
    found = []
    for direct in (10**9, 0):
        monkeypatch.setattr(modes, "DIRECT_COLUMNS", direct)
        kernels = build_socs(source, pupil, GRID.field_nm, film=film, defocus_nm=defocus_nm, count=9)
        found.append((kernels.weights, kernels.discarded_energy))
        assert len(kernels.weights) == 9
        assert kernels.open_frame == pytest.approx(clear_image(source, pupil, film), abs=1e-12)
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9)
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-11)


@pytest.mark.parametrize("field_nm", [(20.0, 352.0), (286.0, 30.0), (20.0, 30.0)])
def test_a_field_that_passes_one_row_of_frequencies(field_nm, monkeypatch):
    source = sample_source(Annular(sigma_inner=0.5, sigma_outer=0.85), 13)
    weights = []
    for direct in (10**9, 0):
        monkeypatch.setattr(modes, "DIRECT_COLUMNS", direct)
        weights.append(build_socs(source, WET, field_nm, film=STACK, count=3).weights)
    np.testing.assert_allclose(*weights, rtol=1e-9)


def test_the_fewest_fields_give_the_same_sums():
    generator = torch.Generator().manual_seed(0)
    three = torch.randn(4, 3, 5, 6, dtype=torch.complex128, generator=generator)
    mix = torch.randn(4, 7, 3, dtype=torch.complex128, generator=generator)
    many = torch.einsum("sqr,sryx->sqyx", mix, three)
    few = fewest(many)
    assert few.shape == (4, 3, 5, 6)
    for one in (lambda v: torch.einsum("sqyx,sqvu->syxvu", v, v.conj()),):
        torch.testing.assert_close(one(few), one(many), rtol=0, atol=1e-11)


# Energy


@pytest.mark.parametrize("polarization", POLARIZATIONS)
def test_without_films_the_components_hold_the_scalar_pupil_s_energy(polarization):
    columns = focus_columns(lit(polarization), WET, GRID.field_nm, defocus_nm=35.0)
    rho_x, rho_y = columns.windows.rho_x, columns.windows.rho_y
    states = torch.from_numpy(columns.source.states)
    found = vector_pupil(WET, states, rho_x, rho_y, defocus_nm=35.0).abs().square().sum(1)
    sine2 = WET.na**2 * (rho_x**2 + rho_y**2).numpy()
    inside = sine2 <= WET.na**2
    power = np.sqrt((1 - sine2[inside] / 16) / (1 - sine2[inside] / WATER**2))
    np.testing.assert_allclose(found.numpy()[inside], power, rtol=0, atol=1e-12)
    assert (found.numpy()[sine2 > WET.na**2 * (1 + 1e-9)] == 0).all()


@pytest.mark.parametrize("polarization", POLARIZATIONS)
def test_a_clear_mask_images_to_one_without_films(polarization):
    np.testing.assert_allclose(abbe(lit(polarization), WET, amplitude=np.ones(GRID.shape)), 1, atol=1e-12)


def test_a_clear_mask_in_a_film_images_to_the_standing_wave():
    found = abbe(lit("te"), WET, amplitude=np.ones(GRID.shape), film=STACK)
    np.testing.assert_allclose(found, clear_image(lit("te"), WET, STACK), atol=1e-12)
    assert 0.3 < found.mean() < 0.9


# Limits


def beams(pitch_nm: float, polarization: str, *, film: Film | None = None) -> float:
    """Contrast of two beams at equal and opposite angles of a grating along x, of equal amplitudes."""
    index = Pupil(**{**WET.model_dump(), "obliquity": False, "na": 1.43})
    sigma = WAVELENGTH_NM / pitch_nm / 2 / index.na
    source = lit(polarization, np.array([(sigma, 0.0)]), np.ones(1))
    grid = Grid((4, 32), pitch_nm / 32)
    # 1 + exp(2 pi i x / pitch) has orders 0 and -1 of the source point's light alone, both with the amplitude 1
    half = passed_half(index, source.sigma_max, grid.field_nm)
    spectrum = torch.zeros(2 * half[0] + 1, 2 * half[1] + 1, dtype=torch.complex128)
    spectrum[half[0], half[1]] = spectrum[half[0], half[1] - 1] = 1
    image = evaluate(abbe_intensity_spectrum(spectrum, source, index, grid.field_nm, film=film), grid)
    return float((image.max() - image.min()) / (image.max() + image.min()))


@pytest.mark.parametrize("pitch_nm", [70.0, 95.0, 120.0, 200.0])
def test_the_contrast_of_two_beams(pitch_nm):
    """TE: 1; TM: the cosine of the angle between the beams, sin(angle / 2) = lambda / (2 n pitch); else the mean."""
    between = 2 * np.arcsin(WAVELENGTH_NM / (2 * WATER * pitch_nm))
    sampling = np.cos(np.pi / 32)  # the brightest and the darkest points lie half a pixel beside pixel centres
    te, tm, both = (beams(pitch_nm, kind) for kind in ("te", "tm", "unpolarized"))
    assert te == pytest.approx(sampling, abs=1e-12)
    assert tm == pytest.approx(abs(np.cos(between)) * sampling, abs=1e-12)
    assert both == pytest.approx((1 + np.cos(between)) / 2 * sampling, abs=1e-12)


def test_tm_contrast_vanishes_at_right_angles():
    """In water at a pitch of lambda / (sqrt(2) n) = 95 nm, in a resist of index 1.70 at 80 nm."""
    pitch_nm = WAVELENGTH_NM / (2**0.5 * WATER)
    assert pitch_nm == pytest.approx(95, abs=0.3)
    assert beams(pitch_nm, "tm") < 1e-12
    resist = Film(layers=[Layer(n=1.7, thickness_nm=50, resist=True)], substrate=Substrate(n=1.7), image=20.0)
    pitch_nm = WAVELENGTH_NM / (2**0.5 * 1.7)
    assert pitch_nm == pytest.approx(80, abs=0.5)
    assert beams(pitch_nm, "tm", film=resist) < 1e-12
    assert beams(pitch_nm, "te", film=resist) > 0.99


def test_at_low_na_it_tends_to_scalar_imaging():
    """The difference falls with the square of NA."""
    errors = []
    for na in (0.08, 0.04, 0.02):
        pupil = Pupil(wavelength_nm=WAVELENGTH_NM, na=na, immersion_index=WATER, obliquity=False)
        grid = Grid(GRID.shape, GRID.pixel_nm * 1.35 / na)
        scalar, vector = (
            abbe(lit("unpolarized"), pupil.model_copy(update={"imaging": kind}), grid=grid)
            for kind in ("scalar", "vector")
        )
        errors.append(np.abs(scalar - vector).max())
    assert errors[0] < 2e-3
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 4, rtol=0.02)


@pytest.mark.parametrize("film", [None, STACK], ids=["water", "film"])
def test_unpolarised_light_is_the_mean_of_two_polarisations(film):
    mean = (abbe(lit("x"), WET, film=film, defocus_nm=20.0) + abbe(lit("y"), WET, film=film, defocus_nm=20.0)) / 2
    np.testing.assert_allclose(abbe(lit("unpolarized"), WET, film=film, defocus_nm=20.0), mean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("polarization", ["unpolarized", "tm"])
def test_layers_of_the_medium_s_own_index_are_no_layers(polarization):
    """At a depth z of such a resist under 10 nm, the image is that of a defocus of 10 nm + z."""
    water = [
        Layer(n=WATER, thickness_nm=10),
        Layer(n=WATER, thickness_nm=50, resist=True),
        Layer(n=WATER, thickness_nm=7),
    ]
    film = Film(layers=water, substrate=Substrate(n=WATER), image=30.0)
    found = abbe(lit(polarization), WET, film=film, defocus_nm=-15.0)
    np.testing.assert_allclose(found, abbe(lit(polarization), WET, defocus_nm=25.0), rtol=0, atol=1e-12)
    assert clear_image(lit(polarization), WET, film) == pytest.approx(1, abs=1e-12)


def test_best_focus_is_at_the_resist_s_top():
    """Under water: at depth 0 of a matched resist, the image is the one in focus."""
    film = Film(layers=[Layer(n=WATER, thickness_nm=50, resist=True)], substrate=Substrate(n=WATER), image=0.0)
    np.testing.assert_allclose(abbe(lit("te"), WET, film=film), abbe(lit("te"), WET), rtol=0, atol=1e-12)


# Focus blur


@pytest.mark.parametrize("imaging", ["scalar", "vector"])
def test_focus_blur_is_a_mean_over_foci(imaging):
    """Against a sum over 61 foci from -6 to 6 deviations, which is exact to 1e-9 for such smooth functions."""
    pupil = WET.model_copy(update={"imaging": imaging, "focus_blur_nm": 35.0})
    sharp = pupil.model_copy(update={"focus_blur_nm": 0.0})
    shifts = np.linspace(-6, 6, 61)
    shares = np.exp(-(shifts**2) / 2)
    expected = sum(
        share * abbe(lit("te"), sharp, defocus_nm=15.0 + 35.0 * shift)
        for shift, share in zip(shifts, shares / shares.sum(), strict=True)
    )
    np.testing.assert_allclose(abbe(lit("te"), pupil, defocus_nm=15.0), expected, rtol=0, atol=1e-7)
    np.testing.assert_allclose(socs(lit("te"), pupil, defocus_nm=15.0), expected, rtol=0, atol=1e-7)
    assert np.abs(abbe(lit("te"), sharp, defocus_nm=15.0) - expected).max() > 1e-3


def test_a_focus_blur_beyond_sense_is_refused():
    with pytest.raises(KernelError, match="smaller focus_blur_nm"):
        build_socs(lit("te"), WET.model_copy(update={"focus_blur_nm": 1e5}), GRID.field_nm)


# Jones pupils


@pytest.mark.parametrize("film", [None, STACK], ids=["water", "film"])
def test_the_identity_as_jones_pupil_is_none(tmp_path, film):
    np.save(tmp_path / "one.npy", np.eye(2)[:, :, None, None] * np.ones((5, 5)))
    with_one = WET.model_copy(update={"jones": tmp_path / "one.npy"})
    np.testing.assert_allclose(
        abbe(lit("te"), with_one, film=film), abbe(lit("te"), WET, film=film), rtol=0, atol=1e-13
    )


def test_jones_matrices_are_bilinear_between_samples():
    samples = torch.from_numpy(np.random.default_rng(0).random((2, 2, 4, 4)) + 0j)
    axis = torch.linspace(-1, 1, 4, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    torch.testing.assert_close(jones_matrices(samples, x, y), samples)
    middle = jones_matrices(samples, torch.tensor([0.0]), torch.tensor([-1.0]))[..., 0]
    torch.testing.assert_close(middle, (samples[:, :, 0, 1] + samples[:, :, 0, 2]) / 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.ones((2, 2, 5, 4)), r"shape \(2, 2, n, n\) with n >= 2, got float64 of shape \(2, 2, 5, 4\)"),
        (np.ones((2, 2, 1, 1)), "n >= 2"),
        (np.ones((3, 2, 5, 5)), "n >= 2"),
        (np.full((2, 2, 3, 3), np.nan), "finite values"),
        (np.full((2, 2, 3, 3), "a"), "got <U1"),
    ],
)
def test_impossible_jones_pupils_are_refused(tmp_path, content, message):
    np.save(tmp_path / "j.npy", content)
    with pytest.raises(RecipeError, match=message):
        read_jones(tmp_path / "j.npy")


def test_missing_and_damaged_jones_pupils_are_told(tmp_path):
    with pytest.raises(RecipeError, match="no such file"):
        read_jones(tmp_path / "none.npy")
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY damaged")
    with pytest.raises(RecipeError, match="cannot be read as a Jones pupil"):
        read_jones(tmp_path / "bad.npy")


def test_a_film_in_scalar_imaging_is_refused():
    with pytest.raises(KernelError, match=r'set imaging = "vector"'):
        build_socs(lit("te"), WET.model_copy(update={"imaging": "scalar"}), GRID.field_nm, film=STACK)
