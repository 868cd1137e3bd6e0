"""Running a benchmark: training, then scoring the best epoch's weights on the test images."""

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


@dataclass(frozen=True, eq=False, repr=False)
class MnistRun:
    """A finished benchmark.

    Attributes:
        recipe: The recipe, with its seed.
        training: History and status of the training.
        test: Scores on the test images.
        parameters: Number of trainable parameters of the network (of the GAN's generator).
    """

    recipe: MnistRecipe
    training: TrainingResult
    test: TestScore
    parameters: int

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.test.metrics.items())
        return f"MnistRun({self.recipe.network}: {len(self.training.history)} epochs, test {scores})"

    @property
    def epoch_s(self) -> float:
        """Median time of an epoch in seconds, validation included."""
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
    """Trains and scores a recipe's network, and resumes a run that the folder holds.

    Args:
        recipe: The recipe; its seed also determines the initial weights.
        mnist: The images.
        folder: Folder for checkpoint, weights and metrics; see `training.loop.train`.
        device: Device to compute on.
        on_progress: See `train`.
        tensorboard: See `train`.

    Returns:
        The finished run in process 0, which scores the network; None in other processes.

    Raises:
        DatasetError: There are no more training images than are held out.
        LithoError: As `train`.
        KeyboardInterrupt: Ctrl-C; the folder keeps the finished epochs.
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
