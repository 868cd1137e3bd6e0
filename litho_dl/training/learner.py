"""The optimisation of one network: trainable parameters, optimizer, loss scale and weight average."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from litho_dl.training import processes
from litho_dl.training.average import WeightAverage
from litho_dl.training.optimizer import make_optimizer
from litho_dl.training.recipe import TrainingSettings


class Learner:
    """Updates one network.

    Args:
        name: The network's name in the task, for its own optimizer in the settings.
        network: The network; only parameters that require a gradient are updated.
        settings: The settings of the run.

    Attributes:
        learning_rate: Learning rate of the latest step.
        average: Moving average of the weights; None without one.
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

    def require_grad(self, wanted: bool) -> None:
        """Sets `requires_grad` of the trainable parameters."""
        for parameter in self._parameters:
            parameter.requires_grad = wanted

    def step(self, loss: Tensor, factor: float) -> Tensor:
        """Makes one optimizer step; the graph of the loss must be the same in every process.

        Args:
            loss: The loss, a scalar.
            factor: The schedule's factor of the largest learning rate.

        Returns:
            The norm of the gradient before clipping, a scalar.
        """
        self.learning_rate = self._largest_rate * factor
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate
        for parameter in self._parameters:  # noticeably faster on small networks than zero_grad
            parameter.grad = None
        self._scaler.scale(loss).backward()
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        processes.all_reduce_mean(gradients)  # while scaled: an overflow in one process reaches all
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
        """The state for a checkpoint, without the weights."""
        return {
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the state of a checkpoint."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
