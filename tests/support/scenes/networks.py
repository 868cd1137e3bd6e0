"""Networks of the registry that a test can afford, with inputs of theirs."""

import torch
from torch import Tensor, nn

from litho_dl.models.registry import CLASSIFIERS, DISCRIMINATORS, GENERATORS, SEGMENTERS, SHARPENERS, SURROGATES

MNIST = CLASSIFIERS | SEGMENTERS | SHARPENERS | {"digit_discriminator": DISCRIMINATORS["digit_discriminator"]}
FOR_MASKS = {name: make for name, make in (GENERATORS | DISCRIMINATORS | SURROGATES).items() if name not in MNIST}
PUBLISHED = {name: make for name, make in FOR_MASKS.items() if not name.endswith("_small")}
MODELS = MNIST | {name: make for name, make in FOR_MASKS.items() if name not in PUBLISHED}
SIDES = dict.fromkeys(FOR_MASKS, 64) | {"doinn_small": 200, "doinn": 504, "lithogan": 256}


def inputs(name: str, batch: int) -> tuple[Tensor, ...]:
    side = SIDES.get(name, 28)
    return tuple(torch.rand(batch, 1, side, side) for _ in range(2 if name in DISCRIMINATORS else 1))


def made(name: str, seed: int = 0) -> nn.Module:
    """The network with running means that are not those it starts with."""
    torch.manual_seed(seed)
    network = MODELS[name]()
    with torch.no_grad():
        network.train()(*inputs(name, 8))
    return network.eval()


def set_weights(module: nn.Module, value: float) -> None:
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(part.weight, value)
            nn.init.zeros_(part.bias)
