"""Boundary layers fitted to orders, and what they leave."""

import numpy as np
import pytest
import torch

from litho_dl.calibration.mask3d import (
    Diffraction,
    Opening,
    diffract,
    fit_layers,
    fitted_mask,
    light_share,
    refocused,
    registered,
)
from litho_dl.calibration.mask3d_files import study_mask3d
from litho_dl.calibration.mask3d_residuals import (
    RIGOROUS,
    Imaging,
    compared,
    dose_to_size,
    drawn_spectrum,
    rigorous_spectrum,
)
from litho_dl.core.errors import RecipeError
from litho_dl.optics.mask import MaskType
from litho_dl.optics.source import Conventional, Dipole
from litho_dl.optics.stack import load_stack
from litho_dl.optics.topography import EdgeLayers, Layer, Topography
from litho_dl.process.recipe import Recipe, load_recipe

BASE = load_recipe("duv193-immersion-annular")
LAYERS = Topography(
    x=EdgeLayers(
        parallel=Layer(zeroth_nm=(-5, -1), first_nm2=(-4, 40), second_nm3=(300, -200)),
        perpendicular=Layer(zeroth_nm=(-2, 4), first_nm2=(-9, 10), second_nm3=(-100, 250)),
    )
)


def recipe(polarization: str = "unpolarized", mask: MaskType | None = None, **pupil: object) -> Recipe:
    return BASE.model_copy(
        update={
            "pupil": BASE.pupil.model_copy(update={"imaging": "vector", **pupil}),
            "source": BASE.source.model_copy(update={"polarization": polarization}),
            "mask": mask or MaskType(),
        }
    )


def layered(opening: Opening, mask: MaskType, edge: EdgeLayers = LAYERS.x) -> np.ndarray:
    """Orders of a line whose edges deviate by layers, from delta functions and their derivatives at both edges."""
    n = np.arange(-80, 81)
    wave = 2 * np.pi * n / opening.pitch_nm
    step = 1 - mask.background
    thin = step * opening.width_nm / opening.pitch_nm * np.sinc(n * opening.width_nm / opening.pitch_nm)
    found = []
    outward = 1 if mask.field == "dark" else -1  # from the drawn shape, as seen from the opening
    for layer in (edge.parallel, edge.perpendicular):
        edges = 0
        for side in (-1, 1):
            facing = side * outward
            zeroth, first, second = (
                even + facing * odd for even, odd in zip(layer.moments, edge.odd.moments, strict=True)
            )
            place = np.exp(-1j * wave * side * opening.width_nm / 2) / opening.pitch_nm
            edges = edges + place * (zeroth - 1j * wave * facing * first - wave**2 / 2 * second)
        found.append(thin + mask.background * (n == 0) + edges)
    return np.array(found)


@pytest.mark.parametrize("field", ["dark", "clear"])
def test_layers_are_found_again(field: str) -> None:
    mask = MaskType.model_validate({"type": "attenuated", "field": field})
    openings = [Opening(pitch, 70.0) for pitch in (120.0, 150.0, 190.0, 300.0)]
    diffraction = Diffraction(tuple(openings), tuple(layered(opening, mask) for opening in openings))
    found = fit_layers(recipe(), mask, diffraction)
    for one, other in ((found.x.parallel, LAYERS.x.parallel), (found.x.perpendicular, LAYERS.x.perpendicular)):
        np.testing.assert_allclose(one.moments, other.moments, rtol=1e-8)


LOPSIDED = EdgeLayers(
    parallel=Layer(zeroth_nm=(-3, 2), first_nm2=(-10, 20), second_nm3=(100, -50)),
    perpendicular=Layer(zeroth_nm=(-2, 1), first_nm2=(5, 15), second_nm3=(-80, 90)),
    odd=Layer(zeroth_nm=(2, -1.5), first_nm2=(-20, 12), second_nm3=(120, 150)),
)


