"""A surrogate of the simulator, from masks to the nominal aerial image and print, taught by the simulator itself."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.generators.terms import SURROGATE_TERMS
from litho_dl.simulator import Simulator
from litho_dl.training.task import Batch, Figures, Task


class SurrogateTask(Task):
    """One stage of a surrogate's training, on batches as `task.MaskTask` has them, of which the masks alone are used.

    Args:
        networks: `generator`: masks (B, 1, H, W) to aerial images and logits of prints (B, 2, H, W).
        recipe: The pixel.
        stage: The losses.
        simulator: The truth, on the network's device.
        description: What else tells this task from others, as plain values.
    """

    turns = ("generator",)
    selected_by = "print_iou"
    larger_is_better = True

    def __init__(
        self,
        networks: nn.ModuleDict,
        recipe: GeneratorRecipe,
        stage: Stage,
        simulator: Simulator,
        description: Mapping[str, Any],
    ) -> None:
        self.networks, self._simulator = networks, simulator
        self._pixel_nm, self._weights = recipe.pixel_nm, stage.loss
        self.description = {"name": "surrogate", "loss": stage.loss, **description}

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Figures]:
        """The weighted sum, and its terms."""
        found, aerial, printed = self._compared(batch)
        terms = {name: SURROGATE_TERMS[name](found, aerial, printed) for name in self._weights}
        total = torch.stack([self._weights[name] * value for name, value in terms.items()]).sum()
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
            exposure = self._simulator(mask[:, 0], self._pixel_nm)
            aerial, printed = exposure.aerial(), exposure.binary_print().float()
        return self.networks["generator"](mask).float(), aerial, printed
