"""How gradients vanish and explode along a deep network, and what batch norm and clipping do about it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct

DEPTH, WIDTH = 16, 8
EXPLODING_GAIN = 2.0  # of all weights, over the scale that keeps the signal
STEPS, LEARNING_RATE = 60, 0.1


@dataclass(frozen=True)
class GradientStudy:
    """Gradient norms of deep plain networks.

    Attributes:
        by_layer: Norm of each convolution's weight gradient before training, from the first layer to the last, by the
            network's name.
        by_step: Norm of the whole step that the optimizer takes, by step, with and without clipping.
    """

    by_layer: dict[str, list[float]]
    by_step: dict[str, list[float]]


def study_gradients(images: Tensor, labels: Tensor, seed: int) -> GradientStudy:
    """Measures networks of `DEPTH` convolutions on one batch of images (B, 1, H, W) with labels (B,)."""
    kinds = {
        "sigmoid": ("sigmoid", "none", 1.0),
        "sigmoid, batch norm": ("sigmoid", "batch", 1.0),
        "ReLU, large weights": ("relu", "none", EXPLODING_GAIN),
        "ReLU, large weights, batch norm": ("relu", "batch", EXPLODING_GAIN),
    }
    by_layer = {}
    for name, (activation, norm, gain) in kinds.items():
        network = _deep(activation, norm, gain, seed)
        weights = [layer.weight for layer in _convolutions(network)]
        gradients = torch.autograd.grad(cross_entropy(network(images), labels), weights)
        by_layer[name] = [float(gradient.norm()) for gradient in gradients]
    clip = {"as it is": None, "clipped to 1": 1.0}
    return GradientStudy(by_layer, {name: _step_norms(images, labels, norm, seed) for name, norm in clip.items()})


def _deep(activation: str, norm: str, gain: float, seed: int) -> nn.Sequential:
    """Convolutions of weights drawn as He et al. do, times a gain."""
    torch.manual_seed(seed)
    widths = [1] + [WIDTH] * DEPTH
    layers = [
        ConvBNAct(widths[i], widths[i + 1], stride=4 if i == 0 else 1, norm=norm, activation=activation)
        for i in range(DEPTH)
    ]
    network = nn.Sequential(*layers, ClassifierHead(WIDTH, [], 10, gather="average"))
    with torch.no_grad():
        for layer in _convolutions(network):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu").mul_(gain)
    return network


def _convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def _step_norms(images: Tensor, labels: Tensor, most: float | None, seed: int) -> list[float]:
    """Norms of the gradients that gradient descent steps along."""
    network = _deep("relu", "none", EXPLODING_GAIN**0.5, seed)
    optimizer = torch.optim.SGD(network.parameters(), LEARNING_RATE)
    norms = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        cross_entropy(network(images), labels).backward()
        total = nn.utils.clip_grad_norm_(network.parameters(), float("inf") if most is None else most)
        norms.append(float(total) if most is None else min(float(total), most))
        optimizer.step()
    return norms
