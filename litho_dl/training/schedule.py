"""Learning rate schedules."""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from litho_dl.core.settings import ProperFraction, Settings


class _Schedule(Settings, ABC):
    """Base of all schedules: a linear warm-up, then a curve.

    Attributes:
        kind: Name of the curve.
        warmup_epochs: Length of the warm-up in epochs, need not be whole.
        initial: Factor of the largest learning rate at which the warm-up starts.
    """

    kind: str
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    initial: Annotated[float, Field(gt=0, le=1)] = 0.01

    def factor(self, epoch: float, epochs: int) -> float:
        """The learning rate over the largest one.

        Args:
            epoch: Epochs done, need not be whole.
            epochs: Epochs of the run.

        Returns:
            A number in [0, 1].
        """
        if epoch < self.warmup_epochs:
            return self.initial + (1 - self.initial) * epoch / self.warmup_epochs
        return self._curve(epoch - self.warmup_epochs, epochs - self.warmup_epochs)

    @abstractmethod
    def _curve(self, epoch: float, epochs: float) -> float:
        """The factor after `epoch` of the `epochs` epochs that follow the warm-up."""


class Constant(_Schedule):
    """The largest learning rate throughout."""

    kind: Literal["constant"] = "constant"

    def _curve(self, epoch: float, epochs: float) -> float:
        return 1.0


class Step(_Schedule):
    """Multiplication by `gamma` after every `step_epochs` epochs."""

    kind: Literal["step"] = "step"
    step_epochs: Annotated[float, Field(gt=0)]
    gamma: Annotated[float, Field(gt=0, le=1)]

    def _curve(self, epoch: float, epochs: float) -> float:
        return self.gamma ** math.floor(epoch / self.step_epochs + 1e-9)


class Cosine(_Schedule):
    """Half a cosine down to the factor `final`.

    Source: I. Loshchilov, F. Hutter, SGDR: Stochastic gradient descent with warm restarts, ICLR 2017, eq. 5.
    """

    kind: Literal["cosine"] = "cosine"
    final: ProperFraction = 0.0

    def _curve(self, epoch: float, epochs: float) -> float:
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * epoch / epochs)) / 2


class Linear(_Schedule):
    """A linear decrease to the factor `final`."""

    kind: Literal["linear"] = "linear"
    final: ProperFraction = 0.0

    def _curve(self, epoch: float, epochs: float) -> float:
        return self.final + (1 - self.final) * (1 - epoch / epochs)


Schedule = Annotated[Constant | Step | Cosine | Linear, Field(discriminator="kind")]
