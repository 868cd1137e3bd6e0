"""What the stages of generators and of surrogates have in common."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.task import Task


class StageTask(Task):
    """One stage of a recipe's training.

    Args:
        networks: `generator`, and what else the stage trains.
        recipe: The recipe.
        stage: The losses.
        simulator: The truth, on the networks' device.
        description: What else tells this task from others, as plain values.

    Attributes:
        kind: What the description calls it.
    """

    kind: str

    def __init__(
        self,
        networks: nn.ModuleDict,
        recipe: GeneratorRecipe,
        stage: Stage,
        simulator: Simulator,
        description: Mapping[str, Any],
    ) -> None:
        self.networks, self._simulator = networks, simulator
        self._recipe, self._stage = recipe, stage
        self.description = {"name": self.kind, "loss": stage.loss, **description}
