"""The optimisation problem of one level: the objective of its parameters, and its gradient."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from litho_dl.ilt.method import Level, Method
from litho_dl.ilt.objective import ObjectiveInputs, background, evaluate_terms
from litho_dl.ilt.parameterization import EdgeParameterization, Parameterization
from litho_dl.ilt.probes import Probes, epe_probes
from litho_dl.ilt.start import coarsened
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.simulator import Simulator

PIXELS_AT_ONCE = 2**20  # pixels of prints in one pass on a CPU


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The fixed mask around the part of the field that is optimised, for fields that are tiles of a larger layout.

    Attributes:
        mask: Mask values (B, H, W) in [0, 1] where masks are fixed.
        free: bool (B, H, W), True where masks are optimised; a level's pixel is free if all of it is.
        uncounted_nm: Width of a frame along the field's border in which prints do not count, because they depend on
            masks beyond the field; a multiple of the prints' pixels.
    """

    mask: Tensor
    free: Tensor
    uncounted_nm: float

    def on_pixel(self, pixel_nm: float, coarse_nm: float, like: Tensor) -> "Surroundings":
        """The surroundings on a coarser pixel.

        Args:
            pixel_nm: Their present pixel.
            coarse_nm: The coarser pixel, a whole multiple of it.
            like: A tensor of the device and dtype of the result.

        Returns:
            The coarser surroundings.

        Raises:
            MaskError: The coarser pixel is not a whole multiple.
        """
        mask, free = (coarsened(part.to(like), pixel_nm, coarse_nm) for part in (self.mask, self.free))
        return Surroundings(mask, free > 1 - 1e-6, self.uncounted_nm)


