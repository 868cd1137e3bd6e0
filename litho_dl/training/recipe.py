"""Settings of a training run, as TOML: length, optimizers, schedule, precision, stopping."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from litho_dl.core.settings import ProperFraction, Settings, validated
from litho_dl.training.optimizer import OptimizerSettings
from litho_dl.training.schedule import Constant, Schedule


class TrainingSettings(Settings):
    """One training run, whatever the network and the data.

    Attributes:
        epochs: Passes through the training data.
        batch_size: Items a step, over all processes together.
        optimizer: The optimizer of every network without one of its own.
        optimizers: Optimizers by network, such as a discriminator's.
        schedule: Of all learning rates; its warm-up is shorter than the run.
        clip_norm: Largest norm of a network's gradient; larger ones are scaled down to it.
        precision: Of what is safe in less than `float32` (torch's autocast); `float16` scales its losses.
        channels_last: Keep images with channels innermost.
        average_decay: Of an exponential moving average of the weights, which is then what is validated and kept.
        patience: Epochs without a better validation after which the run stops; default never.
        deterministic: The same bits from the same run on a GPU too, at some cost in speed; a CPU gives them anyway, on
            the same number of threads.
        seed: Of order, augmentation and dropout. Weights are drawn before: seed torch when building the networks.
    """

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    optimizer: OptimizerSettings
    optimizers: dict[str, OptimizerSettings] = Field(default_factory=dict)
    schedule: Schedule = Constant()
    clip_norm: Annotated[float, Field(gt=0)] | None = None
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
    """The settings with others in place of some; None leaves one as it is.

    Raises:
        RecipeError: They do not fit the others.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    said = ", ".join(f"{name} = {value}" for name, value in given.items())
    return validated(TrainingSettings, {**settings.model_dump(), **given}, f"recipe with {said}")
