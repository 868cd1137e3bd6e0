"""Exponential moving averages of weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class WeightAverage:
    """Averages of parameters: after step n, average += (1 - d) (weight - average), d = min(decay, (1 + n) / (10 + n)).

    The decay grows up to its limit so that early averages follow. Buffers, such as running means, have no average: the
    network's own go with either weights.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.decay, self.steps = decay, 0
        self._parameters = parameters
        self._values = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the present weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._values, list(self._parameters), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the network has the averages as its weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for index, parameter in enumerate(self._parameters):
            parameter.data, self._values[index] = self._values[index], parameter.data

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"steps": self.steps, "values": self._values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.steps = state["steps"]
        for value, stored in zip(self._values, state["values"], strict=True):
            value.copy_(stored)
