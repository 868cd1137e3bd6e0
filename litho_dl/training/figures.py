"""Figures of many batches, gathered without waiting for the device at every one."""

import math
from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.training import processes
from litho_dl.training.task import Figures


class Bad(NamedTuple):
    """A figure that is infinite or no number, and its step from 0."""

    step: int
    name: str
    value: float


class StepFigures:
    """One row of figures a step, the same names in every row."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._rows: list[list[float]] = []
        self._waiting: list[Tensor] = []

    def add(self, figures: Figures) -> None:
        """Takes in one step's."""
        self._names = tuple(figures)
        self._waiting += figures.values()

    def settle(self, watched: Collection[str]) -> Bad | None:
        """Waits for the device, averages over the processes what was added since, and returns the first bad figure."""
        settled = len(self._rows)
        values = torch.stack(self._waiting).double() / processes.world()
        self._rows += processes.total(values).reshape(-1, len(self._names)).tolist()
        self._waiting = []
        for step, row in enumerate(self._rows[settled:], settled):
            for name, value in zip(self._names, row, strict=True):
                if name in watched and not math.isfinite(value):
                    return Bad(step, name, value)
        return None

    def means(self) -> dict[str, float]:
        """Over the steps where a figure is finite: a step that float16 overflows in has no gradient norm."""
        columns = ([value for value in column if math.isfinite(value)] for column in zip(*self._rows, strict=True))
        return {
            name: sum(column) / len(column) if column else math.nan
            for name, column in zip(self._names, columns, strict=True)
        }


class Sums:
    """Sums of figures over the batches of a validation."""

    def __init__(self) -> None:
        self._totals: dict[str, Tensor] = {}

    def add(self, figures: Figures) -> None:
        """Takes in one batch's."""
        for name, value in figures.items():
            self._totals[name] = self._totals[name] + value.double() if name in self._totals else value.double()

    def means(self) -> dict[str, float]:
        """Over all items of all processes."""
        totals = processes.total(torch.stack(list(self._totals.values()))).tolist()
        sums = dict(zip(self._totals, totals, strict=True))
        count = sums.pop("count")
        return {name: value / count for name, value in sums.items()}
