"""Training of mask generators: pixel-wise, lithographic and adversarial losses, validated by simulated prints."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from litho_dl.core.errors import MaskError
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.prints import exposed, objective_inputs, print_sums
from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.generators.terms import ADVERSARIAL, LITHO_TERMS, PIXEL_TERMS
from litho_dl.ilt.objective import ObjectiveInputs
from litho_dl.ilt.problem import geometric
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.adversarial import AdversarialLoss
from litho_dl.training.task import Batch, Metrics, Task


class StageTask(Task):
    """One stage of a recipe's training.

    Args:
        networks: `generator`, and the other networks that the stage trains.
        recipe: The recipe.
        stage: The recipe's stage.
        simulators: Simulators of prints, on the networks' device.
        description: Further entries of `Task.description`; plain values.

    Attributes:
        kind: Name of the task in its description.
    """

    kind: str

    def __init__(
        self,
        networks: nn.ModuleDict,
        recipe: GeneratorRecipe,
        stage: Stage,
        simulators: Sequence[Simulator],
        description: Mapping[str, Any],
    ) -> None:
        self.networks, self._simulators = networks, simulators
        self._recipe, self._stage = recipe, stage
        self.description = {"name": self.kind, "loss": stage.loss, **description}

    @property
    def _simulator(self) -> Simulator:
        """The simulator of a task that has one."""
        (only,) = self._simulators
        return only


class MaskTask(StageTask):
    """One stage of a mask generator's training, on batches of targets and masks as of `items.PairItems`.

    Lithographic terms learn from targets alone, as of `drawn.DrawnTargets`. Its networks are `generator`, and
    `discriminator` for the term `adversarial`.

    Raises:
        MaskError: The mask technology has more than two values.
    """

    kind = "mask generator"
    selected_by = "weighted_nm2"
    larger_is_better = False

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        process = self._simulator.process
        if process.mask.type == "alternating":
            raise MaskError("Alternating masks have three values; train for a binary or attenuated mask.")
        self.turns = ("discriminator", "generator") if ADVERSARIAL in self._stage.loss else ("generator",)
        self._adversarial_loss = AdversarialLoss(self._recipe.adversarial_loss)
        self._field_nm2 = process.field_nm[0] * process.field_nm[1]

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Metrics]:
        """The generator's weighted sum of terms with each term, or the discriminator's loss with its accuracies."""
        target, *masks = (image / 255 for image in batch)
        logits = mask_logits(self.networks["generator"], target, self._recipe.ratio)
        if turn == "discriminator":
            return self._adversarial_loss.discriminator_loss(*self._scores(target, masks[0], logits))
        weights = self._stage.loss
        terms = {name: PIXEL_TERMS[name](logits, masks[0][:, 0]) for name in weights if name in PIXEL_TERMS}
        if any(name in LITHO_TERMS for name in weights):
            inputs = self._objective_inputs(target[:, 0], logits)
            litho = {name: LITHO_TERMS[name](inputs) for name in weights if name in LITHO_TERMS}
            terms |= {name: values.mean() / self._field_nm2 for name, values in litho.items()}
        if ADVERSARIAL in weights:
            terms[ADVERSARIAL] = self._adversarial_loss.loss(
                self._discriminate(target, logits.sigmoid()[:, None]), True
            )
        total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def validate(self, batch: Batch) -> Metrics:
        """Sums of the L2 errors and PV bands of binary masks in nm^2, and of the shares of wrong mask pixels."""
        target, mask = (image / 255 for image in batch)
        logits = mask_logits(self.networks["generator"], target, self._recipe.ratio)
        exposure = exposed(self._simulator, self._recipe, (logits > 0).to(logits.dtype))
        sums = print_sums(exposure, target[:, 0], self._recipe)
        count = sums["count"]
        sums["pixel"] = count * ((logits > 0) != (mask[:, 0] >= 0.5)).float().mean()
        if len(self.turns) > 1:
            accuracies = self._adversarial_loss.accuracies(*self._scores(target, mask, logits))
            sums |= {name: count * accuracy for name, accuracy in accuracies.items()}
        return sums

    def pictures(self, batch: Batch) -> dict[str, Tensor]:
        """Targets, binary masks, their prints, and PV bands."""
        target = batch[0] / 255
        mask = (mask_logits(self.networks["generator"], target, self._recipe.ratio) > 0).float()
        exposure = exposed(self._simulator, self._recipe, mask)
        band = exposure.binary_print("outer") != exposure.binary_print("inner")
        nominal = exposure.binary_print("nominal").float()
        return {"target": target[:, 0], "mask": mask, "print": nominal, "band": band.float()}

    def _scores(self, target: Tensor, mask: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's scores of the true masks and of the generator's."""
        return self._discriminate(target, mask), self._discriminate(target, logits.sigmoid()[:, None])

    def _discriminate(self, target: Tensor, mask: Tensor) -> Tensor:
        """The discriminator's scores of masks (B, 1, H, W), on the target's pixel."""
        return self.networks["discriminator"](target, avg_pool2d(mask, self._recipe.ratio))

    def _objective_inputs(self, target: Tensor, logits: Tensor) -> ObjectiveInputs:
        """Targets (B, h, w), and soft masks with their soft prints."""
        mask = torch.sigmoid(geometric(self._stage.mask_sharpness, self.progress) * logits)
        slopes = self._stage.resist_steepness
        steepness = None if slopes is None else geometric(slopes, self.progress)
        return objective_inputs(exposed(self._simulator, self._recipe, mask), target, mask, self._recipe, steepness)
