"""What the loop needs to know of a task: its networks, whose turn it is, and what that costs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

Batch = tuple[Tensor, ...]
Figures = dict[str, Tensor]


class Task(ABC):
    """Networks and their losses.

    Losses call the networks from `networks`: on several GPUs the loop puts modules there whose batch normalisation
    spans the processes.

    Attributes:
        networks: By name. Those that take no turn stay as they are, in evaluation mode.
        turns: Names of the networks that take a step on every batch, in order.
        selected_by: The validation figure by which the best epoch is chosen.
        larger_is_better: Its sense.
        description: What tells this task from others, as plain values; a run is continued only with the same.
    """

    networks: nn.ModuleDict
    turns: tuple[str, ...]
    selected_by: str
    larger_is_better: bool
    description: Mapping[str, Any]

    @abstractmethod
    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Figures]:
        """What the network whose turn it is minimises, and detached figures to report; means over the batch.

        Only that network's parameters ask for a gradient meanwhile.
        """

    @abstractmethod
    def validate(self, batch: Batch) -> Figures:
        """Sums over a batch; `count` is the number of items, by which the others are divided in the end."""

    def pictures(self, batch: Batch) -> dict[str, Tensor]:
        """What a few validation items look like to TensorBoard, (B, H, W) in [0, 1] by name; by default nothing."""
        return {}
