"""A surrogate of the simulator, from masks to the nominal aerial image and print, taught by the simulator itself."""

import torch
from torch import Tensor

from litho_dl.generators.task import StageTask
from litho_dl.generators.terms import SURROGATE_TERMS
from litho_dl.training.task import Batch, Figures


class SurrogateTask(StageTask):
    """One stage of a surrogate's training, on batches as `task.MaskTask` has them, of which the masks alone are used.

    Its `generator` goes from masks (B, 1, H, W) to aerial images and logits of prints (B, 2, H, W).
    """

    kind = "surrogate"
    turns = ("generator",)
    selected_by = "print_iou"
    larger_is_better = True

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Figures]:
        """The weighted sum, and its terms."""
        found, aerial, printed = self._compared(batch)
        terms = {name: SURROGATE_TERMS[name](found, aerial, printed) for name in self._stage.loss}
        total = torch.stack([self._stage.loss[name] * value for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}

    def validate(self, batch: Batch) -> Figures:
        """Mean squared error of aerial images; of prints, intersection over union, mean over printed and not.

        Where neither prints anything, or not anything else, that half is 1.
        """
        found, aerial, printed = self._compared(batch)
        prints = found[:, 1] > 0
        pairs = ((prints, printed > 0), (~prints, printed == 0))
        areas = [((mine & true).sum((1, 2)), (mine | true).sum((1, 2))) for mine, true in pairs]
        ious = [torch.where(union > 0, common / union, 1.0) for common, union in areas]
        count = torch.tensor(len(found), device=found.device)
        error = (found[:, 0] - aerial).square().mean((1, 2)).sum()
        return {"count": count, "aerial_mse": error, "print_iou": torch.stack(ious).mean(0).sum()}

    def pictures(self, batch: Batch) -> dict[str, Tensor]:
        """Masks, and aerial images and prints of both."""
        found, aerial, printed = self._compared(batch)
        mine = {"aerial": found[:, 0].clamp(0, 1), "print": (found[:, 1] > 0).float()}
        return {"mask": batch[1][:, 0] / 255, **mine, "true aerial": aerial.clamp(0, 1), "true print": printed}

    def _compared(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """What the network gives (B, 2, H, W), and the true aerial image and print (B, H, W)."""
        mask = batch[1] / 255
        with torch.no_grad(), torch.autocast(mask.device.type, enabled=False):
            exposure = self._simulator.expose(mask[:, 0], self._recipe.pixel_nm)
            aerial, printed = exposure.aerial(), exposure.binary_print().float()
        return self.networks["generator"](mask).float(), aerial, printed
