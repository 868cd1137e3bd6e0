"""Training of networks that improve masks in turns, through the simulators of many optics at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from litho_dl.generators.mask import on_mask_pixel
from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.generators.terms import LITHO_TERMS
from litho_dl.generators.unrolled import features, first_logits
from litho_dl.ilt.objective import ObjectiveInputs
from litho_dl.ilt.problem import geometric
from litho_dl.models.unrolled import Unrolled
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.task import Batch, Metrics, Task

USUAL_THRESHOLD = 0.25  # at which the stage's `resist_steepness` is meant; at others, it is the same over the threshold


class UnrolledTask(Task):
    """One stage of such a training, on batches of targets and numbers of optics as of `optics_set.OpticsTargets`.

    The mask of every turn counts, so that each turn gives one to stop at: the loss is the mean over turns.

    Args:
        networks: `generator`, an `Unrolled`.
        recipe: The recipe.
        stage: The recipe's stage.
        simulators: All optics.
        description: Further entries of `Task.description`; plain values.
    """

    kind = "mask generator for any optics"
    turns = ("generator",)
    selected_by = "l2_pvb_nm2"
    larger_is_better = False

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

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Metrics]:
        """The weighted sum of the terms, each a mean over pixels and turns; and each term."""
        target, optics = batch[0][:, 0] / 255, batch[1]
        found: dict[str, list[Tensor]] = {name: [] for name in self._stage.loss}
        for logits in self._logits(target, optics):
            mask = torch.sigmoid(geometric(self._stage.mask_sharpness, self.progress) * logits)
            for simulator, rows in self._groups(optics):
                inputs = self._objective_inputs(simulator, target[rows], mask[rows])
                for name, values in found.items():
                    values.append(LITHO_TERMS[name](inputs))
        field_nm2 = target[0].numel() * self._recipe.pixel_nm**2
        terms = {name: torch.cat(values).mean() / field_nm2 for name, values in found.items()}
        total = torch.stack([self._stage.loss[name] * value for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def validate(self, batch: Batch) -> Metrics:
        """Sums of the L2 errors and PV bands of the last turn's binary masks in nm^2, as if all scales were 1."""
        target, optics = batch[0][:, 0] / 255, batch[1]
        *_, logits = self._logits(target, optics)
        mask, l2, pvb = (logits > 0).to(logits.dtype), [], []
        for simulator, rows in self._groups(optics):
            exposure = self._exposure(simulator, mask[rows])
            prints = {corner: exposure.binary_print(corner) for corner in ("nominal", "outer", "inner")}
            l2.append((prints["nominal"] != (target[rows] >= 0.5)).sum())
            pvb.append((prints["outer"] != prints["inner"]).sum())
        wrong, band = (torch.stack(counts).sum() * self._recipe.pixel_nm**2 for counts in (l2, pvb))
        count = torch.tensor(len(target), device=target.device)
        return {"count": count, "l2_nm2": wrong, "pvb_nm2": band, "l2_pvb_nm2": wrong + band}

    def _logits(self, target: Tensor, optics: Tensor) -> Iterator[Tensor]:
        """Logits (B, H, W) on the mask's pixel after each turn."""
        network, logits = self.networks["generator"], first_logits(target)
        assert isinstance(network, Unrolled)
        for turn in range(len(network.turns)):
            seen = torch.cat(
                [
                    features(simulator, target[rows], logits[rows], self._recipe.pixel_nm * simulator.scale)
                    for simulator, rows in self._groups(optics)
                ]
            )
            back = torch.cat([rows for _, rows in self._groups(optics)]).argsort()
            change = network(seen[back].contiguous(memory_format=torch.channels_last), turn)
            logits = logits + change[:, 0].float()
            yield on_mask_pixel(logits, self._recipe.ratio)

    def _groups(self, optics: Tensor) -> Iterator[tuple[Simulator, Tensor]]:
        """Each optics of a batch, with its rows."""
        for number in optics.unique().tolist():
            yield self._simulators[number], (optics == number).nonzero()[:, 0]

    def _objective_inputs(self, simulator: Simulator, target: Tensor, mask: Tensor) -> ObjectiveInputs:
        """Targets (B, h, w), and soft masks (B, H, W) with their soft prints, in lengths of scale 1."""
        exposure = self._exposure(simulator, mask)
        if self._stage.resist_steepness is not None:
            usual = geometric(self._stage.resist_steepness, self.progress)
            steepness = usual * USUAL_THRESHOLD / exposure.resist.threshold
            exposure = replace(exposure, resist=exposure.resist.model_copy(update={"steepness": steepness}))
        unused = target.new_empty(0)  # only for other terms of ILT
        pixel_nm, mask_pixel_nm = self._recipe.pixel_nm, self._recipe.mask_pixel_nm
        return ObjectiveInputs(
            target, exposure, mask, unused, unused, pixel_nm, mask_pixel_nm, rules=None, binary=False
        )

    def _exposure(self, simulator: Simulator, mask: Tensor) -> Exposure:
        """The exposure of masks (B, H, W), in full precision also under autocast."""
        pixel_nm, mask_pixel_nm = (nm * simulator.scale for nm in (self._recipe.pixel_nm, self._recipe.mask_pixel_nm))
        with torch.autocast(mask.device.type, enabled=False):
            return simulator.expose(mask, mask_pixel_nm, out_pixel_nm=pixel_nm)
