"""The three tasks that MNIST is made into, their data, and their score on the test images."""

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

MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's training pixels
COARSE_PX = 4  # pixels of the digits that the GAN starts from
TEST_BATCH = 1000


def normalised(images: Tensor) -> Tensor:
    """uint8 (n, H, W) -> float32 (n, 1, H, W) of about zero mean and unit deviation."""
    return ((images / 255 - MEAN) / DEVIATION)[:, None]


def coarsened(images: Tensor) -> Tensor:
    """Images (n, 1, H, W) on pixels `COARSE_PX` times as large, in their old shape."""
    return interpolate(avg_pool2d(images, COARSE_PX), scale_factor=COARSE_PX, mode="nearest")


def make_task(recipe: MnistRecipe, mnist: Mnist) -> Task:
    """New networks with their losses, drawn from torch's generator; described by the recipe and the training images."""
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
    """What a network gets and what it should give, for images uint8 (n, 28, 28) of digits (n,)."""
    if recipe.network == GAN:
        digits = images[:, None] / 255
        return coarsened(digits), digits
    wanted = pixel_classes(images, labels) if recipe.network in SEGMENTERS else labels.long()
    return normalised(images), wanted


def training_and_validation(recipe: MnistRecipe, mnist: Mnist) -> tuple[TensorItems, TensorItems]:
    """The training images without those held out, and those."""
    given, wanted = make_items(recipe, mnist.train_images, mnist.train_labels)
    last = -recipe.held_out
    plain = recipe.augmentation == Augmentation()
    transform = None if plain else partial(_augmented_batch, recipe.augmentation)
    return TensorItems((given[:last], wanted[:last]), transform), TensorItems((given[last:], wanted[last:]))


def _augmented_batch(settings: Augmentation, batch: Batch, generator: torch.Generator) -> Batch:
    images, labels = batch
    return augmented(images, settings, generator), labels


@dataclass(frozen=True, eq=False)
class TestScore:
    """How networks do on the test images.

    Attributes:
        figures: What validation reports: `loss` and `accuracy` (of digits, or of all pixels); or the mean absolute
            error `l1` of the GAN's images, and the share of the discriminator's verdicts that are right on true and on
            made pairs, `accuracy_real` and `accuracy_fake`. Besides, of the segmenter `mean_iou` and, where the truth
            is no background, `ink_accuracy`; of the GAN `l1_coarse` of the images that it starts from.
        outputs: Class probabilities (n, 10), pixel classes (n, 28, 28), or images (n, 28, 28).
    """

    figures: dict[str, float]
    outputs: Tensor


@torch.no_grad()
def score(recipe: MnistRecipe, task: Task, images: Tensor, labels: Tensor) -> TestScore:
    """Scores a task's networks on images uint8 (n, 28, 28) of digits (n,)."""
    given, wanted = make_items(recipe, images, labels)
    task.networks.eval()
    network = task.networks[main_network(recipe)]
    device = next(network.parameters()).device
    sums: dict[str, float] = defaultdict(float)
    parts = []
    for batch in zip(given.split(TEST_BATCH), wanted.split(TEST_BATCH), strict=True):
        there = tuple(tensor.to(device) for tensor in batch)
        for name, value in task.validate(there).items():
            sums[name] += float(value)
        parts.append(network(there[0]).float().cpu())
    count, outputs = sums.pop("count"), torch.cat(parts)
    figures = {name: value / count for name, value in sums.items()}
    if recipe.network == GAN:
        return TestScore({**figures, "l1_coarse": float((given - wanted).abs().mean())}, outputs[:, 0])
    if recipe.network in CLASSIFIERS:
        return TestScore(figures, outputs.softmax(1))
    found, ink = outputs.argmax(1), wanted != BACKGROUND
    right = (found == wanted)[ink].float().mean()
    return TestScore({**figures, "mean_iou": mean_iou(found, wanted), "ink_accuracy": float(right)}, found)


def main_network(recipe: MnistRecipe) -> str:
    """The name in its task of the network that a benchmark is about."""
    return "generator" if recipe.network == GAN else "network"


def mean_iou(found: Tensor, wanted: Tensor) -> float:
    """Intersection over union of the pixels of each class 0 ... `BACKGROUND`, mean over the classes that occur."""
    classes = BACKGROUND + 1
    pairs = torch.bincount(wanted.flatten() * classes + found.flatten(), minlength=classes**2)
    counts = pairs.reshape(classes, classes).double()
    both = counts.diagonal()
    either = counts.sum(0) + counts.sum(1) - both
    return float((both / either)[either > 0].mean())
