"""Boundary layers fitted to orders, and what they leave."""

import numpy as np
import pytest
import torch

from litho_dl.calibration.mask3d import Diffraction, Opening, diffract, fit_layers, fitted_mask
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


def layered(opening: Opening, mask: MaskType) -> np.ndarray:
    """Orders of a line whose edges deviate by `LAYERS`, from delta functions and their derivatives at both edges."""
    n = np.arange(-80, 81)
    wave = 2 * np.pi * n / opening.pitch_nm
    step = 1 - mask.background
    thin = step * opening.width_nm / opening.pitch_nm * np.sinc(n * opening.width_nm / opening.pitch_nm)
    found = []
    outward = 1 if mask.field == "dark" else -1  # from the drawn shape, as seen from the opening
    for layer in (LAYERS.x.parallel, LAYERS.x.perpendicular):
        edges = 0
        for side in (-1, 1):
            zeroth, first, second = layer.moments
            facing = side * outward
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
    rms, largest, focus, printed = study.errors("layers")
    assert printed == 5
    assert rms < 0.45
    assert largest < 0.75
    assert focus < 3
    assert study.errors("thin")[0] > 8
    assert study.errors("bias")[0] > 2 * rms
    assert study.recipe.mask.type == "attenuated"
    assert study.recipe.mask.transmission == pytest.approx(0.0512, abs=1e-4)
    zeroth = study.recipe.mask.topography.x.parallel.zeroth_nm
    assert -7 < zeroth[0] < -5  # openings act smaller than drawn


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
    ],
)
def test_what_does_not_fit_is_refused(own: Recipe, stack: dict[str, float], message: str) -> None:
    mosi = load_stack("mosi")
    changed = mosi.model_copy(update={"layers": (mosi.layers[0].model_copy(update=stack),)})
    with pytest.raises(RecipeError, match=message):
        fitted_mask(own, changed)


def test_pitches_that_leave_no_room_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"at least 1\.5 times"):
        diffract(load_stack("mosi"), [80.0], [70.0], "dark", 4.0)
    with pytest.raises(RecipeError, match="Expected lines of at least"):
        study_mask3d(recipe(), load_stack("mosi"), widths_nm=(2.0,))
