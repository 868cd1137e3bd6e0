"""The tasks on MNIST: classification, segmentation and sharpening; their data and their test scores."""

from collections import defaultdict
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from litho_dl.mnist.augment import Augmentation, augmented
from litho_dl.mnist.digits import BACKGROUND, pixel_classes
from litho_dl.mnist.files import Mnist
from litho_dl.mnist.recipe import GAN, MnistRecipe
from litho_dl.models.registry import CLASSIFIERS, DISCRIMINATORS, SEGMENTERS, SHARPENERS
from litho_dl.training.adversarial import PairGan
from litho_dl.training.batches import TensorItems
from litho_dl.training.classification import Classification
from litho_dl.training.task import Batch, Task

MEAN, DEVIATION = 0.1307, 0.3081  # of the pixels of MNIST's training images
COARSE_PX = 4  # pixel of the GAN's input, in pixels of MNIST
TEST_BATCH = 1000


def normalised(images: Tensor) -> Tensor:
    """Images uint8 (n, H, W) as float32 (n, 1, H, W) of about zero mean and unit variance."""
    return ((images / 255 - MEAN) / DEVIATION)[:, None]


def coarsened(images: Tensor) -> Tensor:
    """Images (n, 1, H, W) averaged over blocks of `COARSE_PX` pixels, in the same shape."""
    return interpolate(avg_pool2d(images, COARSE_PX), scale_factor=COARSE_PX, mode="nearest")


def make_task(recipe: MnistRecipe, mnist: Mnist) -> Task:
    """The task of a recipe with new networks, initialised from torch's random generator.

    Args:
        recipe: The recipe.
        mnist: The data, of which the task's description holds a digest.

    Returns:
        The task.
    """
    description = {
        "benchmark": recipe.model_dump(mode="json", exclude={"description", "training"}),
        "images": mnist.training_digest(),
    }
    if recipe.network == GAN:
        return PairGan(
            SHARPENERS["digit_generator"](),
            DISCRIMINATORS["digit_discriminator"](),
            adversarial_loss="logistic",
            pixel_weight=20.0,
            description=description,
        )
    network = {**CLASSIFIERS, **SEGMENTERS}[recipe.network]()
    return Classification(network, label_smoothing=recipe.label_smoothing, description=description)


def make_items(recipe: MnistRecipe, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and targets of a recipe's network.

    Args:
        recipe: The recipe.
        images: uint8 (n, 28, 28), 255 = ink.
        labels: Their digits, (n,).

    Returns:
        Inputs, float32 (n, 1, 28, 28), and targets: digits (n,), classes of pixels (n, 28, 28), or images
        (n, 1, 28, 28).
    """
    if recipe.network == GAN:
        digits = images[:, None] / 255
        return coarsened(digits), digits
    targets = pixel_classes(images, labels) if recipe.network in SEGMENTERS else labels.long()
    return normalised(images), targets


def training_and_validation(recipe: MnistRecipe, mnist: Mnist) -> tuple[TensorItems, TensorItems]:
    """Splits the training images.

    Args:
        recipe: The recipe.
        mnist: The data.

    Returns:
        Items for training, with augmentation, and the last `held_out` ones for validation.
    """
    inputs, targets = make_items(recipe, mnist.train_images, mnist.train_labels)
    first = -recipe.held_out
    plain = recipe.augmentation == Augmentation()
    transform = None if plain else partial(_augmented_batch, recipe.augmentation)
    return TensorItems((inputs[:first], targets[:first]), transform), TensorItems((inputs[first:], targets[first:]))


def _augmented_batch(settings: Augmentation, batch: Batch, generator: torch.Generator) -> Batch:
    images, labels = batch
    return augmented(images, settings, generator), labels


@dataclass(frozen=True, eq=False, repr=False)
class TestScore:
    """Scores and outputs of networks on the test images.

    Attributes:
        metrics: The validation metrics: `loss` and `accuracy` of digits or pixels; or the mean absolute error `l1` of
            the GAN's images, and the discriminator's accuracies on real and generated pairs, `accuracy_real` and
            `accuracy_fake`. For the segmenter also `mean_iou`, and `ink_accuracy` of the pixels that are not
            background; for the GAN also `l1_coarse` of its inputs.
        outputs: Class probabilities (n, 10), classes of pixels (n, 28, 28), or images (n, 28, 28).
    """

    metrics: dict[str, float]
    outputs: Tensor

    def __repr__(self) -> str:
        return f"TestScore({', '.join(f'{name} {value:.4g}' for name, value in self.metrics.items())})"


@torch.no_grad()
def score(recipe: MnistRecipe, task: Task, images: Tensor, labels: Tensor) -> TestScore:
    """Scores a task's networks on test images.

    Args:
        recipe: The recipe.
        task: Its task, with the weights to score.
        images: uint8 (n, 28, 28), 255 = ink.
        labels: Their digits, (n,).

    Returns:
        Scores and outputs, on the CPU.
    """
    inputs, targets = make_items(recipe, images, labels)
    task.networks.eval()
    network = task.networks[main_network(recipe)]
    device = next(network.parameters()).device
    sums: dict[str, float] = defaultdict(float)
    parts = []
    for items in zip(inputs.split(TEST_BATCH), targets.split(TEST_BATCH), strict=True):
        batch = tuple(tensor.to(device) for tensor in items)
        for name, value in task.validate(batch).items():
            sums[name] += float(value)
        parts.append(network(batch[0]).float().cpu())
    count, outputs = sums.pop("count"), torch.cat(parts)
    metrics = {name: value / count for name, value in sums.items()}
    if recipe.network == GAN:
        return TestScore({**metrics, "l1_coarse": float((inputs - targets).abs().mean())}, outputs[:, 0])
    if recipe.network in CLASSIFIERS:
        return TestScore(metrics, outputs.softmax(1))
    classes, ink = outputs.argmax(1), targets != BACKGROUND
    accuracy = (classes == targets)[ink].float().mean()
    iou = mean_iou(classes, targets)
    return TestScore({**metrics, "mean_iou": iou, "ink_accuracy": float(accuracy)}, classes)


def main_network(recipe: MnistRecipe) -> str:
    """The name of a benchmark's main network in its task."""
    return "generator" if recipe.network == GAN else "network"


def mean_iou(predicted: Tensor, target: Tensor) -> float:
    """Intersection over union of each class's pixels, averaged over the classes that occur.

    Args:
        predicted: Classes 0 ... `BACKGROUND`, int64 of any shape.
        target: True classes, of the same shape.

    Returns:
        The mean, in [0, 1].
    """
    classes = BACKGROUND + 1
    pairs = torch.bincount(target.flatten() * classes + predicted.flatten(), minlength=classes**2)
    counts = pairs.reshape(classes, classes).double()
    both = counts.diagonal()
    either = counts.sum(0) + counts.sum(1) - both
    return float((both / either)[either > 0].mean())
