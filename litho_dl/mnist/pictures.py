"""Pictures of a benchmark on MNIST."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from litho_dl.mnist.files import Mnist
    from litho_dl.mnist.run import MnistRun
    from litho_dl.viz.learning import ImageRow

PICTURED, PER_ROW = 16, 8
TRAINING_NOTE = "training: means over the steps of an epoch, with label smoothing, dropout and augmentation"
DIGITS = [str(digit) for digit in range(10)]


def confusion(run: "MnistRun", labels: Tensor) -> Tensor:
    """The confusion matrix of a classifier on the test images.

    Args:
        run: A run of a classifier.
        labels: The test images' digits, (n,).

    Returns:
        Counts (10, 10): true digits in rows, predicted ones in columns.
    """
    predicted = run.test.outputs.argmax(1)
    return torch.bincount(labels.long() * 10 + predicted, minlength=100).reshape(10, 10)


def draw_run(folder: Path, run: "MnistRun", mnist: "Mnist") -> None:
    """Draws FOLDER/curves.png with the learning curves, and all `pictures`.

    Args:
        folder: The folder.
        run: The finished run.
        mnist: Its data.

    Raises:
        OutputError: A picture cannot be written.
    """
    from litho_dl.training.progress import curves_of
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.learning import learning_curves

    save_figure(
        learning_curves({run.recipe.network: curves_of(run.training)}, note=TRAINING_NOTE), folder / "curves.png"
    )
    for name, figure in pictures(run, mnist).items():
        save_figure(figure, folder / f"{name}.png")


def pictures(run: "MnistRun", mnist: "Mnist") -> dict[str, "Figure"]:
    """The pictures of the test images.

    Args:
        run: The finished run.
        mnist: Its data.

    Returns:
        `confusion` and, if there are errors, `worst` of a classifier; `examples` of other networks.
    """
    from litho_dl.models.registry import CLASSIFIERS
    from litho_dl.viz.learning import ImageRow, confusion_figure, image_grid

    title = f"{run.recipe.network}, {len(mnist.test_labels):,} test images"
    if run.recipe.network not in CLASSIFIERS:
        return {"examples": image_grid(examples(run, mnist), title=title)}
    drawn = {"confusion": confusion_figure(confusion(run, mnist.test_labels).numpy(), DIGITS, title=title)}
    worst = worst_digits(run, mnist)
    rows = [ImageRow(worst[start : start + PER_ROW], (0, 255)) for start in range(0, len(worst), PER_ROW)]
    return {**drawn, "worst": image_grid(rows, title=title)} if rows else drawn


def worst_digits(run: "MnistRun", mnist: "Mnist") -> list[tuple[Tensor, str]]:
    """The misclassified test images with the smallest probability of the true class.

    Args:
        run: A run of a classifier.
        mnist: Its data.

    Returns:
        Up to `PICTURED` images with captions of true and predicted digit.
    """
    probabilities, labels = run.test.outputs, mnist.test_labels.long()
    predicted = probabilities.argmax(1)
    wrong = predicted != labels
    true_probability = probabilities[torch.arange(len(labels)), labels]
    order = torch.where(wrong, true_probability, 2.0).argsort(stable=True)[: int(wrong.sum())][:PICTURED]
    return [
        (mnist.test_images[i], f"{labels[i]} as {predicted[i]} ({probabilities[i, predicted[i]]:.0%})")
        for i in order.tolist()
    ]


def examples(run: "MnistRun", mnist: "Mnist") -> "list[ImageRow]":
    """The first test images: input, output and target of a segmenter or of the GAN.

    Args:
        run: The finished run.
        mnist: Its data.

    Returns:
        A row of images for each of the three.
    """
    from litho_dl.mnist.recipe import GAN
    from litho_dl.mnist.tasks import make_items
    from litho_dl.viz.learning import CLASS_COLOURS, CLASS_RANGE, ImageRow

    images = mnist.test_images[:PICTURED]
    inputs, targets = make_items(run.recipe, images, mnist.test_labels[:PICTURED])
    outputs = run.test.outputs[:PICTURED]
    if run.recipe.network == GAN:
        rows = {"input": inputs[:, 0], "output": outputs, "true": targets[:, 0]}
        return [ImageRow(_named(row, name), (0, 1)) for name, row in rows.items()]
    classes = {"output": outputs, "true": targets}
    return [
        ImageRow(_named(images, "input"), (0, 255)),
        *(ImageRow(_named(row, name), CLASS_RANGE, CLASS_COLOURS) for name, row in classes.items()),
    ]


def _named(row: Tensor, name: str) -> list[tuple[Tensor, str]]:
    """Images, the first with a caption."""
    return [(image, "" if index else name) for index, image in enumerate(row)]
