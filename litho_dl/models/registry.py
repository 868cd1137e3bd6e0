"""All networks by name; choose from a table with `nn.choice.choose`."""

from collections.abc import Callable

from torch import nn

from litho_dl.models.digit_gan import digit_discriminator, digit_generator
from litho_dl.models.fcn import fcn_small
from litho_dl.models.inception import inception_small
from litho_dl.models.lenet import lenet
from litho_dl.models.mlp import mlp
from litho_dl.models.perceptron import perceptron
from litho_dl.models.resnet import resnet_small
from litho_dl.models.speed import speed
from litho_dl.models.tutorial import tutorial
from litho_dl.models.vgg import vgg_small

# (B, 1, 28, 28) -> logits (B, 10)
CLASSIFIERS: dict[str, Callable[[], nn.Module]] = {
    "perceptron": perceptron,
    "mlp": mlp,
    "tutorial": tutorial,
    "lenet": lenet,
    "vgg_small": vgg_small,
    "inception_small": inception_small,
    "resnet_small": resnet_small,
    "speed": speed,
}
# (B, 1, 28, 28) -> logits (B, classes, 28, 28)
SEGMENTERS: dict[str, Callable[[], nn.Module]] = {"fcn_small": fcn_small}
# Condition (B, 1, H, W) -> image (B, 1, H, W) in [0, 1]
GENERATORS: dict[str, Callable[[], nn.Module]] = {"digit_generator": digit_generator}
# Condition and image, (B, 1, H, W) each -> logits (B, 1, patches, patches)
DISCRIMINATORS: dict[str, Callable[[], nn.Module]] = {"digit_discriminator": digit_discriminator}
