"""Activations and normalisations by name."""

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import nn

from litho_dl.core.errors import RecipeError

Part = TypeVar("Part")
MOST_GROUPS = 8  # of a group normalisation

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),  # the slope of the GAN literature
    "sigmoid": nn.Sigmoid,
    "none": nn.Identity,
}
# By the number of channels of (B, channels, H, W).
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    "group": lambda channels: nn.GroupNorm(math.gcd(channels, MOST_GROUPS), channels),
    "none": lambda channels: nn.Identity(),
}


def choose(table: Mapping[str, Part], name: str, what: str) -> Part:
    """Looks up a part of a network by its name.

    Args:
        table: Parts by name.
        name: The name to look up.
        what: What the table holds, with its article, for the error message: "a norm".

    Returns:
        `table[name]`.

    Raises:
        RecipeError: The table has no such name; the message lists the names it has.
    """
    if name not in table:
        raise RecipeError(f"Expected {what} ({', '.join(table)}), got {name!r}; choose one of these.")
    return table[name]


def activation_of(name: str) -> nn.Module:
    """The activation of that name; `none` is the identity.

    Raises:
        RecipeError: Unknown name.
    """
    return choose(ACTIVATIONS, name, "an activation")()
