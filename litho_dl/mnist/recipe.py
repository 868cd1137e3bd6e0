"""Recipes of benchmarks on MNIST: network, augmentation and training."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from litho_dl.core.settings import ProperFraction, Settings, load_settings
from litho_dl.mnist.augment import Augmentation
from litho_dl.models.registry import CLASSIFIERS, SEGMENTERS
from litho_dl.training.recipe import TrainingSettings, with_changes

GAN = "digit_gan"
NETWORKS = (*CLASSIFIERS, *SEGMENTERS, GAN)


class MnistRecipe(Settings):
    """The recipe of a benchmark.

    Attributes:
        description: One line for lists.
        network: A name of `NETWORKS`: a classifier of digits, a segmenter of their pixels, or the GAN that sharpens
            them.
        held_out: Number of training images, the last ones, for validation; test images do not select the best epoch.
        augmentation: Augmentation of the training images; classifiers only.
        label_smoothing: See `training.classification.Classification`; classifiers only.
        training: Settings of the training run.
    """

    description: str = ""
    network: str
    held_out: Annotated[int, Field(ge=1)] = 5000
    augmentation: Augmentation = Augmentation()
    label_smoothing: ProperFraction = 0.0
    training: TrainingSettings

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.network not in NETWORKS:
            raise ValueError(f"network must be one of {', '.join(NETWORKS)}, got {self.network!r}")
        if self.network not in CLASSIFIERS and (self.augmentation != Augmentation() or self.label_smoothing):
            raise ValueError("augmentation and label_smoothing are for classifiers")
        return self


def load_mnist_recipe(name_or_path: str | Path) -> MnistRecipe:
    """Loads a packaged recipe by name, or a file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    return load_settings(MnistRecipe, "mnist", name_or_path)


def with_training(recipe: MnistRecipe, **changes: int | None) -> MnistRecipe:
    """Replaces some settings of a recipe's training.

    Args:
        recipe: The recipe.
        **changes: New values by name; None keeps the old one.

    Returns:
        The new recipe.

    Raises:
        RecipeError: A value is out of range or inconsistent with the others.
    """
    return recipe.model_copy(update={"training": with_changes(recipe.training, **changes)})
