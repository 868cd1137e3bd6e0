"""Metrics of many batches, accumulated without synchronising with the device at every batch."""

import math
from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.training import processes
from litho_dl.training.task import Metrics


class NonFinite(NamedTuple):
    """A metric that is infinite or NaN, and its step from 0."""

    step: int
    name: str
    value: float


class StepMetrics:
    """The metrics of each training step, with the same names in every step."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._rows: list[list[float]] = []
        self._pending: list[Tensor] = []

    def add(self, metrics: Metrics) -> None:
        """Adds the metrics of one step."""
        self._names = tuple(metrics)
        self._pending += metrics.values()

    def synchronise(self, watched: Collection[str]) -> NonFinite | None:
        """Reads the pending metrics from the device and averages them over the processes.

        Args:
            watched: Names of the metrics that must be finite.

        Returns:
            The first watched metric that is not finite; None if all are.
        """
        finished = len(self._rows)
        values = torch.stack(self._pending).double() / processes.world_size()
        self._rows += processes.all_reduce_sum(values).reshape(-1, len(self._names)).tolist()
        self._pending = []
        for step, row in enumerate(self._rows[finished:], finished):
            for name, value in zip(self._names, row, strict=True):
                if name in watched and not math.isfinite(value):
                    return NonFinite(step, name, value)
        return None

    def means(self) -> dict[str, float]:
        """Means over the steps whose value is finite: a step that overflows in float16 has no gradient norm."""
        columns = ([value for value in column if math.isfinite(value)] for column in zip(*self._rows, strict=True))
        return {
            name: sum(column) / len(column) if column else math.nan
            for name, column in zip(self._names, columns, strict=True)
        }


class MetricSums:
    """Sums of metrics over the batches of a validation."""

    def __init__(self) -> None:
        self._totals: dict[str, Tensor] = {}

    def add(self, metrics: Metrics) -> None:
        """Adds the sums over one batch."""
        for name, value in metrics.items():
            self._totals[name] = self._totals[name] + value.double() if name in self._totals else value.double()

    def means(self) -> dict[str, float]:
        """Means over all items of all processes."""
        totals = processes.all_reduce_sum(torch.stack(list(self._totals.values()))).tolist()
        sums = dict(zip(self._totals, totals, strict=True))
        count = sums.pop("count")
        return {name: value / count for name, value in sums.items()}
