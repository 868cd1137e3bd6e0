"""A training task: networks, the order of their updates, and their losses."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

Batch = tuple[Tensor, ...]
Metrics = dict[str, Tensor]


class Task(ABC):
    """Networks and their losses.

    Losses take the networks from `networks`: on several GPUs the training loop replaces them by copies whose batch
    normalisation is synchronised.

    Attributes:
        networks: Networks by name; those not in `turns` are not trained and stay in evaluation mode.
        turns: Names of the networks that are updated on every batch, in order.
        selected_by: Name of the validation metric that selects the best epoch.
        larger_is_better: Whether larger values of that metric are better.
        description: Plain values that identify the task; a run is resumed only with the same description.
        progress: Share of the training that is done, in [0, 1); the training loop sets it before every step.
    """

    networks: nn.ModuleDict
    turns: tuple[str, ...]
    selected_by: str
    larger_is_better: bool
    description: Mapping[str, Any]
    progress: float = 0.0

    @abstractmethod
    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Metrics]:
        """The loss of one network; only its parameters require a gradient during the call.

        Args:
            turn: Name of the network to update.
            batch: Tensors of B items each.

        Returns:
            The loss, a scalar, and metrics to report, detached scalars; all are means over the batch.
        """

    @abstractmethod
    def validate(self, batch: Batch) -> Metrics:
        """Sums of the validation metrics over a batch, and under `count` its number of items."""

    def pictures(self, batch: Batch) -> dict[str, Tensor]:
        """Pictures of a few validation items for TensorBoard, (B, H, W) in [0, 1] by name; none by default."""
        return {}