@pytest.mark.parametrize("field", ["dark", "clear"])
def test_edges_across_the_chief_ray_are_found_again(field: str) -> None:
    mask = MaskType.model_validate({"type": "attenuated", "field": field})
    openings = tuple(Opening(pitch, width) for pitch in (130.0, 150.0, 190.0, 300.0) for width in (60.0, 80.0))
    along = Diffraction(openings, tuple(layered(opening, mask) for opening in openings))
    across = Diffraction(openings, tuple(layered(opening, mask, LOPSIDED) for opening in openings), axis=1)
    found = fit_layers(recipe(), mask, along, across)
    assert not any(found.x.odd.moments)
    assert found.y is not None
    for name in ("parallel", "perpendicular", "odd"):
        np.testing.assert_allclose(getattr(found.y, name).moments, getattr(LOPSIDED, name).moments, rtol=1e-7)


def test_what_moves_all_lines_across_the_chief_ray_alike_is_taken_out() -> None:
    mask = MaskType(type="attenuated")
    openings = tuple(Opening(pitch, 70.0) for pitch in (130.0, 150.0, 190.0, 300.0))
    n = np.arange(-80, 81)
    orders = [layered(opening, mask) for opening in openings]
    moved = [own * np.exp(-2j * np.pi * n * 8.0 / pitch) for own, (pitch, _) in zip(orders, openings, strict=True)]
    found, shift_nm = registered(recipe(), mask, Diffraction(openings, tuple(moved), axis=1))
    assert shift_nm == pytest.approx(8.0, abs=2e-3)
    for own, back, (pitch, _) in zip(orders, found.orders, openings, strict=True):
        np.testing.assert_allclose(back, own * np.exp(2j * np.pi * n * (shift_nm - 8.0) / pitch), atol=1e-12)


def test_lines_are_counted_from_the_focus_of_a_plane_above_the_mask() -> None:
    """Orders of a coherent mask 30 nm away are best at -30 nm, and at 0 once that is taken out."""
    mask, opening, n = MaskType(type="attenuated"), Opening(300.0, 110.0), np.arange(-80, 81)
    small = recipe().model_copy(update={"source": Conventional(sigma=0.05)})
    away = layered(opening, mask, EdgeLayers()) * np.exp(1j * np.pi * 193.0 / 1.44 * -30.0 * (n / 300.0) ** 2)
    solved = Diffraction((opening,), (away,))
    imaging = dose_to_size(Imaging(small), opening, away)
    focus_nm = compared(imaging, {"thin": mask}, [opening], [away])[0].focus_nm["rigorous"]
    assert abs(focus_nm) > 15
    again = refocused(small, solved, focus_nm).orders[0]
    assert abs(compared(imaging, {"thin": mask}, [opening], [again])[0].focus_nm["rigorous"]) < 0.3 * abs(focus_nm)


def test_each_direction_is_weighted_by_how_the_source_sees_it() -> None:
    dipole = recipe().model_copy(
        update={"source": Dipole(sigma_inner=0.7, sigma_outer=0.9, opening_deg=40.0, axis="x")}
    )
    frequency = np.array([1.6 * 1.35 / 193.0])  # passes along the poles alone
    along_x, along_y, mean = (light_share(dipole, frequency, axis)[0] for axis in (0, 1, None))
    assert along_x > 0.2 > along_y
    assert mean == pytest.approx((along_x + along_y) / 2)


def test_too_few_lines_are_refused() -> None:
    mask, opening = MaskType(type="attenuated"), Opening(120.0, 60.0)
    with pytest.raises(RecipeError, match="give more pitches"):
        fit_layers(recipe(), mask, Diffraction((opening,), (layered(opening, mask)[:, 79:82],)))


def test_each_direction_of_a_reflective_mask_has_its_reduction(monkeypatch: pytest.MonkeyPatch) -> None:
    euv, seen = load_recipe("euv13-quasar"), []
    anamorphic = euv.model_copy(update={"pupil": euv.pupil.model_copy(update={"reduction": (4.0, 8.0)})})

    def spied(stack: object, pitch_nm: float, opening_nm: float, *, reduction: float, across: bool) -> np.ndarray:
        seen.append((reduction, across))
        return layered(Opening(pitch_nm, opening_nm), MaskType(type="attenuated"), EdgeLayers())

    monkeypatch.setattr("litho_dl.calibration.mask3d.line_orders", spied)
    study = study_mask3d(anamorphic, load_stack("euv-tabn"), widths_nm=(22.0,), pitches_nm=(40.0, 52.0, 66.0, 90.0))
    assert seen == [(4.0, False)] * 4 + [(8.0, True)] * 4
    assert study.errors("layers").hv_max_nm < 0.05


