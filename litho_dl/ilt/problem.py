"""One level of an optimisation at work: what its parameters image to, and what that costs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from litho_dl.ilt.method import Level, Method
from litho_dl.ilt.objective import Scene, background, epe_probes, evaluate_terms
from litho_dl.ilt.parameterization import EdgeParameterization, Parameterization
from litho_dl.ilt.start import coarsened
from litho_dl.simulation.exposure import Exposure
from litho_dl.simulation.simulator import Simulator

PIXELS_AT_ONCE = 2**20  # of prints on a CPU
Probes = Callable[[Tensor, float], Tensor]  # as `objective.epe_probes`


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What lies around the part of a field that is optimised, when that is a part of something larger.

    Attributes:
        mask: (B, H, W) in [0, 1]; what the masks are where they are not free.
        free: bool (B, H, W), where they are; a level's pixel is free if all of it is.
        uncounted_nm: Width of a frame along the field's border in which prints do not count, as they depend on what
            lies beyond the field; a multiple of the prints' pixels.
    """

    mask: Tensor
    free: Tensor
    uncounted_nm: float

    def on_pixel(self, pixel_nm: float, coarse_nm: float, like: Tensor) -> "Surroundings":
        """The same from a pixel to a coarser one, where and as another tensor is."""
        mask, free = (coarsened(part.to(like), pixel_nm, coarse_nm) for part in (self.mask, self.free))
        return Surroundings(mask, free > 1 - 1e-6, self.uncounted_nm)


