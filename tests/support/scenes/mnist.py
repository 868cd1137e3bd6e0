"""Runs of benchmarks: finished without training, or stopped."""

from pathlib import Path

import pytest
import torch

from litho_dl.mnist.digits import rendered_digits
from litho_dl.mnist.recipe import load_mnist_recipe, with_training
from litho_dl.mnist.run import MnistRun
from litho_dl.mnist.tasks import TestScore as Score
from litho_dl.training.loop import TrainingResult
from litho_dl.training.run import Run
from scenes.idx_files import idx_bytes

HISTORY = (
    {"epoch": 1, "train_loss": 1.0, "train_accuracy": 0.6, "validation_loss": 0.8, "seconds": 2.0},
    {"epoch": 2, "train_loss": 0.5, "train_accuracy": 0.8, "validation_loss": 0.7, "seconds": 4.0},
)


def finished(name: str, outputs: torch.Tensor, **figures: float) -> MnistRun:
    result = TrainingResult(HISTORY, best_epoch=2, status="finished")
    return MnistRun(load_mnist_recipe(name), result, Score(figures, outputs), parameters=7)


def stop_after(epochs: int, patch: pytest.MonkeyPatch) -> None:
    """Ctrl-C once that many epochs are done."""
    epoch = Run.epoch

    def stopping(run):
        if len(run.history) == epochs:
            raise KeyboardInterrupt
        epoch(run)

    patch.setattr(Run, "epoch", stopping)


def small(name, **training):
    """A shipped recipe, held out and batched for few images."""
    recipe = load_mnist_recipe(name).model_copy(update={"held_out": 200})
    return with_training(recipe, **{"epochs": 2, "batch_size": 50, **training})


def write_digits(folder: Path) -> Path:
    """Rendered digits as files of MNIST; returns the folder."""
    for part, count, seed in (("train", 600, 0), ("t10k", 100, 1)):
        images, labels = rendered_digits(count, seed)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images.numpy()))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels.numpy()))
    return folder
