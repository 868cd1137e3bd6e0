"""Muon: momentum whose update of every weight matrix is made orthogonal."""

from typing import Any

import torch
from torch import Tensor

from litho_dl.core.errors import TrainingError

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of a quintic that takes singular values in (0, 1] to about 1
ITERATIONS = 5
RMS = 0.2  # of an update's elements, per learning rate: as large as Adam's


class Muon(torch.optim.Optimizer):
    """Muon for the kernels of convolutions and the matrices of linear layers, Adam for all other parameters.

    A kernel (C_out, C_in, h, w) is a matrix of C_out rows. Its Nesterov momentum U S V^T is replaced by about U V^T, so
    that rare directions of the gradient are learned as fast as frequent ones.

    Args:
        groups: Parameters, or groups of them with `weight_decay`.
        learning_rate: Learning rate; what suits Adam suits Muon.
        momentum: Decay rate of the momentum.
        betas: Decay rates of Adam's moments.

    Raises:
        TrainingError: There are complex parameters.

    Source: K. Jordan et al., Muon: an optimizer for hidden layers in neural networks (2024); the scale of updates from
    J. Liu et al., Muon is scalable for LLM training (2025), section 2.2.
    """

    def __init__(
        self, groups: Any, learning_rate: float, momentum: float = 0.95, betas: tuple[float, float] = (0.9, 0.99)
    ) -> None:
        super().__init__(groups, {"lr": learning_rate, "momentum": momentum, "betas": betas, "weight_decay": 0.0})
        if any(parameter.is_complex() for group in self.param_groups for parameter in group["params"]):
            raise TrainingError("Expected real parameters for Muon, got complex ones; choose adam.")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Updates all parameters that have a gradient."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    update = self._muon if parameter.ndim in (2, 4) and len(parameter) > 1 else self._adam
                    update(parameter, parameter.grad, group)

    def _muon(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, momentum = self.state[parameter], group["momentum"]
        if not state:
            state["mean"] = torch.zeros_like(parameter)
        state["mean"].lerp_(gradient, 1 - momentum)
        ahead = gradient.lerp(state["mean"], momentum).flatten(1)
        scale = RMS * max(ahead.shape) ** 0.5
        parameter.add_(orthogonal(ahead).reshape(parameter.shape), alpha=-group["lr"] * scale)

    def _adam(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        steps = float(state["step"])
        state["mean"].lerp_(gradient, 1 - beta1)
        state["square"].lerp_(gradient.square(), 1 - beta2)
        mean, square = state["mean"] / (1 - beta1**steps), state["square"] / (1 - beta2**steps)
        parameter.addcdiv_(mean, square.sqrt().add_(1e-8), value=-group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """About U V^T of a matrix U S V^T, by Newton-Schulz iteration; singular values end between 0.7 and 1.2.

    Args:
        matrix: (m, n), real.

    Returns:
        (m, n).
    """
    a, b, c = COEFFICIENTS
    x = matrix / matrix.norm().clamp(min=1e-12)
    if x.shape[0] > x.shape[1]:
        return orthogonal(matrix.T).T
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x
