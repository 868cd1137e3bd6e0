"""Masks for any optics: a network improves them in turns, seeing what the user's own simulator says of them."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from litho_dl.generators.mask import smoothed
from litho_dl.ilt.objective import ObjectiveInputs, l2, pvb
from litho_dl.models.unrolled import Unrolled
from litho_dl.process.draw import PERIODS_NM
from litho_dl.process.identity import finest_period_nm
from litho_dl.process.recipe import REQUIRED_CORNERS
from litho_dl.simulation.simulator import Simulator

SHARPNESS = 4.0  # of the mask that is looked at, per logit
# Of its resist, over the threshold, at each turn: first so soft that gradients reach beyond edges, then so steep that
# they say how far edges are off. Further turns have the last one.
STEEPNESS = (6.0, 15.0, 40.0)
MARGIN = 1.2  # factor by which resolutions may lie beyond those of the training
CORNERS_GAIN, L2_GAIN, PVB_GAIN = 4.0, 15.0, 150.0  # to inputs of order 1


class SimulatedTurns(nn.Module):
    """A network of turns with the optics that it looks through: target (B, 1, h, w) -> logits (B, 1, h, w).

    Args:
        network: The network of each turn.
        simulator: The optics.
        pixel_nm: The network's pixel on these optics.
        turns: How many of its turns to take; None: all.
    """

    def __init__(self, network: Unrolled, simulator: Simulator, pixel_nm: float, turns: int | None = None) -> None:
        super().__init__()
        self.network, self.simulator, self.pixel_nm = network, simulator, pixel_nm
        self.turns = len(network.turns) if turns is None else turns

    def forward(self, target: Tensor) -> Tensor:
        """The logits after the last turn."""

        def look(logits: Tensor, turn: int) -> Tensor:
            return features(self.simulator, target[:, 0], logits, self.pixel_nm, turn)

        *_, logits = improved(self.network, target[:, 0], look, self.turns)
        return logits[:, None]


def improved(network: Unrolled, target: Tensor, look: Callable[[Tensor, int], Tensor], turns: int) -> Iterator[Tensor]:
    """Yields the logits (B, h, w) after each turn.

    Args:
        network: The network of each turn.
        target: Area coverage (B, h, w).
        look: From logits and the turn's number, from 0, to what it sees, as of `features`.
        turns: How many turns to take.
    """
    logits = first_logits(target)
    for turn in range(turns):
        logits = logits + network(look(logits, turn), turn)[:, 0].to(logits.dtype)
        yield logits


def first_logits(target: Tensor) -> Tensor:
    """Logits of the drawn shapes as a mask: 1 in them and -1 elsewhere.

    Args:
        target: Area coverage, any shape.

    Returns:
        Of the same shape.
    """
    return 2 * target - 1


def features(simulator: Simulator, target: Tensor, logits: Tensor, pixel_nm: float, turn: int) -> Tensor:
    """What a turn sees; no gradient flows back through it.

    Its channels are the target, the logits' hyperbolic tangent and their mask; the nominal image's distance from the
    threshold, over the threshold, and how much further than it the images of the outer and the inner corner are; and
    the gradients of the L2 error and of the PV band (`ilt.objective`) in the mask's values, under a resist that is
    steeper at each turn: they say where light would help or harm, at first far from edges too. All are in units of
    pixel and threshold, so that they mean the same for all optics.

    Args:
        simulator: The optics.
        target: Area coverage (B, h, w) on the network's pixel, which fills the field.
        logits: (B, h, w).
        pixel_nm: The network's pixel.
        turn: The turn's number, from 0.

    Returns:
        (B, C, h, w), C as in `models.unrolled.FEATURES`.
    """
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(target.device.type, enabled=False):
        target, logits = target.detach().clone(), logits.detach().clone()  # of inference tensors, too
        mask = torch.sigmoid(SHARPNESS * smoothed(logits)).requires_grad_()
        exposure = simulator.expose(mask, pixel_nm)
        threshold = exposure.resist.threshold
        steepness = STEEPNESS[min(turn, len(STEEPNESS) - 1)] / threshold
        soft = exposure.resist.model_copy(update={"steepness": steepness})
        unused = target.new_empty(0)
        inputs = ObjectiveInputs(
            target, replace(exposure, resist=soft), mask, unused, unused, 1.0, 1.0, rules=None, binary=False
        )
        (of_l2,) = torch.autograd.grad(l2(inputs).sum(), mask, retain_graph=True)
        (of_pvb,) = torch.autograd.grad(pvb(inputs).sum(), mask)
    images = (exposure.aerial(corner).detach() for corner in REQUIRED_CORNERS)
    nominal, *others = (exposure.rule.excess(image) / threshold for image in images)
    return torch.stack(
        [
            target,
            logits.tanh(),
            mask.detach(),
            nominal.tanh(),
            *(CORNERS_GAIN * (other - nominal) for other in others),
            (L2_GAIN * of_l2).asinh(),
            (PVB_GAIN * of_pvb).asinh(),
        ],
        1,
    )


def warn_of_resolution(simulator: Simulator) -> None:
    """Warns on standard error of optics whose resolution is unlike all that such networks are trained on.

    Args:
        simulator: The optics, whose finest period over their scale counts.
    """
    (finest, coarsest), period_nm = PERIODS_NM, finest_period_nm(simulator.process) / simulator.scale
    if not finest / MARGIN <= period_nm <= coarsest * MARGIN:
        print(
            f"Warning: these optics pass periods down to {period_nm:.3g} nm over their scale; networks for any optics "
            f"are trained on {finest:g} to {coarsest:g} nm: masks may be poor; choose a scale (in the recipe), "
            f"or refine more.",
            file=sys.stderr,
        )
