"""Images at depths of the resist."""

import numpy as np
import pytest
import torch
from scenes.ilt import RECIPE
from scenes.vector_optics import STACK, WET

from litho_dl.core.errors import LithoError, RecipeError
from litho_dl.optics.reflection import depth_profile
from litho_dl.optics.source import sample_source
from litho_dl.process.model import build_process
from litho_dl.simulation.bulk import bulk_images, bulk_line_image
from litho_dl.simulation.simulator import Simulator

SMALL = RECIPE.kernels.model_copy(update={"source_samples": 9, "edge_error_nm": None})
BULK = RECIPE.model_copy(
    update={
        "pupil": WET.model_copy(update={"flare": 0.03}),
        "source": RECIPE.source.model_copy(update={"polarization": "te"}),
        "resist": RECIPE.resist.model_copy(update={"diffusion_nm": 0.0}),
        "kernels": SMALL,
        "film": STACK,
    }
)
MASK = np.random.default_rng(5).random((8, 10))


@pytest.mark.parametrize("defocus_nm", [0.0, 30.0])
def test_they_are_the_images_of_a_recipe_at_that_depth(defocus_nm):
    """Whose kernels are complete."""
    depths = [0.0, 33.0, 90.0]
    found = bulk_images(BULK, MASK, 25.0, depths, defocus_nm=defocus_nm)
    for image, depth in zip(found, depths, strict=True):
        recipe = BULK.model_copy(update={"film": STACK.model_copy(update={"image": depth})})
        process = build_process(recipe, field_nm=(200.0, 250.0)).at_focus(defocus_nm)
        expected = Simulator(process, dtype=torch.float64)(MASK, 25.0).aerial("nominal")
        torch.testing.assert_close(image, expected, rtol=0, atol=1e-11)


def test_their_mean_is_the_image_of_the_mean():
    nodes, weights = STACK.depths(193.0)
    found = torch.einsum("z,zyx->yx", weights, bulk_images(BULK, MASK, 25.0, nodes.numpy()))
    process = build_process(BULK, field_nm=(200.0, 250.0))
    expected = Simulator(process, dtype=torch.float64)(MASK, 25.0).intensity["focus"]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_a_clear_mask_shows_the_standing_wave():
    depths = np.linspace(0, 90, 7)
    found = bulk_images(BULK, np.ones((4, 4)), 25.0, depths)
    expected = depth_profile(STACK, WET, sample_source(BULK.source, 9), depths)
    np.testing.assert_allclose(found.numpy(), expected[:, None, None] * np.ones((4, 4)), rtol=0, atol=1e-12)


def test_lines_are_symmetric_and_brightest_in_the_opening():
    image = bulk_line_image(BULK, 120.0, [0.0, 45.0], 32)
    assert image.shape == (2, 32)
    torch.testing.assert_close(image, image.flip(1), rtol=0, atol=1e-12)
    assert (image.argmax(1) == 15).all() or (image.argmax(1) == 16).all()


def test_impossible_questions_are_refused():
    with pytest.raises(RecipeError, match=r"add a table \[film\]"):
        bulk_images(RECIPE, MASK, 25.0, [0.0])
    with pytest.raises(LithoError, match="depths from 0 to the resist's 90 nm"):
        bulk_images(BULK, MASK, 25.0, [91.0])
    with pytest.raises(LithoError, match="mask values in"):
        bulk_images(BULK, MASK + 2, 25.0, [9.0])
