"""Exponential moving averages of weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class WeightAverage:
    """Exponential moving averages of parameters: a += (1 - d) (w - a) after step n, d = min(decay, (1 + n) / (10 + n)).

    The decay d rises to its limit so that the averages of the first steps follow the weights closely. Buffers, such as
    running means, are not averaged.

    Args:
        parameters: The weights w, by reference; the averages a start from their values.
        decay: Largest decay, in [0, 1).
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.decay, self.steps = decay, 0
        self._parameters = parameters
        self._values = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Updates the averages with the current weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._values, list(self._parameters), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Context in which the network's weights are the averages."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for index, parameter in enumerate(self._parameters):
            parameter.data, self._values[index] = self._values[index], parameter.data

    def state_dict(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return {"steps": self.steps, "values": self._values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the state of a checkpoint."""
        self.steps = state["steps"]
        for value, stored in zip(self._values, state["values"], strict=True):
            value.copy_(stored)
