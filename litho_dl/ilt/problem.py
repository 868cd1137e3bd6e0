"""The optimisation problem of one level: the objective of its parameters, and its gradient."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from litho_dl.core.threads import Argument, Result, Team
from litho_dl.ilt.method import Level, Method
from litho_dl.ilt.objective import CLEARANCE_NM, ObjectiveInputs, background, evaluate_terms
from litho_dl.ilt.parameterization import EdgeParameterization, Parameterization
from litho_dl.ilt.probes import Edges, ProbePairs, epe_probes, probe_pairs
from litho_dl.ilt.start import coarsened
from litho_dl.ilt.views import Comparison, View, make_views
from litho_dl.layout.contour import pixel_polygons
from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.stray import stray_prints
from litho_dl.process.recipe import REQUIRED_CORNERS
from litho_dl.simulation.simulator import Simulator

PIXELS_AT_ONCE = 2**19  # pixels of targets in one pass on a CPU
NEARLY = 0.01  # of the threshold, by which stray intensities are to stay away from it, as they are sampled


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

    def of(self, rows: Tensor) -> "Surroundings":
        """Those of some of the masks, by their indices."""
        rows = rows.to(self.mask.device)
        return Surroundings(self.mask[rows], self.free[rows], self.uncounted_nm)


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
        edges: Edges | None = None,
        surroundings: Surroundings | None = None,
        team: Team | None = None,
    ) -> None:
        """Prepares a level.

        Args:
            simulator: The process.
            method: The method, for the final objective, corners, rules and clean-up.
            level: The level.
            parameterization: Maps parameters to masks.
            target: Area coverage (B, H, W) in [0, 1] on the pixel of the level's prints.
            edges: The drawn edges of each target in nm; None, or None for some targets: those of the target's pixels.
            surroundings: Fixed masks around the optimised part, on the pixel of the level's masks; None: all is free.
            team: Threads that share the clips; None: this one alone.
        """
        self.level, self.progress = level, 0.0
        simulator = method.on_process(simulator)
        self.terms: dict[str, Tensor] = {}
        self._simulator, self._parameterization, self._dtype = simulator, parameterization, target.dtype
        self._loop_simulator = simulator if level.kernels is None else simulator.shortened(level.kernels)
        self._scale = simulator.scale
        self._weights = level.objective or method.objective
        self._final_weights, self._corner_weights = method.objective, method.corner_weights
        self._rules = None if method.rules is None else method.rules.mask_rules()
        counted = None if surroundings is None else _within(target, surroundings.uncounted_nm / level.image_nm)
        image_nm = level.image_nm * self._scale
        found, far = epe_probes(target, image_nm, edges, self._scale), background(target, level.image_nm)
        used = {*self._weights, *self._final_weights}
        self._pairs = probe_pairs(target, image_nm, edges, self._scale) if "placement" in used else None
        self._whole = Comparison(target, found, far, counted, level.image_nm)
        self._around = surroundings
        self._views: dict[tuple[int, int], list[View]] = {}
        self._pairs_of: dict[tuple[int, int], ProbePairs] = {}
        self._allowed = None if isinstance(parameterization, EdgeParameterization) else self._allowed_area(method)
        # Gradients of a source that all clips share are summed in one order only in one thread.
        has_source = any(other.requires_grad for other in simulator.parameters())
        self._each = team.map if team is not None and not has_source else _one_by_one

    def of(self, rows: Tensor) -> "LevelProblem":
        """The problem of some of the masks, by their indices."""
        part = copy.copy(self)
        part.terms, part._views, part._pairs_of = {}, {}, {}
        part._whole = self._whole.of(rows)
        part._pairs = self._pairs and self._pairs.of(rows)
        part._around = self._around and self._around.of(rows)
        part._allowed = None if self._allowed is None else self._allowed[rows]
        return part

    def begin_step(self, progress: float) -> None:
        """Sets the progress and clears the terms of the last step."""
        self.progress, self.terms = progress, {}

    def objective(self, parameters: Tensor) -> Tensor:
        """The weighted sum (B,) of the terms for soft masks and prints; differentiable."""
        mask = self._mask(parameters, slice(None))
        each = _one_by_one if torch.is_grad_enabled() else self._each
        return self._kept(each(self._soft, [(mask[clips], clips) for clips in self._groups(len(mask))]))

    def backward(self, parameters: Tensor) -> Tensor:
        """The objective (B,); adds the gradient of its sum over clips to the parameters' and the simulator's `grad`.

        A few clips at a time are evaluated and differentiated, so that they stay in the processor's cache.
        """

        def differentiate(clips: slice) -> tuple[Tensor, dict[str, Tensor], Tensor]:
            part = parameters[clips].detach().requires_grad_()
            objective, terms = self._soft((self._mask(part, clips), clips))
            objective.sum().backward()
            assert part.grad is not None
            return objective.detach(), {name: value.detach() for name, value in terms.items()}, part.grad

        found = self._each(differentiate, self._groups(len(parameters)))
        gradient = torch.cat([gradient for *_, gradient in found])
        parameters.grad = gradient if parameters.grad is None else parameters.grad + gradient
        return self._kept([(objective, terms) for objective, terms, _ in found])

    def _mask(self, parameters: Tensor, clips: slice) -> Tensor:
        """The soft masks of some clips, in their surroundings, with features only where they are allowed."""
        mask = self._parameterization.of(clips).mask(parameters, self._now(self.level.mask_sharpness))
        return self._placed(mask if self._allowed is None else self._allowed[clips] * mask, clips)

    def _placed(self, mask: Tensor, clips: slice) -> Tensor:
        """Masks of some clips, in their surroundings."""
        if self._around is None:
            return mask
        return torch.where(self._around.free[clips], mask, self._around.mask[clips])

    def _allowed_area(self, method: Method) -> Tensor | None:
        """1 where masks may have features, (B, h, w); None: everywhere.

        That is as far from drawn features as assist features may be. A mask that keeps mask rules ends at the field's
        border; a feature across the border would be cut into two pieces that violate rules. So half the least space
        stays free there, except near drawn features.
        """
        farthest_nm, has_frame = method.kept_assists.farthest_nm, method.clean and self._around is None
        allowed = None if farthest_nm is None else self._near(farthest_nm)
        if has_frame:
            assert self._rules is not None
            frame = math.ceil(self._rules.min_space_nm / self.level.pixel_nm / 2)
            near = self._near(CLEARANCE_NM)
            near[:, frame:-frame, frame:-frame] = 1
            allowed = near if allowed is None else allowed * near
        return allowed

    def _near(self, reach_nm: float) -> Tensor:
        """1 up to a distance (in x or y) from drawn features, (B, h, w) on the level's pixels."""
        scale = self.level.image_nm / self.level.pixel_nm
        near = 1 - background(self._whole.target, self.level.image_nm, reach_nm)
        return interpolate(near[:, None], scale_factor=scale)[:, 0]

    def _groups(self, count: int) -> list[slice]:
        """The groups of clips that are exposed at once: on a GPU all; else equal ones, an even number of them."""
        whole = self._whole.target
        if whole.device.type != "cpu":
            return [slice(0, count)]
        groups = math.ceil(count * whole[0].numel() / PIXELS_AT_ONCE)
        groups = min(count, groups + groups % 2)
        ends = [count * group // groups for group in range(groups + 1)]
        return [slice(start, end) for start, end in pairwise(ends)]

    def _soft(self, group: tuple[Tensor, slice]) -> tuple[Tensor, dict[str, Tensor]]:
        """Objective and terms of a few clips' soft masks."""
        mask, clips = group
        return self._evaluated(mask, clips, self._weights, self._now(self.level.resist_steepness))

    def _kept(self, parts: list[tuple[Tensor, dict[str, Tensor]]]) -> Tensor:
        """The objective of all clips; keeps the terms of the step's first evaluation."""
        if not self.terms:
            self.terms = {name: torch.cat([terms[name] for _, terms in parts]) for name in parts[0][1]}
        return torch.cat([objective for objective, _ in parts])

    def edge_errors(self, parameters: Tensor) -> Tensor:
        """Edge placement errors in nm, in the shape of the parameters."""
        assert isinstance(self._parameterization, EdgeParameterization)  # `Method` pairs it with `feedback`
        level, scale = self.level, self._scale
        mask = self._mask(parameters, slice(None))
        exposure = self._simulator.expose(mask, level.pixel_nm * scale, out_pixel_nm=level.image_nm * scale)
        return self._parameterization.edge_errors(parameters, exposure, level.image_nm)

    def function(self, parameters: Tensor) -> Tensor:
        """The parameterization's function, positive beside the free part where its surroundings are open, (B, h, w)."""
        function = self._parameterization.function(parameters)
        if self._allowed is not None:
            # Far below zero, so that edges end within the allowed part: what is wider than in the loop may print.
            function = torch.where(self._allowed > 0, function, -function.abs().amax((-2, -1), keepdim=True))
        if self._around is not None:
            function = torch.where(self._around.free, function, (2 * self._around.mask - 1) * function.abs())
        return function

    def where_allowed(self, mask: Tensor) -> Tensor:
        """Masks, bool (B, h, w), on the level's pixels or finer, with features only where rules allow them."""
        return mask if self._allowed is None else mask & _on_pixels_of(mask, self._allowed > 0)

    def with_surroundings(self, mask: Tensor) -> Tensor:
        """Masks (B, h, w), bool or coverage, on the level's pixels or finer, in their surroundings."""
        if self._around is None:
            return mask
        free, beyond = self._around.free, (self._around.mask >= 0.5).to(mask)
        return torch.where(_on_pixels_of(mask, free), mask, _on_pixels_of(mask, beyond))

    def fixed_parts(self) -> list[tuple[Polygon, ...]]:
        """The part of each field whose mask is fixed, as polygons in nm."""
        if self._around is None:
            return [()] * len(self._whole.target)
        return [pixel_polygons(free, self.level.pixel_nm) for free in (~self._around.free).cpu().numpy()]

    @torch.no_grad()
    def binary_objective(self, mask: Tensor) -> Tensor:
        """The method's objective for masks as they would be written, and thresholded prints.

        Args:
            mask: (B, h, w), bool, or area coverage.

        Returns:
            (B,) in nm^2.
        """
        mask = mask.to(self._dtype)
        mask = self._placed(mask if self._allowed is None else mask * self._allowed, slice(None))
        return torch.cat(self._each(self._binary, [(mask[clips], clips) for clips in self._groups(len(mask))]))

    @torch.no_grad()
    def _binary(self, group: tuple[Tensor, slice]) -> Tensor:
        mask, clips = group
        return self._evaluated(mask, clips, self._final_weights, None)[0]

    @torch.no_grad()
    def stray_places_nm(self, mask: Tensor, pixel_nm: float) -> list[np.ndarray]:
        """Where masks in their surroundings print apart from what is drawn, or nearly, at the corners that are scored.

        Args:
            mask: Area coverage (B, H, W) in [0, 1], on the level's pixels or finer.
            pixel_nm: Its pixel.

        Returns:
            A point (x, y) in nm of each such print, (n, 2), for each clip.
        """
        image_nm, mask = max(self.level.pixel_nm, self.level.image_nm), self.with_surroundings(mask)
        target = coarsened(self._whole.target, self.level.image_nm, image_nm) >= 0.5
        counted = torch.ones_like(target[0])
        if self._around is not None:
            counted = _within(target, self._around.uncounted_nm / image_nm)

        def printed(clips: slice) -> Tensor:
            scale = self._scale
            exposure = self._simulator.expose(mask[clips], pixel_nm * scale, out_pixel_nm=image_nm * scale)
            excess = torch.stack([exposure.rule.excess(exposure.aerial(name)) for name in REQUIRED_CORNERS]).amax(0)
            return counted & (excess > -NEARLY * exposure.resist.threshold)

        prints = torch.cat(self._each(printed, self._groups(len(mask))))
        pairs = zip(prints.cpu().numpy(), target.cpu().numpy(), strict=True)
        return [image_nm * (stray_prints(each, wanted)[:, ::-1] + 0.5) for each, wanted in pairs]

    def views(self, clips: slice) -> list[View]:
        """The parts of the field on which prints of some clips are compared with their targets."""
        key = clips.start, clips.stop
        if key not in self._views:
            self._views[key] = make_views(self._simulator, self._whole.of(clips))
        return self._views[key]

    def pairs(self, clips: slice) -> ProbePairs | None:
        """The points beside edges of some clips; None: no term needs them."""
        key = clips.start, clips.stop
        if self._pairs is not None and key not in self._pairs_of:
            self._pairs_of[key] = self._pairs.of(clips)
        return self._pairs_of.get(key)

    def _now(self, ends: tuple[float, float]) -> float:
        return geometric(ends, self.progress)

    def _evaluated(
        self, mask: Tensor, clips: slice, weights: dict[str, float], steepness: float | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Objective and terms of masks, with soft prints at a resist steepness, or binary prints (None)."""
        simulator = self._simulator if steepness is None else self._loop_simulator
        spectra = simulator.image_spectra(mask, self.level.pixel_nm * self._scale)
        inputs = [self._inputs(view, spectra, mask, steepness, clips) for view in self.views(clips)]
        return evaluate_terms(inputs[0], weights, inputs[1:])

    def _inputs(
        self, view: View, spectra: dict[str, Tensor], mask: Tensor, steepness: float | None, clips: slice
    ) -> ObjectiveInputs:
        """The inputs of the terms in one view."""
        seen = view.comparison
        exposure = self._simulator.sampled(spectra, seen.pixel_nm * self._scale, view.transform)
        if steepness is not None:
            exposure = replace(exposure, resist=exposure.resist.model_copy(update={"steepness": steepness}))
        return ObjectiveInputs(
            seen.target,
            exposure,
            mask,
            seen.probes,
            seen.background,
            seen.pixel_nm,
            self.level.pixel_nm,
            self._rules,
            steepness is None,
            seen.counted,
            self.pairs(clips),
            self._corner_weights,
        )


def _one_by_one(function: Callable[[Argument], Result], items: Iterable[Argument]) -> list[Result]:
    return list(map(function, items))


def _on_pixels_of(fine: Tensor, coarse: Tensor) -> Tensor:
    """A coarse image (..., h, w) on the pixels of a finer one, which divide its own."""
    ratio = fine.shape[-1] // coarse.shape[-1]
    return coarse.repeat_interleave(ratio, -2).repeat_interleave(ratio, -1)


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
