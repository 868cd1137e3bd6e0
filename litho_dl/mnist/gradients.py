"""Vanishing and exploding gradients in deep networks, and the effect of batch normalisation and clipping."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_, get_total_norm

from litho_dl.nn.classifier import ClassifierHead
from litho_dl.nn.conv import ConvBNAct

DEPTH, WIDTH = 16, 8
EXPLODING_GAIN = 2.0  # of all weights, over He initialisation
STEPS, LEARNING_RATE = 60, 0.1


@dataclass(frozen=True)
class GradientStudy:
    """Gradient norms of deep plain networks.

    Attributes:
        by_layer: By network, the norm of each convolution's weight gradient before training, from first to last layer.
        norms: With and without clipping, the norm of the whole gradient at each step.
        losses: With and without clipping, the loss at each step.
    """

    by_layer: dict[str, list[float]]
    norms: dict[str, list[float]]
    losses: dict[str, list[float]]


def study_gradients(images: Tensor, labels: Tensor, seed: int) -> GradientStudy:
    """Measures the gradients of networks of `DEPTH` convolutions on one batch.

    Args:
        images: (B, 1, H, W).
        labels: Digits, (B,).
        seed: Seed of the initial weights.

    Returns:
        The gradient norms and losses.
    """
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
    max_norms = {"as it is": math.inf, "clipped to 1": 1.0}
    steps = {name: _descent(images, labels, max_norm, seed) for name, max_norm in max_norms.items()}
    return GradientStudy(
        by_layer,
        {name: norms for name, (norms, _) in steps.items()},
        {name: losses for name, (_, losses) in steps.items()},
    )


def _deep(activation: str, norm: str, gain: float, seed: int) -> nn.Sequential:
    """A deep plain network with He initialisation times a gain."""
    widths = [1] + [WIDTH] * DEPTH
    with torch.random.fork_rng([]), torch.no_grad():
        torch.default_generator.manual_seed(seed)
        layers = [
            ConvBNAct(widths[i], widths[i + 1], stride=4 if i == 0 else 1, norm=norm, activation=activation)
            for i in range(DEPTH)
        ]
        network = nn.Sequential(*layers, ClassifierHead(WIDTH, [], 10, gather="average"))
        for layer in _convolutions(network):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu").mul_(gain)
    return network


def _convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def _descent(images: Tensor, labels: Tensor, max_norm: float, seed: int) -> tuple[list[float], list[float]]:
    """Gradient norms, clipped to `max_norm`, and losses at each step of gradient descent."""
    network = _deep("relu", "none", EXPLODING_GAIN**0.5, seed)
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD(parameters, LEARNING_RATE)
    norms, losses = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = cross_entropy(network(images), labels)
        loss.backward()
        clip_grad_norm_(parameters, max_norm)
        norms.append(float(get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])))
        losses.append(float(loss.detach()))
        optimizer.step()
    return norms, losses
