"""Classification of images or of pixels."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from litho_dl.training.task import Batch, Metrics, Task


class Classification(Task):
    """Cross-entropy of logits (B, classes) with labels (B,), or of logits (B, classes, H, W) with labels (B, H, W).

    Args:
        network: Images to logits.
        selected_by: Whether the best epoch is that of the smallest loss or of the largest accuracy.
        label_smoothing: Share of each training label that is distributed evenly over all classes; none in validation.
        description: Further entries of `Task.description`, such as the network's name; plain values.
    """

    turns = ("network",)

    def __init__(
        self,
        network: nn.Module,
        *,
        selected_by: Literal["loss", "accuracy"] = "accuracy",
        label_smoothing: float = 0.0,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        self.networks = nn.ModuleDict({"network": network})
        self.selected_by, self.larger_is_better = selected_by, selected_by == "accuracy"
        self._label_smoothing = label_smoothing
        self.description = {
            "name": "classification",
            "label_smoothing": label_smoothing,
            "selected_by": selected_by,
            **(description or {}),
        }

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Metrics]:
        """Cross-entropy with label smoothing, and the accuracy."""
        images, labels = batch
        logits = self.networks["network"](images)
        loss = functional.cross_entropy(logits, labels, label_smoothing=self._label_smoothing)
        return loss, {"accuracy": accuracy(logits.detach(), labels)}

    def validate(self, batch: Batch) -> Metrics:
        """Sums of loss and accuracy over the images."""
        images, labels = batch
        logits = self.networks["network"](images)
        count = torch.tensor(len(images), device=images.device)
        loss = functional.cross_entropy(logits, labels)
        return {"count": count, "loss": count * loss, "accuracy": count * accuracy(logits, labels)}


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of items whose label has the largest logit; one minus the error rate.

    Args:
        logits: (B, classes, ...).
        labels: Classes, (B, ...).

    Returns:
        A scalar in [0, 1].
    """
    return (logits.argmax(1) == labels).float().mean()