@pytest.mark.parametrize("field", ["dark", "clear"])
@pytest.mark.parametrize("imaging", ["scalar", "vector"])
def test_drawn_lines_across_the_chief_ray_print_where_their_orders_do(imaging: str, field: str) -> None:
    thin = MaskType.model_validate({"type": "attenuated", "field": field})
    mask = thin.model_copy(update={"topography": Topography(x=LAYERS.x, y=LOPSIDED)})
    openings = [Opening(150.0, 70.0), Opening(240.0, 90.3)]
    orders = [layered(opening, thin, LOPSIDED) for opening in openings]
    own = Imaging(recipe("unpolarized", mask, imaging=imaging))
    lines = compared(own, {"layers": mask, "thin": thin}, openings, orders, across=True)
    for row in lines:
        assert row.across
        assert abs(row.error("layers")) < 0.05
        assert row.place_error("layers") < 0.03
        assert row.place_error("thin") > 0.5
        assert np.ptp(row.places_nm["rigorous"]) > 0.05  # they move through focus
        assert np.abs(row.places_nm["thin"]).max() < 1e-6


def test_lines_of_both_directions_print_alike_under_a_round_source() -> None:
    thin = MaskType(type="attenuated")
    mask = thin.model_copy(update={"topography": LAYERS})
    openings = [Opening(160.0, 70.0)]
    orders = [layered(openings[0], thin)]
    own = Imaging(recipe("te", mask))
    along, across = (compared(own, {"layers": mask}, openings, orders, across=which)[0] for which in (False, True))
    for name in ("rigorous", "layers"):
        assert across.cd_nm[name] == pytest.approx(along.cd_nm[name], abs=1e-6)
        assert across.focus_nm[name] == pytest.approx(along.focus_nm[name], abs=1e-4)


@pytest.mark.parametrize("field", ["dark", "clear"])
@pytest.mark.parametrize("polarization", ["unpolarized", "x", "te"])
def test_drawn_masks_with_layers_have_the_images_of_their_orders(field: str, polarization: str) -> None:
    """The way from polygons to an image, edge densities and all, against orders written down."""
    thin = MaskType.model_validate({"type": "attenuated", "field": field})
    mask = thin.model_copy(update={"topography": LAYERS})
    openings = [Opening(150.0, 70.0), Opening(240.0, 90.3)]
    orders = [layered(opening, thin) for opening in openings]
    imaging = dose_to_size(Imaging(recipe(polarization, mask)), openings[0], orders[0])
    for row in compared(imaging, {"layers": mask, "thin": thin}, openings, orders):
        assert abs(row.error("layers")) < 0.05
        assert abs(row.error("thin")) > 2
    first = compared(imaging, {"layers": mask}, openings[:1], orders[:1])[0]
    assert first.cd_nm["rigorous"] == pytest.approx(70 if field == "dark" else 80, abs=0.02)


