"""Training of surrogates of the simulator, from masks to the nominal aerial image and print."""

import torch
from torch import Tensor

from litho_dl.generators.task import StageTask
from litho_dl.generators.terms import SURROGATE_TERMS
from litho_dl.training.task import Batch, Metrics


class SurrogateTask(StageTask):
    """One stage of a surrogate's training, on batches as of `task.MaskTask`, of which only the masks are used.

    Its `generator` takes masks (B, 1, H, W) to aerial images and logits of prints (B, 2, H, W).
    """

    kind = "surrogate"
    turns = ("generator",)
    selected_by = "print_iou"
    larger_is_better = True

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Metrics]:
        """The weighted sum of the terms, and each term."""
        output, aerial, printed = self._forward(batch)
        terms = {name: SURROGATE_TERMS[name](output, aerial, printed) for name in self._stage.loss}
        total = torch.stack([self._stage.loss[name] * value for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def validate(self, batch: Batch) -> Metrics:
        """Sums of the aerial images' mean squared errors, and of the prints' intersections over union.

        The latter is the mean over the classes printed and not printed; a class that occurs in neither print counts 1.
        """
        output, aerial, printed = self._forward(batch)
        prints = output[:, 1] > 0
        pairs = ((prints, printed > 0), (~prints, printed == 0))
        areas = [((own & true).sum((1, 2)), (own | true).sum((1, 2))) for own, true in pairs]
        ious = [torch.where(union > 0, common / union, 1.0) for common, union in areas]
        count = torch.tensor(len(output), device=output.device)
        error = (output[:, 0] - aerial).square().mean((1, 2)).sum()
        return {"count": count, "aerial_mse": error, "print_iou": torch.stack(ious).mean(0).sum()}

    def pictures(self, batch: Batch) -> dict[str, Tensor]:
        """Masks, and aerial images and prints of surrogate and simulator."""
        output, aerial, printed = self._forward(batch)
        own = {"aerial": output[:, 0].clamp(0, 1), "print": (output[:, 1] > 0).float()}
        return {"mask": batch[1][:, 0] / 255, **own, "true aerial": aerial.clamp(0, 1), "true print": printed}

    def _forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The network's output (B, 2, H, W), and the simulator's aerial image and print (B, H, W)."""
        mask = batch[1] / 255
        with torch.no_grad(), torch.autocast(mask.device.type, enabled=False):
            exposure = self._simulator.expose(mask[:, 0], self._recipe.pixel_nm)
            aerial, printed = exposure.aerial(), exposure.binary_print().float()
        return self.networks["generator"](mask).float(), aerial, printed
