"""Batches in an order that depends on the seed and the epoch only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import TrainingError
from litho_dl.training.task import Batch

Order = Sequence[Tensor]  # indices, (b,) int64, of each batch


class Items(Protocol):
    """A source of batches."""

    def __len__(self) -> int:
        """Number of items."""

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        """Yields one batch for each tensor of indices.

        Args:
            order: Indices of each batch, (b,) int64.
            seed: Seed of random augmentations.

        Returns:
            The batches, tensors of b items each.
        """


@dataclass(frozen=True, eq=False, repr=False)
class TensorItems:
    """Items in memory.

    Attributes:
        tensors: All items, (n, ...) each, on any device.
        transform: Applied to each batch, with a random generator on the CPU, such as an augmentation. Each of several
            processes draws random numbers for its own items, so a run with augmentation is reproducible only with the
            same number of processes.
    """

    tensors: Sequence[Tensor]
    transform: Callable[[Batch, torch.Generator], Batch] | None = None

    def __post_init__(self) -> None:
        if len({len(tensor) for tensor in self.tensors}) != 1:
            raise TrainingError(f"Expected tensors of one length, got {[len(tensor) for tensor in self.tensors]}.")

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(tensor.shape[1:])) for tensor in self.tensors)
        return f"TensorItems({len(self):,} items of {shapes})"

    def __len__(self) -> int:
        return len(self.tensors[0])

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        """Yields one batch for each tensor of indices.

        Args:
            order: Indices of each batch, (b,) int64.
            seed: Seed of the generator that `transform` gets.

        Returns:
            The batches, tensors of b items each.
        """
        generator = torch.Generator().manual_seed(seed)
        for indices in order:
            batch: Batch = tuple(tensor[indices.to(tensor.device)] for tensor in self.tensors)
            yield batch if self.transform is None else self.transform(batch, generator)


def shuffled(count: int, batch_size: int, seed: int) -> Order:
    """Indices of full batches in a random order; the remaining items are left out.

    Args:
        count: Number of items.
        batch_size: Items per batch.
        seed: Seed of the permutation.

    Returns:
        The indices of each batch, (batch_size,) int64.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[: count // batch_size * batch_size].split(batch_size)


def in_order(count: int, batch_size: int) -> Order:
    """Indices of all items in order; the last batch may be smaller.

    Args:
        count: Number of items.
        batch_size: Items per batch.

    Returns:
        The indices of each batch, (batch_size,) int64 or shorter.
    """
    return torch.arange(count).split(batch_size)


def derived_seed(*key: int) -> int:
    """A seed derived from a tuple of numbers; different tuples give independent seeds."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