class LevelProblem:
    """The problem that an optimizer works on, at a progress from 0 to 1 of its level.

    The target is on the pixel of the level's prints, what surrounds the masks on that of the level's masks.

    Attributes:
        progress: How far the level's ranges have run; see `begin_step`.
        terms: Each unweighted term (B,) of the step's first soft objective; an optimizer may try others after it.
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
        self.level, self.progress = level, 0.0
        self.terms: dict[str, Tensor] = {}
        self._simulator, self._parameterization, self._target = simulator, parameterization, target
        self._weights = level.objective or method.objective
        self._final_weights = method.objective
        self._rules = None if method.rules is None else method.rules.mask_rules()
        self._probes = probes(target, level.image_nm)
        self._background = background(target, level.image_nm)
        self._room = self._written_room() if method.clean and surroundings is None else None
        self._around = surroundings
        self._counted = None if surroundings is None else _within(target, surroundings.uncounted_nm / level.image_nm)

    def begin_step(self, progress: float) -> None:
        """Sets the progress, and forgets the last step's terms."""
        self.progress, self.terms = progress, {}

    def objective(self, parameters: Tensor) -> Tensor:
        """Weighted sum (B,) for soft masks and prints, differentiable."""
        mask = self._mask(parameters)
        values = [self._soft(mask[clips], clips) for clips in self._together()]
        return self._kept(values)

    def backward(self, parameters: Tensor) -> Tensor:
        """Adds the gradient of the clips' sum to that of the parameters, and of the simulator's; returns `objective`.

        A few clips go all the way at a time, so that their prints stay in the processor's cache.
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
        """The soft masks, with features where they will be written."""
        mask = self._parameterization.mask(parameters, self._now(self.level.mask_sharpness))
        return self._placed(mask if self._room is None else self._room * mask)

    def _placed(self, mask: Tensor, clip: int | None = None) -> Tensor:
        """Masks of all clips, or any number of one clip's, in their surroundings."""
        if self._around is None:
            return mask
        chosen = slice(None) if clip is None else clip
        return torch.where(self._around.free[chosen], mask, self._around.mask[chosen])

    def _written_room(self) -> Tensor:
        """1 where masks that keep rules may have features, (B, h, w).

        A written mask ends at the field's border, and what crosses it would be cut in two pieces that break rules. So
        half the smallest space stays free there, but for what is drawn that near.
        """
        assert self._rules is not None
        frame = math.ceil(self._rules.min_space_nm / self.level.pixel_nm / 2)
        scale = self.level.image_nm / self.level.pixel_nm
        room = interpolate(1 - self._background[:, None], scale_factor=scale)[:, 0]
        room[:, frame:-frame, frame:-frame] = 1
        return room

    def _together(self) -> list[slice]:
        """The clips that are exposed at once: all of them on a GPU."""
        count, pixels = len(self._target), self._target[0].numel()
        size = max(1, PIXELS_AT_ONCE // pixels) if self._target.device.type == "cpu" else count
        return [slice(start, start + size) for start in range(0, count, size)]

    def _soft(self, mask: Tensor, clips: slice) -> tuple[Tensor, dict[str, Tensor]]:
        """Objective and terms of a few clips' soft masks."""
        scene = self._scene(mask, steepness=self._now(self.level.resist_steepness), clips=clips)
        return evaluate_terms(scene, self._weights)

    def _kept(self, parts: list[tuple[Tensor, dict[str, Tensor]]]) -> Tensor:
        """The objective of all clips; the terms are kept if they are the step's first."""
        if not self.terms:
            self.terms = {name: torch.cat([terms[name] for _, terms in parts]) for name in parts[0][1]}
        return torch.cat([objective for objective, _ in parts])

    def edge_errors(self, parameters: Tensor) -> Tensor:
        """Edge placement errors in the parameters' shape, in nm."""
        assert isinstance(self._parameterization, EdgeParameterization)  # `Method` pairs it with `feedback`
        mask = self._mask(parameters)
        return self._parameterization.edge_errors(parameters, self._expose(mask), self.level.image_nm)

    @property
    def free(self) -> Tensor | None:
        """Where masks may change, bool (B, h, w); None: everywhere."""
        return None if self._around is None else self._around.free

    def placed(self, mask: Tensor) -> Tensor:
        """Masks, bool (B, h, w), in their surroundings; without features where rules leave no room for them.

        Of a method that does not clean up they may be on smaller pixels than the level's.
        """
        if self._room is not None:
            mask = mask & (self._room > 0)
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
            clip: That clip's index.
        """
        mask = mask.to(self._target.dtype)
        if self._room is not None:
            mask = mask * (self._room if clip is None else self._room[clip])
        mask = self._placed(mask, clip)
        parts = [(mask, slice(clip, clip + 1))] if clip is not None else [(mask[c], c) for c in self._together()]
        scenes = (self._scene(part, steepness=None, clips=clips) for part, clips in parts)
        return torch.cat([evaluate_terms(scene, self._final_weights)[0] for scene in scenes])

    def _now(self, ends: tuple[float, float]) -> float:
        return geometric(ends, self.progress)

    def _scene(self, mask: Tensor, *, steepness: float | None, clips: slice) -> Scene:
        """A soft scene at a resist steepness, or a binary one (None)."""
        exposure = self._expose(mask)
        if steepness is not None:
            exposure = replace(exposure, resist=exposure.resist.model_copy(update={"steepness": steepness}))
        target, probes, far = (part[clips] for part in (self._target, self._probes, self._background))
        image_nm, mask_nm = self.level.image_nm, self.level.pixel_nm
        binary = steepness is None
        return Scene(target, exposure, mask, probes, far, image_nm, mask_nm, self._rules, binary, self._counted)

    def _expose(self, mask: Tensor) -> Exposure:
        return self._simulator.expose(mask, self.level.pixel_nm, out_pixel_nm=self.level.image_nm)


def _within(like: Tensor, frame: float) -> Tensor:
    """1 but for a frame of so many pixels along the border, (H, W)."""
    width = round(frame)
    inside = torch.zeros_like(like[0])
    inside[width : inside.shape[0] - width, width : inside.shape[1] - width] = 1
    return inside


def geometric(ends: tuple[float, float], progress: float) -> float:
    """From the first value to the second at constant ratio, progress in [0, 1]."""
    return ends[0] * (ends[1] / ends[0]) ** progress