def test_channels_of_known_orders_are_those_of_a_thin_mask() -> None:
    """An image from orders without any thickness is that of the drawn mask."""
    opening, own = Opening(160.0, 80.0), recipe()
    n = np.arange(-40, 41)
    thin = 0.5 * np.sinc(n / 2)
    spectrum, field_nm = drawn_spectrum(MaskType(), own, opening, contacts=False)
    half = spectrum.shape[-2] // 2, spectrum.shape[-1] // 2
    known = rigorous_spectrum(np.array([thin, thin], dtype=complex), half)
    imaging, x = Imaging(own), np.linspace(0, 80, 9)
    images = [
        imaging.profile(part, field_nm, mask, 20.0, x) for part, mask in ((spectrum, MaskType()), (known, RIGOROUS))
    ]
    np.testing.assert_allclose(images[0], images[1], atol=1e-9)
    assert half[0] == 0
    square = np.einsum("a,b->ab", thin, thin)[None, None] * np.eye(2)[:, :, None, None]
    spectrum, field_nm = drawn_spectrum(MaskType(), own, opening, contacts=True)
    known = rigorous_spectrum(square.astype(complex), (spectrum.shape[-2] // 2, spectrum.shape[-1] // 2))
    torch.testing.assert_close(known[0], spectrum, atol=1e-9, rtol=0)


def test_a_rigorous_mask_is_met_where_a_thin_one_is_not() -> None:
    pytest.importorskip("meent")
    study = study_mask3d(
        recipe(), load_stack("mosi"), widths_nm=(80.0,), pitches_nm=(140.0, 160.0, 200.0, 260.0, 400.0)
    )
    left = study.errors("layers")
    assert left.printed == 5
    assert left.cd_rms_nm < 0.45
    assert left.cd_max_nm < 0.75
    assert left.focus_max_nm < 3
    assert left.place_max_nm is left.hv_max_nm is None
    assert study.errors("thin").cd_rms_nm > 8
    assert study.errors("bias").cd_rms_nm > 2 * left.cd_rms_nm
    assert study.recipe.mask.type == "attenuated"
    assert study.recipe.mask.transmission == pytest.approx(0.0512, abs=1e-4)
    zeroth = study.recipe.mask.topography.x.parallel.zeroth_nm
    assert -7 < zeroth[0] < -5  # openings act smaller than drawn


def test_a_reflective_mask_is_met_along_the_chief_ray_and_across_it() -> None:
    pytest.importorskip("meent")
    euv = load_recipe("euv13-quasar")
    study = study_mask3d(euv, load_stack("euv-tabn"), widths_nm=(22.0,), pitches_nm=(40.0, 48.0, 66.0))
    thin, layers = study.errors("thin"), study.errors("layers")
    assert [row.across for row in study.rows] == [False] * 3 + [True] * 3
    assert layers.printed == 6
    assert layers.cd_max_nm < 0.5 < 1.5 < thin.cd_max_nm
    assert layers.hv_max_nm < 0.6 < 2 < thin.hv_max_nm
    assert layers.place_max_nm < 0.25
    assert study.shift_nm == pytest.approx(3.1, abs=0.2)
    assert study.focus_nm == pytest.approx(5, abs=3)
    assert "thin mask" not in study.recipe.description
    biases = [y.cd_nm["rigorous"] - x.cd_nm["rigorous"] for y, x in zip(study.rows[:3], study.rows[3:], strict=True)]
    assert 1.5 < min(biases) < max(biases) < 4  # shadows make lines along x narrower
    odd = study.recipe.mask.topography.y.odd
    assert abs(odd.zeroth_nm[0]) < 0.005
    assert any(odd.moments)


def test_leaking_absorbers_keep_their_phase() -> None:
    mask = fitted_mask(recipe(), load_stack("chrome"))
    assert (mask.type, mask.phase_deg) == ("attenuated", 0)
    assert mask.background == pytest.approx(0.0253, abs=1e-4)


@pytest.mark.parametrize(
    ("own", "stack", "message"),
    [
        (BASE, {}, "vector imaging"),
        (recipe(mask=MaskType(type="alternating")), {}, "alternating"),
        (recipe(wavelength_nm=248.0, na=0.8, immersion_index=1.0), {}, "wavelength, 248 nm"),
        (recipe(), {"thickness_nm": 50.0}, "change its thickness"),
        (recipe(reduction=(4.0, 8.0)), {}, "anamorphic"),
    ],
)
def test_what_does_not_fit_is_refused(own: Recipe, stack: dict[str, float], message: str) -> None:
    mosi = load_stack("mosi")
    changed = mosi.model_copy(update={"layers": (mosi.layers[0].model_copy(update=stack),)})
    with pytest.raises(RecipeError, match=message):
        fitted_mask(own, changed)


def test_chief_rays_that_fall_in_on_the_way_out_are_refused() -> None:
    euv, stack = load_recipe("euv13-quasar"), load_stack("euv-tabn")
    steep = euv.model_copy(update={"pupil": euv.pupil.model_copy(update={"na": 0.55})})
    with pytest.raises(RecipeError, match=r"6 degrees where the lens takes 7\.9"):
        fitted_mask(steep, stack)
    anamorphic = steep.model_copy(update={"pupil": steep.pupil.model_copy(update={"reduction": (4.0, 8.0)})})
    assert fitted_mask(anamorphic, stack).type == "attenuated"


def test_pitches_that_leave_no_room_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"at least 1\.5 times"):
        diffract(load_stack("mosi"), [80.0], [70.0], "dark", 4.0)
    with pytest.raises(RecipeError, match="Expected lines of at least"):
        study_mask3d(recipe(), load_stack("mosi"), widths_nm=(2.0,))
