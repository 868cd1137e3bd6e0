"""Conditional GANs: a generator, a discriminator of (condition, image) pairs, and their losses."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from litho_dl.training.task import Batch, Metrics, Task

LossKind = Literal["logistic", "least-squares"]


class AdversarialLoss:
    """The loss l(D, t) of a discriminator's scores D with labels t: 1 for real pairs, 0 for generated ones.

    Args:
        kind: `logistic`: binary cross-entropy of logits; `least-squares`: squared error of scores.

    Source: X. Mao et al., Least squares generative adversarial networks, ICCV 2017, eq. 9.
    """

    def __init__(self, kind: LossKind) -> None:
        self._logistic = kind == "logistic"
        self._threshold = 0.0 if self._logistic else 0.5

    def loss(self, scores: Tensor, real: bool) -> Tensor:
        """The mean loss of scores that all have one label.

        Args:
            scores: Logits, or scores, of any shape.
            real: The label: real (1) or generated (0).

        Returns:
            A scalar.
        """
        criterion = functional.binary_cross_entropy_with_logits if self._logistic else functional.mse_loss
        return criterion(scores, torch.full_like(scores, float(real)))

    def accuracies(self, real_scores: Tensor, fake_scores: Tensor) -> Metrics:
        """The shares of real and of generated pairs that are classified correctly.

        Args:
            real_scores: The discriminator's scores of real pairs, of any shape.
            fake_scores: Its scores of generated pairs.

        Returns:
            `accuracy_real` and `accuracy_fake`, scalars in [0, 1].
        """
        return {
            "accuracy_real": (real_scores > self._threshold).float().mean(),
            "accuracy_fake": (fake_scores < self._threshold).float().mean(),
        }

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> tuple[Tensor, Metrics]:
        """The discriminator's loss, (l(D(real), 1) + l(D(fake), 0)) / 2.

        Args:
            real_scores: The discriminator's scores of real pairs, of any shape.
            fake_scores: Its scores of generated pairs.

        Returns:
            The loss, a scalar, and `accuracies`, without gradient.
        """
        loss = (self.loss(real_scores, True) + self.loss(fake_scores, False)) / 2
        return loss, self.accuracies(real_scores.detach(), fake_scores.detach())


class PairGan(Task):
    """A generator G that makes an image y from a condition x, and a discriminator D of real (x, y) and fake (x, G(x)).

    The discriminator minimises (l(D(x, y), 1) + l(D(x, G(x)), 0)) / 2, the generator
    l(D(x, G(x)), 1) + `pixel_weight` |G(x) - y|, with l the `AdversarialLoss`. G(x) is computed again for the
    generator's update, which costs one more forward pass and keeps the two updates independent.

    Args:
        generator: Conditions (B, C, H, W) to images (B, C', H, W).
        discriminator: Conditions and images to logits or scores of any shape, such as one per patch.
        adversarial_loss: `logistic` or `least-squares`.
        pixel_weight: Weight of the mean absolute difference to the true image.
        description: Further entries of `Task.description`, such as the networks' names; plain values.

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
        adversarial_loss: LossKind,
        pixel_weight: float,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        self.networks = nn.ModuleDict({"generator": generator, "discriminator": discriminator})
        self._pixel_weight = pixel_weight
        self._adversarial_loss = AdversarialLoss(adversarial_loss)
        self.description = {
            "name": "pair GAN",
            "adversarial_loss": adversarial_loss,
            "pixel_weight": pixel_weight,
            **(description or {}),
        }

    def loss(self, turn: str, batch: Batch) -> tuple[Tensor, Metrics]:
        """The discriminator's loss with its accuracies, or the generator's loss with its two terms."""
        condition, real = batch
        fake = self.networks["generator"](condition)
        discriminator = self.networks["discriminator"]
        if turn == "discriminator":
            scores = discriminator(condition, real), discriminator(condition, fake)
            return self._adversarial_loss.discriminator_loss(*scores)
        fooled = self._adversarial_loss.loss(discriminator(condition, fake), real=True)
        l1 = functional.l1_loss(fake, real)
        return fooled + self._pixel_weight * l1, {"fooled": fooled.detach(), "l1": l1.detach()}

    def validate(self, batch: Batch) -> Metrics:
        """Sums over the images of the generator's mean absolute error and the discriminator's accuracies."""
        condition, real = batch
        fake = self.networks["generator"](condition)
        discriminator = self.networks["discriminator"]
        accuracies = self._adversarial_loss.accuracies(discriminator(condition, real), discriminator(condition, fake))
        means = {"l1": functional.l1_loss(fake, real), **accuracies}
        count = torch.tensor(len(real), device=real.device)
        return {"count": count, **{name: count * mean for name, mean in means.items()}}
