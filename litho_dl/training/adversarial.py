"""A conditional generator against a discriminator that sees pairs; and what both make of its scores."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from litho_dl.training.task import Batch, Figures, Task

Kind = Literal["logistic", "least-squares"]


class Verdict:
    """The loss l of scores against the truth.

    Args:
        kind: `logistic`: of logits; or `least-squares`.

    Source: X. Mao et al., Least squares generative adversarial networks, ICCV 2017, eq. 9.
    """

    def __init__(self, kind: Kind) -> None:
        self._logistic = kind == "logistic"
        self._undecided = 0.0 if self._logistic else 0.5

    def against(self, scores: Tensor, truth: float) -> Tensor:
        """l of scores whose pairs are all real (1) or all fake (0)."""
        compare = functional.binary_cross_entropy_with_logits if self._logistic else functional.mse_loss
        return compare(scores, torch.full_like(scores, truth))

    def told(self, on_real: Tensor, on_fake: Tensor) -> Figures:
        """The shares of scores that are on the right side."""
        return {
            "accuracy_real": (on_real > self._undecided).float().mean(),
            "accuracy_fake": (on_fake < self._undecided).float().mean(),
        }

    def discriminator_loss(self, on_real: Tensor, on_fake: Tensor) -> tuple[Tensor, Figures]:
        """(l(D(real), 1) + l(D(fake), 0)) / 2, and what was told."""
        loss = (self.against(on_real, 1.0) + self.against(on_fake, 0.0)) / 2
        return loss, self.told(on_real.detach(), on_fake.detach())


class PairGan(Task):
    """A generator G that makes an image y from a condition x, and a discriminator D that tells (x, y) from (x, G(x)).

    The discriminator minimises (l(D(x, y), 1) + l(D(x, G(x)), 0)) / 2, the generator
    l(D(x, G(x)), 1) + `pixel_weight` |G(x) - y|, with l the logistic loss of logits or the squared error of scores.
    G(x) is made anew for the generator's turn: that costs a forward pass, and keeps the turns apart.

    Args:
        generator: Conditions (B, C, H, W) to images (B, C', H, W).
        discriminator: Called with conditions and images; logits or scores of any shape, such as one a patch.
        adversarial_loss: `logistic`, or `least-squares`.
        pixel_weight: Of the mean absolute difference to the true image.
        description: What else tells this task from others, such as the networks' names, as plain values.

    Source: P. Isola et al., Image-to-image translation with conditional adversarial networks, CVPR 2017, eqs. 1-4.
    """

    turns = ("discriminator", "generator")
    selected_by = "l1"
    larger_is_better = False

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        adversarial_loss: Kind,
        pixel_weight: float,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        self.networks = nn.ModuleDict({"generator": generator, "discriminator": discriminator})
        self._pixel_weight = pixel_weight
        self._verdict = Verdict(adversarial_loss)
        self.description = {
            "name": "pair GAN",
            "adversarial_loss": adversarial_loss,
            "pixel_weight": pixel_weight,
            **(description or {}),
        }

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Figures]:
        """The discriminator's with its accuracy on real and fake pairs, or the generator's with the two parts of it."""
        condition, real = batch
        fake = self.networks["generator"](condition)
        if turn == "discriminator":
            judge = self.networks["discriminator"]
            return self._verdict.discriminator_loss(judge(condition, real), judge(condition, fake))
        fooled = self._verdict.against(self.networks["discriminator"](condition, fake), 1.0)
        l1 = functional.l1_loss(fake, real)
        return fooled + self._pixel_weight * l1, {"fooled": fooled.detach(), "l1": l1.detach()}

    def validate(self, batch: Batch) -> Figures:
        """Mean absolute difference of the generator's images, and the discriminator's accuracy, times the images."""
        condition, real = batch
        fake = self.networks["generator"](condition)
        judge = self.networks["discriminator"]
        told = self._verdict.told(judge(condition, real), judge(condition, fake))
        means = {"l1": functional.l1_loss(fake, real), **told}
        count = torch.tensor(len(real), device=real.device)
        return {"count": count, **{name: count * mean for name, mean in means.items()}}