class LevelProblem:
    """The optimisation problem of one level, whose sharpness and steepness depend on the level's progress.

    All lengths are those of a process of scale 1, as methods state them; only exposures and probes are in nm.

    Attributes:
        level: The level.
        progress: Progress through the level, in [0, 1]; see `begin_step`.
        terms: Each unweighted term (B,) at the first evaluation of the step; a line search may evaluate others.
    """

    def __init__(
        self,
        simulator: Simulator,
        method: Method,
        level: Level,
        parameterization: Parameterization,
        target: Tensor,
        probes: Probes = epe_probes,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Prepares a level.

        Args:
            simulator: The process.
            method: The method, for the final objective, rules and clean-up.
            level: The level.
            parameterization: Maps parameters to masks.
            target: Area coverage (B, H, W) in [0, 1] on the pixel of the level's prints.
            probes: Function of target and pixel that counts the EPE probes in each pixel.
            surroundings: Fixed masks around the optimised part, on the pixel of the level's masks; None: all is free.
        """
        self.level, self.progress = level, 0.0
        self.terms: dict[str, Tensor] = {}
        self._simulator, self._parameterization, self._target = simulator, parameterization, target
        self._scale = simulator.scale
        self._weights = level.objective or method.objective
        self._final_weights = method.objective
        self._rules = None if method.rules is None else method.rules.mask_rules()
        self._probes = probes(target, level.image_nm * self._scale)
        self._background = background(target, level.image_nm)
        self._allowed = self._allowed_area() if method.clean and surroundings is None else None
        self._around = surroundings
        self._counted = None if surroundings is None else _within(target, surroundings.uncounted_nm / level.image_nm)

    def begin_step(self, progress: float) -> None:
        """Sets the progress and clears the terms of the last step."""
        self.progress, self.terms = progress, {}

    def objective(self, parameters: Tensor) -> Tensor:
        """The weighted sum (B,) of the terms for soft masks and prints; differentiable."""
        mask = self._mask(parameters)
        values = [self._soft(mask[clips], clips) for clips in self._together()]
        return self._kept(values)

    def backward(self, parameters: Tensor) -> Tensor:
        """The objective (B,); adds the gradient of its sum over clips to the parameters' and the simulator's `grad`.

        A few clips at a time are evaluated and differentiated, so that their prints stay in the processor's cache.
        """
        mask = self._mask(parameters)
        values, gradients = [], []
        for clips in self._together():
            part = mask[clips].detach().requires_grad_()
            objective, terms = self._soft(part, clips)
            objective.sum().backward()
            assert part.grad is not None
            gradients.append(part.grad)
            values.append((objective.detach(), {name: value.detach() for name, value in terms.items()}))
        mask.backward(torch.cat(gradients))
        return self._kept(values)

    def _mask(self, parameters: Tensor) -> Tensor:
        """The soft masks, in their surroundings, with features only where they are allowed."""
        mask = self._parameterization.mask(parameters, self._now(self.level.mask_sharpness))
        return self._placed(mask if self._allowed is None else self._allowed * mask)

    def _placed(self, mask: Tensor, clip: int | None = None) -> Tensor:
        """Masks of all clips, or any number of masks of one clip, in their surroundings."""
        if self._around is None:
            return mask
        chosen = slice(None) if clip is None else clip
        return torch.where(self._around.free[chosen], mask, self._around.mask[chosen])

    def _allowed_area(self) -> Tensor:
        """1 where masks that keep mask rules may have features, (B, h, w).

        A written mask ends at the field's border; a feature across the border would be cut into two pieces that violate
        rules. So half the least space stays free there, except near drawn features.
        """
        assert self._rules is not None
        frame = math.ceil(self._rules.min_space_nm / self.level.pixel_nm / 2)
        scale = self.level.image_nm / self.level.pixel_nm
        allowed = interpolate(1 - self._background[:, None], scale_factor=scale)[:, 0]
        allowed[:, frame:-frame, frame:-frame] = 1
        return allowed

    def _together(self) -> list[slice]:
        """The groups of clips that are exposed at once: all clips on a GPU."""
        count, pixels = len(self._target), self._target[0].numel()
        size = max(1, PIXELS_AT_ONCE // pixels) if self._target.device.type == "cpu" else count
        return [slice(start, start + size) for start in range(0, count, size)]

    def _soft(self, mask: Tensor, clips: slice) -> tuple[Tensor, dict[str, Tensor]]:
        """Objective and terms of a few clips' soft masks."""
        inputs = self._objective_inputs(mask, steepness=self._now(self.level.resist_steepness), clips=clips)
        return evaluate_terms(inputs, self._weights)

    def _kept(self, parts: list[tuple[Tensor, dict[str, Tensor]]]) -> Tensor:
        """The objective of all clips; keeps the terms of the step's first evaluation."""
        if not self.terms:
            self.terms = {name: torch.cat([terms[name] for _, terms in parts]) for name in parts[0][1]}
        return torch.cat([objective for objective, _ in parts])

    def edge_errors(self, parameters: Tensor) -> Tensor:
        """Edge placement errors in nm, in the shape of the parameters."""
        assert isinstance(self._parameterization, EdgeParameterization)  # `Method` pairs it with `feedback`
        mask = self._mask(parameters)
        return self._parameterization.edge_errors(parameters, self._expose(mask), self.level.image_nm)

    @property
    def free(self) -> Tensor | None:
        """Where masks may change, bool (B, h, w); None: everywhere."""
        return None if self._around is None else self._around.free

    def with_surroundings(self, mask: Tensor) -> Tensor:
        """Masks, bool (B, h, w), in their surroundings, with features only where rules allow them.

        For a method without clean-up, they may be on finer pixels than the level's.
        """
        if self._allowed is not None:
            mask = mask & (self._allowed > 0)
        if self._around is None:
            return mask
        finer = mask.shape[-1] // self._around.free.shape[-1]
        free, beyond = (
            part.repeat_interleave(finer, -2).repeat_interleave(finer, -1)
            for part in (self._around.free, self._around.mask >= 0.5)
        )
        return torch.where(free, mask, beyond)

    @torch.no_grad()
    def binary_objective(self, mask: Tensor, clip: int | None = None) -> Tensor:
        """The method's objective for masks as they would be written, and thresholded prints.

        Args:
            mask: One mask for each clip (B, h, w), or any number of masks of one clip; bool, or area coverage.
            clip: Index of that clip; None: all clips.

        Returns:
            (B,) for all clips, or (n,) for n masks of one clip, in nm^2.
        """
        mask = mask.to(self._target.dtype)
        if self._allowed is not None:
            mask = mask * (self._allowed if clip is None else self._allowed[clip])
        mask = self._placed(mask, clip)
        parts = [(mask, slice(clip, clip + 1))] if clip is not None else [(mask[c], c) for c in self._together()]
        every = (self._objective_inputs(part, steepness=None, clips=clips) for part, clips in parts)
        return torch.cat([evaluate_terms(inputs, self._final_weights)[0] for inputs in every])

    def _now(self, ends: tuple[float, float]) -> float:
        return geometric(ends, self.progress)

    def _objective_inputs(self, mask: Tensor, *, steepness: float | None, clips: slice) -> ObjectiveInputs:
        """The inputs of soft prints at a resist steepness, or of binary prints (None)."""
        exposure = self._expose(mask)
        if steepness is not None:
            exposure = replace(exposure, resist=exposure.resist.model_copy(update={"steepness": steepness}))
        target, probes, far = (part[clips] for part in (self._target, self._probes, self._background))
        image_nm, mask_nm = self.level.image_nm, self.level.pixel_nm
        binary = steepness is None
        return ObjectiveInputs(
            target, exposure, mask, probes, far, image_nm, mask_nm, self._rules, binary, self._counted
        )

    def _expose(self, mask: Tensor) -> Exposure:
        level, scale = self.level, self._scale
        return self._simulator.expose(mask, level.pixel_nm * scale, out_pixel_nm=level.image_nm * scale)


def _within(like: Tensor, frame: float) -> Tensor:
    """1 inside, and 0 in a frame of so many pixels along the border, (H, W)."""
    width = round(frame)
    inside = torch.zeros_like(like[0])
    inside[width : inside.shape[0] - width, width : inside.shape[1] - width] = 1
    return inside


def geometric(ends: tuple[float, float], progress: float) -> float:
    """Interpolates geometrically between two values.

    Args:
        ends: The first and the last value; > 0.
        progress: In [0, 1].

    Returns:
        The value at this progress.
    """
    return ends[0] * (ends[1] / ends[0]) ** progress
