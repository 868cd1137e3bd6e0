"""Settings of a training run: length, optimizers, schedule, precision, early stopping."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from litho_dl.core.settings import Positive, ProperFraction, Settings, validated
from litho_dl.training.optimizer import OptimizerSettings
from litho_dl.training.schedule import Constant, Schedule


class TrainingSettings(Settings):
    """Settings of a training run, independent of network and data.

    Attributes:
        epochs: Passes through the training data.
        batch_size: Items per step, over all processes together.
        optimizer: Optimizer of every network without an entry in `optimizers`.
        optimizers: Optimizers by network, such as a discriminator's.
        schedule: Schedule of all learning rates; its warm-up is shorter than the run.
        clip_norm: Largest norm of a network's gradient; larger gradients are scaled down to it.
        precision: Precision of torch's autocast; `float16` also scales the losses. Processors without instructions for
            `bfloat16` compute in float32 instead, as that is faster on them.
        channels_last: Store images in torch's channels-last memory format.
        average_decay: Decay of an exponential moving average of the weights, which is then validated and saved.
        patience: Epochs without improvement after which the run stops early; None: never.
        deterministic: Bit-identical runs on a GPU, at some cost in speed; on a CPU runs are bit-identical anyway, with
            the same number of threads.
        seed: Seed of item order, augmentation and dropout. Initial weights do not depend on it: seed torch before
            building the networks.
    """

    epochs: Annotated[int, Field(ge=1, le=1_000_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    optimizer: OptimizerSettings
    optimizers: dict[str, OptimizerSettings] = Field(default_factory=dict)
    schedule: Schedule = Constant()
    clip_norm: Positive | None = None
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = False
    average_decay: ProperFraction | None = None
    patience: Annotated[int, Field(ge=1)] | None = None
    deterministic: bool = False
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.schedule.warmup_epochs >= self.epochs:
            raise ValueError(
                f"schedule.warmup_epochs must be below epochs, got {self.schedule.warmup_epochs:g} of {self.epochs}"
            )
        return self


def with_changes(settings: TrainingSettings, **changes: int | None) -> TrainingSettings:
    """Replaces some settings.

    Args:
        settings: The settings to start from.
        **changes: New values by name; None keeps the old one.

    Returns:
        The new settings.

    Raises:
        RecipeError: A value is out of range or inconsistent with the others.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    listed = ", ".join(f"{name} = {value}" for name, value in given.items())
    return validated(TrainingSettings, {**settings.model_dump(), **given}, f"recipe with {listed}")
