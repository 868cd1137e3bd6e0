"""Processes with further corners: their foci and doses, against processes built there."""

import pytest
import torch
from scenes.focus_optics import FIELD, small_recipe

from litho_dl.core.errors import KernelError
from litho_dl.process.model import Corner, ProcessModel, build_process
from litho_dl.process.recipe import Recipe, RecipeCorner


def with_nominal(dose: float, defocus_nm: float) -> Recipe:
    """The small recipe with another nominal corner."""
    recipe = small_recipe()
    corners = {**recipe.corners, "nominal": RecipeCorner(dose=dose, defocus_nm=defocus_nm)}
    return recipe.model_copy(update={"corners": corners})


def images(process: ProcessModel, name: str) -> torch.Tensor:
    """The TCC that the kernels of a focus stand for, which does not depend on the kernels' phases."""
    kernels = process.kernels[name].weighted_spectra.flatten(1)
    return kernels.T @ kernels.conj()


def test_a_focus_is_that_of_a_process_built_there():
    process = build_process(small_recipe(), field_nm=FIELD, count=6)
    made = process.with_corners({"far": (0.9, 70.0), "dark": (0.8, 70.0), "best": (1.1, 0.0)})
    built = build_process(with_nominal(1.0, 70.0), field_nm=FIELD, count=6)
    torch.testing.assert_close(images(made, "defocus+70nm"), images(built, "defocus+70nm"), rtol=1e-12, atol=1e-12)
    assert (images(made, "defocus+70nm") - images(made, "focus")).abs().max() > 0.01
    assert set(made.kernels) == {"focus", "defocus+70nm"}  # which two corners share
    assert made.corners == {
        **process.corners,
        "far": Corner(0.9, "defocus+70nm"),
        "dark": Corner(0.8, "defocus+70nm"),
        "best": Corner(1.1, "focus"),
    }
    assert made.kernels["focus"] is process.kernels["focus"]


def test_dose_and_focus_count_from_the_nominal_corner():
    process = build_process(with_nominal(1.2, 30.0), field_nm=FIELD, count=6)
    made = process.with_corners({"same": (1.0, 0.0), "far": (0.9, 40.0), "back": (1.0, -30.0)})
    assert made.corners["same"] == process.corners["nominal"]
    assert made.corners["far"] == Corner(0.9 * 1.2, "defocus+70nm")
    assert made.kernels["focus"] is process.kernels["focus"]
    assert made.corners["back"] == Corner(1.2, "focus")


def test_kernels_of_a_larger_field_are_extended_like_the_others():
    process = build_process(small_recipe(), field_nm=FIELD, count=6)
    larger = (768.0, 768.0)
    made = process.on_field(larger).with_corners({"far": (1.0, 70.0)})
    first = process.with_corners({"far": (1.0, 70.0)}).on_field(larger)
    torch.testing.assert_close(images(made, "defocus+70nm"), images(first, "defocus+70nm"), rtol=1e-12, atol=1e-12)


def test_imported_kernels_have_their_own_foci_alone():
    built = build_process(small_recipe(), field_nm=FIELD, count=6)
    imported = ProcessModel(built.kernels, built.mask, built.resist, built.corners)
    assert imported.with_corners({"bright": (1.1, 0.0)}).corners["bright"] == Corner(1.1, "focus")
    with pytest.raises(KernelError, match=r"imported kernels \(focus\), got a focus of 70 nm; .* from a recipe"):
        imported.with_corners({"far": (1.0, 70.0)})
