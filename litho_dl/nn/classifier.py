"""Classifier head."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from litho_dl.nn.registry import activation_of, choose


class GlobalMax(nn.Module):
    """The largest value of each channel: (B, C, H, W) -> (B, C); torch's own pool is not deterministic on a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))


GATHERS: dict[str, Callable[[], list[nn.Module]]] = {
    "flatten": lambda: [nn.Flatten()],
    "average": lambda: [nn.AdaptiveAvgPool2d(1), nn.Flatten()],
    "max": lambda: [GlobalMax()],
}


class ClassifierHead(nn.Sequential):
    """Features -> fully connected layers -> logits: (B, C, H, W) -> (B, classes).

    Args:
        in_features: C H W for `flatten`, C for the global pools.
        hidden: Widths of the hidden layers; with none, logits are linear in the features.
        classes: Number of classes.
        dropout: Probability in [0, 1) that an output of a hidden layer is dropped; without hidden layers, a feature.
        activation: Of the hidden layers; a name of `ACTIVATIONS`.
        gather: How an image becomes a vector: `flatten`, or the global pool `average` or `max`.

    Raises:
        RecipeError: Unknown activation or gather.
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int],
        classes: int,
        *,
        dropout: float = 0.0,
        activation: str = "relu",
        gather: str = "flatten",
    ) -> None:
        layers = choose(GATHERS, gather, "a way to gather features")()
        width = in_features
        for following in hidden:
            layers += [nn.Linear(width, following), activation_of(activation)]
            width = following
            if dropout:
                layers.append(nn.Dropout(dropout))
        if dropout and not hidden:
            layers.append(nn.Dropout(dropout))
        super().__init__(*layers, nn.Linear(width, classes))
