"""What a benchmark on MNIST trains, and how."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from litho_dl.core.settings import ProperFraction, Settings, read_toml, validated
from litho_dl.mnist.augment import Augmentation
from litho_dl.models.registry import CLASSIFIERS, SEGMENTERS
from litho_dl.training.recipe import TrainingSettings, with_changes

GAN = "digit_gan"
NETWORKS = (*CLASSIFIERS, *SEGMENTERS, GAN)


class MnistRecipe(Settings):
    """One benchmark.

    Attributes:
        description: One line for lists.
        network: A name of `NETWORKS`: a classifier of digits, a segmenter of their pixels, or the GAN that sharpens
            them.
        held_out: Training images, the last ones, that are kept for validation. The test images are not for choosing.
        augmentation: What each training image goes through; classifiers only.
        label_smoothing: See `training.classification.Classification`.
        training: Length, optimizer, schedule and so on.
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
    """Loads a shipped recipe by name, or a file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    table, origin, _ = read_toml("mnist", name_or_path)
    return validated(MnistRecipe, table, origin)


def with_training(recipe: MnistRecipe, **changes: int | None) -> MnistRecipe:
    """The recipe with other settings of its training; None leaves one as it is.

    Raises:
        RecipeError: They do not fit the others.
    """
    return recipe.model_copy(update={"training": with_changes(recipe.training, **changes)})
