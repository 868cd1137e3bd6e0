"""Batches in an order that depends on the seed and the epoch alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.errors import TrainingError
from litho_dl.training.task import Batch

Order = Sequence[Tensor]


class Items(Protocol):
    """Where batches come from."""

    def __len__(self) -> int:
        """Items in all."""

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        """The items of each list of indices, (b,) int64, in turn; `seed` decides whatever is drawn for them."""


@dataclass(frozen=True, eq=False)
class TensorItems:
    """Items that fit into memory.

    Attributes:
        tensors: All items, (n, ...) each; on any device.
        transform: Applied to each batch with a generator on the CPU, such as an augmentation. Each of several processes
            draws for its own items, so an augmented run is repeated by the same number of processes only.
    """

    tensors: Sequence[Tensor]
    transform: Callable[[Batch, torch.Generator], Batch] | None = None

    def __post_init__(self) -> None:
        if len({len(tensor) for tensor in self.tensors}) != 1:
            raise TrainingError(f"Expected tensors of one length, got {[len(tensor) for tensor in self.tensors]}.")

    def __len__(self) -> int:
        return len(self.tensors[0])

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        """See `Items`."""
        generator = torch.Generator().manual_seed(seed)
        for indices in order:
            batch: Batch = tuple(tensor[indices.to(tensor.device)] for tensor in self.tensors)
            yield batch if self.transform is None else self.transform(batch, generator)


def shuffled(count: int, batch_size: int, seed: int) -> Order:
    """Indices of full batches in a random order; the rest of the items wait for another epoch."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[: count // batch_size * batch_size].split(batch_size)


def in_order(count: int, batch_size: int) -> Order:
    """Indices of all items as they come; the last batch may be smaller."""
    return torch.arange(count).split(batch_size)


def seed_of(*key: int) -> int:
    """A seed for each tuple of numbers that shares nothing with its neighbours'."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
