"""Normalisations by name."""

import math
from collections.abc import Callable

from torch import nn

from litho_dl.nn.choice import choose

MOST_GROUPS = 8

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    "group": lambda channels: nn.GroupNorm(math.gcd(channels, MOST_GROUPS), channels),
    "none": lambda channels: nn.Identity(),
}


def norm(name: str, channels: int) -> nn.Module:
    """The normalisation of that name over (B, channels, H, W); `none` is the identity.

    Raises:
        RecipeError: Unknown name.
    """
    return choose(NORMS, name, "a norm")(channels)
