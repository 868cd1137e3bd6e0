"""Initial weights by name."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import init

from litho_dl.nn.registry import choose

INITIALISATIONS: dict[str, Callable[[Tensor], Any]] = {
    "kaiming": lambda weight: init.kaiming_normal_(weight, nonlinearity="relu"),
    "normal": lambda weight: init.normal_(weight, std=0.02),  # GANs
}


@torch.no_grad()
def initialise(module: nn.Module, name: str) -> nn.Module:
    """Draws the weights of all convolutions and linear layers anew, from torch's generator; their biases become 0.

    Normalisations and spectral convolutions keep their weights.

    Args:
        module: Changed in place.
        name: `kaiming` (normal, variance 2 / fan in, for ReLU) or `normal` (standard deviation 0.02).

    Returns:
        The module.

    Raises:
        RecipeError: Unknown name.
    """
    fill = choose(INITIALISATIONS, name, "an initialisation")
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            if isinstance(part, nn.ConvTranspose2d):  # its weight is (in, out, ...), that of the others (out, in, ...)
                weight = part.weight.transpose(0, 1).contiguous()
                fill(weight)
                part.weight.copy_(weight.transpose(0, 1))
            else:
                fill(part.weight)
            if part.bias is not None:
                init.zeros_(part.bias)
    return module
