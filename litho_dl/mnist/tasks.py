"""The three tasks that MNIST is made into, their data, and their score on the test images."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from litho_dl.data.digits import BACKGROUND, pixel_classes
from litho_dl.data.mnist import Mnist
from litho_dl.mnist.augment import Augmentation, augmented
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


def make_task(recipe: MnistRecipe) -> Task:
    """New networks with their losses, drawn from torch's generator."""
    if recipe.network == GAN:
        return PairGan(
            SHARPENERS["digit_generator"](),
            DISCRIMINATORS["digit_discriminator"](),
            adversarial_loss="logistic",
            pixel_weight=20.0,
            description=GAN,
        )
    network = {**CLASSIFIERS, **SEGMENTERS}[recipe.network]()
    return Classification(network, label_smoothing=recipe.label_smoothing, description=recipe.network)


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
    """How a network does on the test images.

    Attributes:
        figures: `accuracy` (of digits, or of pixels that are no background) and `loss`; of the GAN the mean absolute
            error `l1`, and `l1_coarse` of the images that it starts from.
        outputs: Class probabilities (n, 10), pixel classes (n, 28, 28), or images (n, 28, 28).
    """

    figures: dict[str, float]
    outputs: Tensor


@torch.no_grad()
def score(recipe: MnistRecipe, network: nn.Module, images: Tensor, labels: Tensor) -> TestScore:
    """Scores a network (the GAN's generator) on images uint8 (n, 28, 28) of digits (n,)."""
    given, wanted = make_items(recipe, images, labels)
    network.eval()
    device = next(network.parameters()).device
    outputs = torch.cat([network(part.to(device)).cpu() for part in given.split(TEST_BATCH)]).float()
    if recipe.network == GAN:
        figures = {"l1": _mean(outputs - wanted), "l1_coarse": _mean(given - wanted)}
        return TestScore(figures, outputs[:, 0])
    loss, found = float(cross_entropy(outputs, wanted)), outputs.argmax(1)
    ink = wanted != BACKGROUND  # all of the digits, where whole images are classified
    figures = {"accuracy": float((found == wanted)[ink].float().mean()), "loss": loss}
    return TestScore(figures, found if recipe.network in SEGMENTERS else outputs.softmax(1))


def _mean(difference: Tensor) -> float:
    return float(difference.abs().mean())
