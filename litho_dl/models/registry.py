"""All networks by name, in one table for each kind of input and output."""

from collections.abc import Callable

from torch import nn

from litho_dl.models.basic_cnn import basic_cnn
from litho_dl.models.cfno import cfno, cfno_small
from litho_dl.models.damo import damo, damo_discriminator, damo_discriminator_small, damo_small
from litho_dl.models.digit_gan import digit_discriminator, digit_generator
from litho_dl.models.doinn import doinn, doinn_small
from litho_dl.models.fcn import fcn_mask, fcn_mask_small, fcn_small
from litho_dl.models.gan_opc import gan_opc, gan_opc_discriminator, gan_opc_discriminator_small, gan_opc_small
from litho_dl.models.inception import inception_small
from litho_dl.models.lenet import lenet
from litho_dl.models.lithogan import lithogan, lithogan_small
from litho_dl.models.mlp import mlp, perceptron
from litho_dl.models.neural_ilt import neural_ilt, neural_ilt_small
from litho_dl.models.quick_cnn import quick_cnn
from litho_dl.models.resnet import resnet_small
from litho_dl.models.unet import unet, unet_small
from litho_dl.models.unrolled import any_optics, any_optics_small
from litho_dl.models.vgg import vgg_small

# (B, 1, 28, 28) -> logits (B, 10)
CLASSIFIERS: dict[str, Callable[[], nn.Module]] = {
    "perceptron": perceptron,
    "mlp": mlp,
    "basic_cnn": basic_cnn,
    "lenet": lenet,
    "vgg_small": vgg_small,
    "inception_small": inception_small,
    "resnet_small": resnet_small,
    "quick_cnn": quick_cnn,
}
# (B, 1, 28, 28) -> logits (B, classes, 28, 28)
SEGMENTERS: dict[str, Callable[[], nn.Module]] = {"fcn_small": fcn_small}
# Coarse image (B, 1, 28, 28) -> sharp image (B, 1, 28, 28) in [0, 1]
SHARPENERS: dict[str, Callable[[], nn.Module]] = {"digit_generator": digit_generator}
# Target (B, 1, H, W), area coverage -> logits of the mask (B, 1, H, W): their sigmoid is the mask's area coverage, and
# the mask has shapes where they are positive. Cross-entropy and the gradual sharpening of masks work on logits.
GENERATORS: dict[str, Callable[[], nn.Module]] = {
    "fcn_mask": fcn_mask,
    "fcn_mask_small": fcn_mask_small,
    "unet": unet,
    "unet_small": unet_small,
    "neural_ilt": neural_ilt,
    "neural_ilt_small": neural_ilt_small,
    "gan_opc": gan_opc,
    "gan_opc_small": gan_opc_small,
    "damo": damo,
    "damo_small": damo_small,
    "cfno": cfno,
    "cfno_small": cfno_small,
}
# What a turn sees of a mask (B, C, H, W), of `generators.unrolled`, and the turn's number -> change of the logits
UNROLLED: dict[str, Callable[[], nn.Module]] = {"any": any_optics, "any_small": any_optics_small}
# Condition and image in [0, 1], (B, 1, H, W) each -> logits (B, scales, rows, columns), one a patch or one for the pair
DISCRIMINATORS: dict[str, Callable[[], nn.Module]] = {
    "digit_discriminator": digit_discriminator,
    "gan_opc_discriminator": gan_opc_discriminator,
    "gan_opc_discriminator_small": gan_opc_discriminator_small,
    "damo_discriminator": damo_discriminator,
    "damo_discriminator_small": damo_discriminator_small,
}
# Mask (B, 1, H, W), area coverage -> (B, 2, H, W): aerial image (a clear mask is 1), and logits of the print
SURROGATES: dict[str, Callable[[], nn.Module]] = {
    "lithogan": lithogan,
    "lithogan_small": lithogan_small,
    "doinn": doinn,
    "doinn_small": doinn_small,
}
