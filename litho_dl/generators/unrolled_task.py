"""Training of networks that improve masks in turns, through the simulators of many optics at once."""

from collections.abc import Iterator

import torch
from torch import Tensor

from litho_dl.generators.mask import on_mask_pixel
from litho_dl.generators.prints import exposed, objective_inputs, print_sums
from litho_dl.generators.task import StageTask
from litho_dl.generators.terms import LITHO_TERMS
from litho_dl.generators.unrolled import features, improved
from litho_dl.ilt.problem import geometric
from litho_dl.models.unrolled import Unrolled
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.task import Batch, Metrics

USUAL_THRESHOLD = 0.25  # at which the stage's `resist_steepness` is meant; at others, it is the same over the threshold
Groups = list[tuple[Simulator, Tensor]]  # each optics of a batch, with its rows


class UnrolledTask(StageTask):
    """One stage of such a training, on batches of targets and numbers of optics as of `optics_set.OpticsTargets`.

    The mask of every turn counts, so that each turn gives one to stop at: the loss is the mean over turns.

    Its `generator` is an `Unrolled`, its simulators those of all optics, by their numbers.
    """

    kind = "mask generator for any optics"
    turns = ("generator",)
    selected_by = "weighted_nm2"
    larger_is_better = False

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Metrics]:
        """The weighted sum of the terms, each a mean over pixels and turns; and each term."""
        target, groups = batch[0][:, 0] / 255, self._groups(batch[1])
        found: dict[str, list[Tensor]] = {name: [] for name in self._stage.loss}
        slopes = self._stage.resist_steepness
        for logits in self._each_turn(target, groups):
            mask = torch.sigmoid(geometric(self._stage.mask_sharpness, self.progress) * logits)
            for simulator, rows in groups:
                exposure = exposed(simulator, self._recipe, mask[rows], simulator.scale)
                usual = None if slopes is None else geometric(slopes, self.progress)
                steepness = None if usual is None else usual * USUAL_THRESHOLD / exposure.resist.threshold
                inputs = objective_inputs(exposure, target[rows], mask[rows], self._recipe, steepness)
                for name, values in found.items():
                    values.append(LITHO_TERMS[name](inputs))
        field_nm2 = target[0].numel() * self._recipe.pixel_nm**2
        terms = {name: torch.cat(values).mean() / field_nm2 for name, values in found.items()}
        total = torch.stack([self._stage.loss[name] * value for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def validate(self, batch: Batch) -> Metrics:
        """Sums of the L2 errors and PV bands of the last turn's binary masks in nm^2, as if all scales were 1."""
        target, groups = batch[0][:, 0] / 255, self._groups(batch[1])
        *_, logits = self._each_turn(target, groups)
        mask, each = (logits > 0).to(logits.dtype), []
        for simulator, rows in groups:
            exposure = exposed(simulator, self._recipe, mask[rows], simulator.scale)
            each.append(print_sums(exposure, target[rows], self._recipe))
        return {name: torch.stack([sums[name] for sums in each]).sum() for name in each[0]}

    def pictures(self, batch: Batch) -> dict[str, Tensor]:
        """Targets, and binary masks after the last turn."""
        target = batch[0][:, 0] / 255
        *_, logits = self._each_turn(target, self._groups(batch[1]))
        return {"target": target, "mask": (logits > 0).float()}

    def _each_turn(self, target: Tensor, groups: Groups) -> Iterator[Tensor]:
        """Logits (B, H, W) on the mask's pixel after each turn."""
        network = self.networks["generator"]
        assert isinstance(network, Unrolled)
        order = torch.cat([rows for _, rows in groups]).argsort()

        def look(logits: Tensor, turn: int) -> Tensor:
            parts = [
                features(simulator, target[rows], logits[rows], self._recipe.pixel_nm * simulator.scale, turn)
                for simulator, rows in groups
            ]
            return torch.cat(parts)[order].contiguous(memory_format=torch.channels_last)

        for logits in improved(network, target, look, len(network.turns)):
            yield on_mask_pixel(logits, self._recipe.ratio)

    def _groups(self, optics: Tensor) -> Groups:
        return [(self._simulators[number], (optics == number).nonzero()[:, 0]) for number in optics.unique().tolist()]
