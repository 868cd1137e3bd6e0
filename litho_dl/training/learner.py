"""A network that takes turns: its trainable parameters and the step on them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from litho_dl.training import processes
from litho_dl.training.average import WeightAverage
from litho_dl.training.optimizer import make_optimizer
from litho_dl.training.recipe import TrainingSettings


class Learner:
    """Parameters with their optimizer, loss scale and average.

    Attributes:
        learning_rate: Of the latest step.
        average: The moving average of the weights, if there is one.
    """

    def __init__(self, name: str, network: nn.Module, settings: TrainingSettings) -> None:
        chosen = settings.optimizers.get(name, settings.optimizer)
        self._largest_rate, self._clip_norm = chosen.learning_rate, settings.clip_norm
        self.learning_rate = 0.0
        self._parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._optimizer = make_optimizer(chosen, network)
        self._scaler = torch.amp.GradScaler(self._parameters[0].device.type, enabled=settings.precision == "float16")
        decay = settings.average_decay
        self.average = None if decay is None else WeightAverage(self._parameters, decay)

    def ask_for_gradient(self, wanted: bool) -> None:
        """Whether the parameters get a gradient."""
        for parameter in self._parameters:
            parameter.requires_grad = wanted

    def step(self, loss: Tensor, share: float) -> Tensor:
        """One step down the loss at a share of the largest learning rate; returns the gradient's norm before clipping.

        The graph of the loss must be the same in every process.
        """
        self.learning_rate = self._largest_rate * share
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        for parameter in self._parameters:  # on small networks noticeably quicker than the optimizer's zero_grad
            parameter.grad = None
        self._scaler.scale(loss).backward()
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        processes.average(gradients)  # while scaled: an overflow in one process reaches all
        self._scaler.unscale_(self._optimizer)
        norm = get_total_norm(gradients, foreach=True)
        if self._clip_norm is not None:
            clip_grads_with_norm_(self._parameters, self._clip_norm, norm, foreach=True)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self.average is not None:
            self.average.update()
        return norm

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps, beside the weights."""
        return {
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
