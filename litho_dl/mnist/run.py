"""One benchmark: trained, and scored on the test images with the weights that validated best."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from litho_dl.core.errors import DatasetError
from litho_dl.data.mnist import Mnist
from litho_dl.mnist.recipe import GAN, MnistRecipe
from litho_dl.mnist.tasks import TestScore, make_task, score, training_and_validation
from litho_dl.training.checkpoint import BEST, load_weights
from litho_dl.training.loop import TrainingResult, train
from litho_dl.training.run import Progress


@dataclass(frozen=True, eq=False)
class MnistRun:
    """A trained benchmark.

    Attributes:
        recipe: What was trained, with its seed.
        training: How that went.
        test: The score on the test images.
        parameters: Trainable numbers of the network (of the GAN's generator).
    """

    recipe: MnistRecipe
    training: TrainingResult
    test: TestScore
    parameters: int

    @property
    def epoch_s(self) -> float:
        """Median seconds an epoch, validation included."""
        seconds = sorted(row["seconds"] for row in self.training.history)
        return seconds[len(seconds) // 2]


def run_mnist(
    recipe: MnistRecipe,
    mnist: Mnist,
    folder: str | Path,
    *,
    device: torch.device,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    tensorboard: bool = False,
) -> MnistRun:
    """Trains a recipe, and scores it; a folder that holds part of the same run is continued.

    Args:
        recipe: What to train; its seed decides the starting weights too.
        mnist: The images.
        folder: Where checkpoint, weights and metrics go; see `training.loop.train`.
        device: Where to compute.
        on_progress: See `train`.
        tensorboard: See `train`.

    Raises:
        DatasetError: There are no more images than are held out.
        LithoError: As `train`.
    """
    if len(mnist.train_images) <= recipe.held_out:
        raise DatasetError(
            f"Expected more than the {recipe.held_out} images that are held out, got {len(mnist.train_images)}."
        )
    torch.manual_seed(recipe.training.seed)
    task = make_task(recipe)
    task.networks.to(device)
    training, validation = training_and_validation(recipe, mnist)
    result = train(task, training, validation, recipe.training, folder, on_progress, tensorboard=tensorboard)
    load_weights(Path(folder) / BEST, task.networks)
    network = task.networks["generator" if recipe.network == GAN else "network"]
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return MnistRun(recipe, result, score(recipe, network, mnist.test_images, mnist.test_labels), parameters)
