"""A generator's losses on pairs, through the simulator and against a discriminator; and its score by true prints."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from litho_dl.core.errors import MaskError
from litho_dl.generators.mask import mask_logits
from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.generators.terms import ADVERSARIAL, LITHO_TERMS, PIXEL_TERMS
from litho_dl.ilt.objective import Scene
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.adversarial import Verdict
from litho_dl.training.task import Batch, Figures, Task


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


class MaskTask(StageTask):
    """One stage of a generator's training, on batches of targets and masks as bytes; see `items.PairItems`.

    Its networks are `generator`, and for the term `adversarial` `discriminator`.

    Raises:
        MaskError: The mask technology has more than two values.
    """

    kind = "mask generator"
    selected_by = "l2_pvb_nm2"
    larger_is_better = False

    def __init__(
        self,
        networks: nn.ModuleDict,
        recipe: GeneratorRecipe,
        stage: Stage,
        simulator: Simulator,
        description: Mapping[str, Any],
    ) -> None:
        if simulator.process.mask.type == "alternating":
            raise MaskError("Alternating masks have three values; train for a binary or attenuated mask.")
        super().__init__(networks, recipe, stage, simulator, description)
        self.turns = ("discriminator", "generator") if ADVERSARIAL in stage.loss else ("generator",)
        self._verdict = Verdict(recipe.adversarial_loss)
        self._field_nm2 = simulator.process.field_nm[0] * simulator.process.field_nm[1]

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Figures]:
        """The generator's weighted sum with its terms, or the discriminator's with its accuracy."""
        target, mask = (image / 255 for image in batch)
        logits = mask_logits(self.networks["generator"], target, self._recipe.ratio)
        if turn == "discriminator":
            return self._verdict.discriminator_loss(*self._judged(target, mask, logits))
        weights = self._stage.loss
        terms = {name: PIXEL_TERMS[name](logits, mask[:, 0]) for name in weights if name in PIXEL_TERMS}
        if any(name in LITHO_TERMS for name in weights):
            scene = self._scene(target[:, 0], logits)
            litho = {name: LITHO_TERMS[name](scene) for name in weights if name in LITHO_TERMS}
            terms |= {name: values.mean() / self._field_nm2 for name, values in litho.items()}
        if ADVERSARIAL in weights:
            terms[ADVERSARIAL] = self._verdict.against(self._judge(target, logits.sigmoid()[:, None]), 1.0)
        total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def validate(self, batch: Batch) -> Figures:
        """Areas by which the binary masks' prints are wrong and vary, and the share of wrong mask pixels; sums."""
        target, mask = (image / 255 for image in batch)
        logits = mask_logits(self.networks["generator"], target, self._recipe.ratio)
        exposure, pixel_nm2 = self._exposure((logits > 0).to(logits.dtype)), self._recipe.pixel_nm**2
        prints = {corner: exposure.binary_print(corner) for corner in ("nominal", "outer", "inner")}
        l2 = (prints["nominal"] != (target[:, 0] >= 0.5)).sum() * pixel_nm2
        pvb = (prints["outer"] != prints["inner"]).sum() * pixel_nm2
        wrong = ((logits > 0) != (mask[:, 0] >= 0.5)).float().mean()
        count = torch.tensor(len(target), device=target.device)
        sums = {"count": count, "l2_nm2": l2, "pvb_nm2": pvb, "l2_pvb_nm2": l2 + pvb, "pixel": count * wrong}
        if len(self.turns) > 1:
            told = self._verdict.told(*self._judged(target, mask, logits))
            sums |= {name: count * share for name, share in told.items()}
        return sums

    def pictures(self, batch: Batch) -> dict[str, Tensor]:
        """Targets, masks as they would be written, their prints, and the PV band."""
        target = batch[0] / 255
        mask = (mask_logits(self.networks["generator"], target, self._recipe.ratio) > 0).float()
        exposure = self._exposure(mask)
        band = exposure.binary_print("outer") != exposure.binary_print("inner")
        nominal = exposure.binary_print("nominal").float()
        return {"target": target[:, 0], "mask": mask, "print": nominal, "band": band.float()}

    def _judged(self, target: Tensor, mask: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's scores of the true masks and of the generator's."""
        return self._judge(target, mask), self._judge(target, logits.sigmoid()[:, None])

    def _judge(self, target: Tensor, mask: Tensor) -> Tensor:
        """The discriminator's scores of masks (B, 1, H, W), on the target's pixel."""
        return self.networks["discriminator"](target, avg_pool2d(mask, self._recipe.ratio))

    def _scene(self, target: Tensor, logits: Tensor) -> Scene:
        """Soft masks and prints, beside targets (B, h, w)."""
        mask = torch.sigmoid(self._stage.mask_sharpness * logits)
        exposure = self._exposure(mask)
        if self._stage.resist_steepness is not None:
            resist = exposure.resist.model_copy(update={"steepness": self._stage.resist_steepness})
            exposure = replace(exposure, resist=resist)
        unused = target.new_empty(0)  # what other terms of the optimisation ask for
        pixel_nm, mask_pixel_nm = self._recipe.pixel_nm, self._recipe.mask_pixel_nm
        return Scene(target, exposure, mask, unused, unused, pixel_nm, mask_pixel_nm, rules=None, binary=False)

    def _exposure(self, mask: Tensor) -> Exposure:
        """Prints in full precision, whatever the networks compute in."""
        with torch.autocast(mask.device.type, enabled=False):
            return self._simulator.expose(mask, self._recipe.mask_pixel_nm, out_pixel_nm=self._recipe.pixel_nm)
