"""Gauss quadrature of oscillating functions, with as many nodes as the oscillation needs."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import KernelError

TOLERANCE = 1e-7  # of the mean of a wave of amplitude 1
MOST_NODES = 200


def legendre(length: float, fastest: float) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the mean over [0, length] of waves exp(i q z), |q| <= `fastest`, to `TOLERANCE`.

    With m nodes the error is at most (q length)^(2m) (m!)^4 / ((2m + 1) ((2m)!)^3).

    Args:
        length: Length of the interval.
        fastest: Largest wave number, per unit of length.

    Returns:
        Nodes (m,) and weights (m,), float64; the weights sum to 1.

    Raises:
        KernelError: The waves need more than `MOST_NODES` nodes.
    """

    def error(count: int) -> float:
        factorials = 4 * math.lgamma(count + 1) - 3 * math.lgamma(2 * count + 1)
        return 2 * count * math.log(max(fastest * length, 1e-300)) + factorials - math.log(2 * count + 1)

    nodes, weights = np.polynomial.legendre.leggauss(
        _count(error, "A mean over the resist", "thinner resist, or a depth")
    )
    return torch.from_numpy((nodes + 1) / 2 * length), torch.from_numpy(weights / 2)


def hermite(deviation: float, fastest: float) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the mean over a normal distribution of waves exp(i q z), |q| <= `fastest`, to `TOLERANCE`.

    With m nodes the error is at most (q deviation)^(2m) m! / (2m)!.

    Args:
        deviation: Standard deviation; 0: one node.
        fastest: Largest wave number, per unit of length.

    Returns:
        Nodes (m,), symmetric about 0, and weights (m,), float64; the weights sum to 1.

    Raises:
        KernelError: The waves need more than `MOST_NODES` nodes.
    """

    def error(count: int) -> float:
        factorials = math.lgamma(count + 1) - math.lgamma(2 * count + 1)
        return 2 * count * math.log(max(fastest * deviation, 1e-300)) + factorials

    count = _count(error, "A focus blur", "smaller focus_blur_nm") if deviation > 0 else 1
    nodes, weights = np.polynomial.hermite.hermgauss(count)
    return torch.from_numpy(math.sqrt(2) * deviation * nodes), torch.from_numpy(weights / math.sqrt(math.pi))


def _count(error: Callable[[int], float], what: str, remedy: str) -> int:
    """The smallest number of nodes whose error, given by its logarithm, is within the tolerance."""
    for count in range(1, MOST_NODES + 1):
        if error(count) <= math.log(TOLERANCE):
            return count
    raise KernelError(f"{what} of this size needs more than {MOST_NODES} planes, got too many waves; give a {remedy}.")
