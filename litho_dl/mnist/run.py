"""One benchmark: trained, and scored on the test images with the weights that validated best."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from litho_dl.core.errors import DatasetError
from litho_dl.mnist.files import Mnist
from litho_dl.mnist.recipe import MnistRecipe
from litho_dl.mnist.tasks import TestScore, main_network, make_task, score, training_and_validation
from litho_dl.training import processes
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
        return median(row["seconds"] for row in self.training.history)


def run_mnist(
    recipe: MnistRecipe,
    mnist: Mnist,
    folder: str | Path,
    *,
    device: torch.device,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    tensorboard: bool = False,
) -> MnistRun | None:
    """Trains a recipe, and scores it; a folder that holds part of the same run is continued.

    Args:
        recipe: What to train; its seed decides the starting weights too.
        mnist: The images.
        folder: Where checkpoint, weights and metrics go; see `training.loop.train`.
        device: Where to compute.
        on_progress: See `train`.
        tensorboard: See `train`.

    Returns:
        None in all processes but the first, which alone scores.

    Raises:
        DatasetError: There are no more images than are held out.
        LithoError: As `train`.
        KeyboardInterrupt: Ctrl-C, sooner or later: what is half trained has no score. The folder keeps the epochs done.
    """
    if len(mnist.train_images) <= recipe.held_out:
        raise DatasetError(
            f"Expected more than the {recipe.held_out} images that are held out, got {len(mnist.train_images)}."
        )
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(recipe.training.seed)
        task = make_task(recipe, mnist)
    task.networks.to(device)
    training, validation = training_and_validation(recipe, mnist)
    result = train(task, training, validation, recipe.training, folder, on_progress, tensorboard=tensorboard)
    if result.status == "interrupted":
        raise KeyboardInterrupt
    if processes.rank() > 0:
        return None
    load_weights(Path(folder) / BEST, task.networks)
    parameters = sum(parameter.numel() for parameter in task.networks[main_network(recipe)].parameters())
    return MnistRun(recipe, result, score(recipe, task, mnist.test_images, mnist.test_labels), parameters)
