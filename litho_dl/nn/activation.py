"""Activations by name."""

from collections.abc import Callable

from torch import Tensor, nn

from litho_dl.nn.choice import choose

MAXOUT_PIECES = 2


class Maxout(nn.Module):
    """The largest of each `pieces` neighbouring channels: (B, pieces C, ...) -> (B, C, ...).

    Source: Goodfellow et al., Maxout Networks (2013).
    """

    def __init__(self, pieces: int = MAXOUT_PIECES) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.pieces)).amax(2)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),  # the slope of the GAN literature
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "maxout": Maxout,
    "none": nn.Identity,
}


def activation(name: str) -> nn.Module:
    """The activation of that name; `none` is the identity.

    Raises:
        RecipeError: Unknown name.
    """
    return choose(ACTIVATIONS, name, "an activation")()


def channels_before(name: str, channels: int) -> int:
    """Channels that a layer must give for `channels` to leave the activation after it."""
    return channels * MAXOUT_PIECES if name == "maxout" else channels
