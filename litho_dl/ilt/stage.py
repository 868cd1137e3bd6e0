"""One level of an optimisation at work: what its parameters image to, and what that costs."""

from dataclasses import replace

import torch
from torch import Tensor

from litho_dl.ilt.method import Level, Method
from litho_dl.ilt.objective import Scene, background, epe_probes, evaluate_terms
from litho_dl.ilt.parameterization import Parameterization
from litho_dl.simulator import Exposure, Simulator


class Stage:
    """The problem that an optimizer works on, at a progress from 0 to 1 of its level.

    The target is on the pixel of the level's prints.

    Attributes:
        progress: How far the level's ranges have run; see `begin_step`.
        terms: Each unweighted term (B,) of the step's first soft objective; an optimizer may try others after it.
    """

    def __init__(
        self, simulator: Simulator, method: Method, level: Level, parameterization: Parameterization, target: Tensor
    ) -> None:
        self.level, self.progress = level, 0.0
        self.terms: dict[str, Tensor] = {}
        self._simulator, self._parameterization, self._target = simulator, parameterization, target
        self._weights = level.objective or method.objective
        self._final_weights = method.objective
        self._rules = None if method.rules is None else method.rules.mask_rules()
        self._probes = epe_probes(target, level.image_nm)
        self._background = background(target, level.image_nm)

    def begin_step(self, progress: float) -> None:
        """Sets the progress, and forgets the last step's terms."""
        self.progress, self.terms = progress, {}

    def objective(self, parameters: Tensor) -> Tensor:
        """Weighted sum (B,) for soft masks and prints, differentiable."""
        mask = self._parameterization.mask(parameters, self._now(self.level.mask_sharpness))
        objective, terms = evaluate_terms(
            self._scene(mask, steepness=self._now(self.level.resist_steepness)), self._weights
        )
        self.terms = self.terms or terms
        return objective

    def edge_errors(self, parameters: Tensor) -> Tensor:
        """Edge placement errors in the parameters' shape, in nm."""
        mask = self._parameterization.mask(parameters, self._now(self.level.mask_sharpness))
        return self._parameterization.edge_errors(parameters, self._expose(mask), self.level.image_nm)

    @torch.no_grad()
    def binary_objective(self, mask: Tensor, clip: int | None = None) -> Tensor:
        """The method's objective for masks as they would be written, and thresholded prints.

        Args:
            mask: One mask for each clip (B, h, w), or any number of masks of one clip.
            clip: That clip's index.
        """
        value, _ = evaluate_terms(self._scene(mask, steepness=None, clip=clip), self._final_weights)
        return value

    def _now(self, ends: tuple[float, float]) -> float:
        return geometric(ends, self.progress)

    def _scene(self, mask: Tensor, *, steepness: float | None, clip: int | None = None) -> Scene:
        """A soft scene at a resist steepness, or a binary one (None)."""
        exposure = self._expose(mask)
        if steepness is not None:
            exposure = replace(exposure, resist=exposure.resist.model_copy(update={"steepness": steepness}))
        fixed = (self._target, self._probes, self._background)
        target, probes, far = fixed if clip is None else (part[clip : clip + 1] for part in fixed)
        image_nm, mask_nm = self.level.image_nm, self.level.pixel_nm
        return Scene(target, exposure, mask, probes, far, image_nm, mask_nm, self._rules, binary=steepness is None)

    def _expose(self, mask: Tensor) -> Exposure:
        return self._simulator(mask, self.level.pixel_nm, out_pixel_nm=self.level.image_nm)


def geometric(ends: tuple[float, float], progress: float) -> float:
    """From the first value to the second at constant ratio, progress in [0, 1]."""
    return ends[0] * (ends[1] / ends[0]) ** progress
