"""Recipes of benchmarks."""

import pytest

from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import packaged_names
from litho_dl.mnist.recipe import NETWORKS, load_mnist_recipe, with_training


class TestRecipes:
    def test_every_network_has_one(self):
        assert {load_mnist_recipe(name).network for name in packaged_names("mnist")} == set(NETWORKS)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('network = "lenet5"', "network must be one of perceptron, mlp"),
            ('network = "fcn_small"\nlabel_smoothing = 0.1', "are for classifiers"),
            ('network = "digit_gan"\naugmentation = { shift_px = 1.0 }', "are for classifiers"),
            ('network = "lenet"\nheld_out = 0', "held_out"),
        ],
    )
    def test_bad_settings(self, tmp_path, text, message):
        path = tmp_path / "mine.toml"
        training = '[training]\nepochs = 1\nbatch_size = 8\noptimizer = { kind = "sgd", learning_rate = 0.1 }\n'
        path.write_text(f"{text}\n{training}")
        with pytest.raises(RecipeError, match=message):
            load_mnist_recipe(path)

    def test_other_training_is_checked(self):
        assert with_training(load_mnist_recipe("lenet"), epochs=None, seed=7).training.seed == 7
        assert with_training(load_mnist_recipe("lenet")) == load_mnist_recipe("lenet")
        expected = r"recipe with epochs = 1: schedule\.warmup_epochs must be below epochs, got 1 of 1"
        with pytest.raises(RecipeError, match=expected):
            with_training(load_mnist_recipe("lenet"), epochs=1)
