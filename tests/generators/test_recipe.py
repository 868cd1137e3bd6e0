"""Training recipes."""

import pytest
import torch
from scenes.generators import recipe, write_recipe

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import packaged_names
from litho_dl.generators.recipe import load_generator_recipe, with_training
from litho_dl.models.registry import GENERATORS, SURROGATES, UNROLLED
from litho_dl.nn.size import SizeMultiple

NETWORKS = GENERATORS | SURROGATES | UNROLLED


class TestRecipes:
    def test_every_network_has_one(self):
        assert set(packaged_names("generators")) == set(NETWORKS)

    @pytest.mark.parametrize("name", packaged_names("generators"))
    def test_shipped(self, name):
        found = load_generator_recipe(name)
        assert found.network == name
        assert found.discriminator in (
            None,
            f"{name.removesuffix('_small')}_discriminator{'_small' * name.endswith('_small')}",
        )
        with torch.device("meta"):
            network = NETWORKS[found.network]()
        steps = [part.multiple for part in network.modules() if isinstance(part, SizeMultiple)]
        assert all(2048 / found.pixel_nm % step == 0 for step in steps)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (('"fcn_mask_small"', '"fcn_small"'), "must be among .*got 'fcn_small'"),
            (("mask_pixel_nm = 8.0", "mask_pixel_nm = 7.0"), "multiple of mask_pixel_nm, got 16 and 7"),
            (("bce", "cbe"), "unknown terms cbe; known for fcn_mask_small: bce,"),
            (("bce", "adversarial"), "a discriminator and the term adversarial go together"),
            (
                ('"fcn_mask_small"', '"doinn_small"'),
                "unknown terms bce, litho_l2, litho_pvb; known for doinn_small: aerial",
            ),
            (('"litho"', '"supervised"'), "stages must have different names"),
            (('"litho"', '"../up"'), r"stages.1.name: .*got '../up'"),
        ],
    )
    def test_refused(self, tmp_path, change, message):
        with pytest.raises(RecipeError, match=message):
            load_generator_recipe(write_recipe(tmp_path, change))

    def test_surrogates_have_one_pixel(self):
        with pytest.raises(ValueError, match="a surrogate's mask_pixel_nm is its pixel_nm, got 8"):
            recipe({"aerial": 1.0}, network="doinn_small")

    def test_training_of_all_stages(self, tmp_path):
        found = with_training(load_generator_recipe(write_recipe(tmp_path)), epochs=7, seed=None)
        assert [(stage.training.epochs, stage.training.seed) for stage in found.stages] == [(7, 0), (7, 0)]
