"""The pictures of a benchmark on MNIST."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from litho_dl.mnist.files import Mnist
    from litho_dl.mnist.run import MnistRun
    from litho_dl.viz.learning import ImageRow

SHOWN, A_ROW = 16, 8
TRAINING_NOTE = "training: means over each epoch's steps, with label smoothing, dropout and augmentation"
DIGITS = [str(digit) for digit in range(10)]


def confusion(run: "MnistRun", labels: Tensor) -> Tensor:
    """How often which digit (rows) was taken for which (columns), (10, 10)."""
    found = run.test.outputs.argmax(1)
    return torch.bincount(labels.long() * 10 + found, minlength=100).reshape(10, 10)


def draw_run(folder: Path, run: "MnistRun", mnist: "Mnist") -> None:
    """FOLDER/curves.png and what `pictures` has."""
    from litho_dl.training.progress import curves_of
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.learning import learning_curves

    save_figure(
        learning_curves({run.recipe.network: curves_of(run.training)}, note=TRAINING_NOTE), folder / "curves.png"
    )
    for name, figure in pictures(run, mnist).items():
        save_figure(figure, folder / f"{name}.png")


def pictures(run: "MnistRun", mnist: "Mnist") -> dict[str, "Figure"]:
    """What the test images came to: of a classifier `confusion` and, if it errs, `worst`; of the others `examples`."""
    from litho_dl.models.registry import CLASSIFIERS
    from litho_dl.viz.learning import ImageRow, confusion_figure, image_grid

    title = f"{run.recipe.network}, {len(mnist.test_labels):,} test images"
    if run.recipe.network not in CLASSIFIERS:
        return {"examples": image_grid(examples(run, mnist), title=title)}
    drawn = {"confusion": confusion_figure(confusion(run, mnist.test_labels).numpy(), DIGITS, title=title)}
    worst = worst_digits(run, mnist)
    rows = [ImageRow(worst[start : start + A_ROW], (0, 255)) for start in range(0, len(worst), A_ROW)]
    return {**drawn, "worst": image_grid(rows, title=title)} if rows else drawn


def worst_digits(run: "MnistRun", mnist: "Mnist") -> list[tuple[Tensor, str]]:
    """The misclassified test images whose own class got the least probability, with both classes as captions."""
    probabilities, labels = run.test.outputs, mnist.test_labels.long()
    found = probabilities.argmax(1)
    own = probabilities[torch.arange(len(labels)), labels]
    order = torch.where(found != labels, own, 2.0).argsort(stable=True)[: int((found != labels).sum())][:SHOWN]
    return [
        (mnist.test_images[i], f"{labels[i]} as {found[i]} ({probabilities[i, found[i]]:.0%})") for i in order.tolist()
    ]


def examples(run: "MnistRun", mnist: "Mnist") -> "list[ImageRow]":
    """The first test images: what the network gets, what it makes of it, what is true."""
    from litho_dl.mnist.recipe import GAN
    from litho_dl.mnist.tasks import make_items
    from litho_dl.viz.learning import CLASS_COLOURS, CLASS_RANGE, ImageRow

    images = mnist.test_images[:SHOWN]
    given, wanted = make_items(run.recipe, images, mnist.test_labels[:SHOWN])
    made = run.test.outputs[:SHOWN]
    if run.recipe.network == GAN:
        rows = {"given": given[:, 0], "made": made, "true": wanted[:, 0]}
        return [ImageRow(_named(row, name), (0, 1)) for name, row in rows.items()]
    classes = {"made": made, "true": wanted}
    return [
        ImageRow(_named(images, "given"), (0, 255)),
        *(ImageRow(_named(row, name), CLASS_RANGE, CLASS_COLOURS) for name, row in classes.items()),
    ]


def _named(row: Tensor, name: str) -> list[tuple[Tensor, str]]:
    """Images of which the first has the name as its caption."""
    return [(image, "" if index else name) for index, image in enumerate(row)]
