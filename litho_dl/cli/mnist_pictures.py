"""The pictures of a benchmark on MNIST."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from litho_dl.data.mnist import Mnist
    from litho_dl.mnist.run import MnistRun

SHOWN = 16
DIGITS = [str(digit) for digit in range(10)]


def curves_of(run: "MnistRun") -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Training and validation figures by epoch."""
    names = run.training.history[0]
    training, validation = (
        {
            name.removeprefix(kind): [row[name] for row in run.training.history]
            for name in names
            if name.startswith(kind)
        }
        for kind in ("train_", "validation_")
    )
    return training, validation


def confusion(run: "MnistRun", labels: Tensor) -> Tensor:
    """How often which digit (rows) was taken for which (columns), (10, 10)."""
    found = run.test.outputs.argmax(1)
    return torch.bincount(labels.long() * 10 + found, minlength=100).reshape(10, 10)


def draw_run(folder: Path, run: "MnistRun", mnist: "Mnist") -> None:
    """FOLDER/curves.png; of a classifier confusion.png and worst.png, of the others examples.png."""
    from litho_dl.models.registry import CLASSIFIERS
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.learning import confusion_figure, image_grid, learning_curves

    name = run.recipe.network
    save_figure(learning_curves({name: curves_of(run)}), folder / "curves.png")
    if name in CLASSIFIERS:
        counts = confusion(run, mnist.test_labels).numpy()
        title = f"{name}, test images"
        save_figure(confusion_figure(counts, DIGITS, title=title), folder / "confusion.png")
        worst = worst_digits(run, mnist)
        if worst:
            save_figure(
                image_grid([worst[:8], worst[8:]] if len(worst) > 8 else [worst], title=title), folder / "worst.png"
            )
    else:
        save_figure(image_grid(examples(run, mnist), title=f"{name}, test images"), folder / "examples.png")


def worst_digits(run: "MnistRun", mnist: "Mnist") -> list[tuple[Tensor, str]]:
    """The misclassified test images whose own class got the least probability, with both classes as captions."""
    probabilities, labels = run.test.outputs, mnist.test_labels.long()
    found = probabilities.argmax(1)
    own = probabilities[torch.arange(len(labels)), labels]
    order = torch.where(found != labels, own, 2.0).argsort(stable=True)[: int((found != labels).sum())][:SHOWN]
    return [
        (mnist.test_images[i], f"{labels[i]} as {found[i]} ({probabilities[i, found[i]]:.0%})") for i in order.tolist()
    ]


def examples(run: "MnistRun", mnist: "Mnist") -> list[list[tuple[Tensor, str]]]:
    """Rows of the first test images: what the network gets, what it makes of it, what is true."""
    from litho_dl.mnist.tasks import make_items

    images, labels = mnist.test_images[:SHOWN], mnist.test_labels[:SHOWN]
    given, wanted = make_items(run.recipe, images, labels)
    outputs = run.test.outputs[:SHOWN]
    rows = (("given", given[:, 0]), ("made", outputs), ("true", wanted.reshape(outputs.shape)))
    return [[(image, name if index == 0 else "") for index, image in enumerate(row)] for name, row in rows]
