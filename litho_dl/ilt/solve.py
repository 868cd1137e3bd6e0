"""The one optimisation loop: any parameterization, any objective, any optimizer, many clips at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.core.errors import MaskError
from litho_dl.core.grid import Grid
from litho_dl.ilt.method import Level, Method
from litho_dl.ilt.objective import Scene, background, epe_probes, evaluate_terms
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Parameterization
from litho_dl.simulator import Simulator

OnStep = Callable[[int, int, float], None]


@dataclass(frozen=True, eq=False)
class Solution:
    """What `solve` returns.

    Attributes:
        mask: Binary masks, bool (B, h, w), the best of the last level by the objective with binary mask and prints.
        pixel_nm: The mask's pixel.
        parameters: Free parameters at the last step.
        history: Each objective term per step and clip, (steps, B) in nm^2, and their weighted sum as `objective`; soft
            mask and prints, which sharpen from step to step, so that these may rise while the masks get better.
        checks: The objective of the binary masks per check and clip, (checks, B) in nm^2: what really counts.
        check_steps: Steps done before each check.
        level_starts: The step at which each level began.
        status: `finished`, or `interrupted` by Ctrl-C; the masks are then the best so far.
        seconds: Wall time.
    """

    mask: Tensor
    pixel_nm: float
    parameters: Tensor
    history: dict[str, Tensor]
    checks: Tensor
    check_steps: tuple[int, ...]
    level_starts: tuple[int, ...]
    status: Literal["finished", "interrupted"]
    seconds: float


def solve(
    simulator: Simulator, target: Tensor, pixel_nm: float, method: Method, on_step: OnStep | None = None
) -> Solution:
    """Finds masks whose prints match the targets.

    Args:
        simulator: The process.
        target: Area coverage (B, H, W) in [0, 1].
        pixel_nm: The target's pixel; must divide every level's.
        method: What to do; see `method.load_method`.
        on_step: Called after each step with (step, steps in all, mean objective in nm^2).

    Raises:
        MaskError: The target is not finite, empty, or the mask technology has more than two values.
        GridMismatchError: Target, field and levels do not fit each other.
    """
    started = time.perf_counter()
    _require_target(simulator, target, pixel_nm)
    target = target.to(simulator.device, simulator.dtype)
    run = _Run(simulator, method, PARAMETERIZATIONS[method.parameterization], on_step)
    status: Literal["finished", "interrupted"] = "finished"
    try:
        for level in method.levels:
            run.level(level, coarsened(target, pixel_nm, level.pixel_nm))
    except KeyboardInterrupt:
        if not run.history:
            raise
        status = "interrupted"
    assert run.best is not None
    assert run.parameters is not None
    return Solution(
        mask=run.best.mask,
        pixel_nm=run.best.pixel_nm,
        parameters=run.parameters.detach(),
        history={name: torch.stack(values).cpu() for name, values in run.history.items()},
        checks=torch.stack(run.checks).cpu(),
        check_steps=tuple(run.check_steps),
        level_starts=tuple(run.level_starts),
        status=status,
        seconds=time.perf_counter() - started,
    )


@dataclass
class _Best:
    """The best binary masks of a level, clip by clip."""

    mask: Tensor
    value: Tensor
    pixel_nm: float

    def update(self, mask: Tensor, value: Tensor) -> None:
        better = value < self.value
        self.mask = torch.where(better[:, None, None], mask, self.mask)
        self.value = torch.where(better, value, self.value)


class _Run:
    """State of one `solve`: parameters, best masks, history."""

    def __init__(
        self, simulator: Simulator, method: Method, parameterization: Parameterization, on_step: OnStep | None
    ) -> None:
        self.simulator, self.method, self.parameterization, self.on_step = simulator, method, parameterization, on_step
        self.parameters: Tensor | None = None
        self.best: _Best | None = None
        self.history: dict[str, list[Tensor]] = {}
        self.checks: list[Tensor] = []
        self.check_steps: list[int] = []
        self.level_starts: list[int] = []
        self.steps_done = 0
        self.steps_in_all = sum(level.steps for level in method.levels)
        self._pixel_nm = 0.0
        self._probes = self._background = torch.empty(0)

    def level(self, level: Level, target: Tensor) -> None:
        """Optimises one level, from the previous level's parameters or from the target itself."""
        if self.parameters is None:
            self.parameters = self.parameterization.start(target)
        else:
            ratio = round(self._pixel_nm / level.pixel_nm)
            self.parameters = self.parameterization.refine(self.parameters.detach(), ratio)
        self._pixel_nm = level.pixel_nm
        self.level_starts.append(self.steps_done)
        self.parameters.requires_grad_()
        optimizer = make_optimizer(self.method, self.parameters, self.simulator)
        self._probes = epe_probes(target, level.pixel_nm)
        self._background = background(target, level.pixel_nm)
        for step in range(level.steps):
            if step % self.method.check_every == 0:
                self._check(level, target, first=step == 0)
            progress = step / max(level.steps - 1, 1)
            optimizer.param_groups[0]["lr"] = geometric(level.learning_rate, progress)
            self._step(optimizer, level, target, progress)
        self._check(level, target)

    def _step(self, optimizer: torch.optim.Optimizer, level: Level, target: Tensor, progress: float) -> None:
        assert self.parameters is not None
        mask = self.parameterization.mask(self.parameters, geometric(level.mask_sharpness, progress))
        scene = self._expose(mask, level, target, steepness=geometric(level.resist_steepness, progress))
        objective, terms = evaluate_terms(scene, self.method.objective)
        optimizer.zero_grad()
        objective.sum().backward()
        optimizer.step()
        for name, values in {"objective": objective, **terms}.items():
            self.history.setdefault(name, []).append(values.detach())
        self.steps_done += 1
        if self.on_step is not None:
            self.on_step(self.steps_done, self.steps_in_all, float(objective.detach().mean()))

    @torch.no_grad()
    def _check(self, level: Level, target: Tensor, *, first: bool = False) -> None:
        """Scores the binarised masks and keeps each clip's best since the level's first check."""
        assert self.parameters is not None
        mask = self.parameterization.mask(self.parameters, level.mask_sharpness[1]) >= 0.5
        scene = self._expose(mask.to(target), level, target, steepness=None)
        value, _ = evaluate_terms(scene, self.method.objective)
        self.checks.append(value)
        self.check_steps.append(self.steps_done)
        if self.best is None or first:
            self.best = _Best(mask, value, level.pixel_nm)
        else:
            self.best.update(mask, value)

    def _expose(self, mask: Tensor, level: Level, target: Tensor, *, steepness: float | None) -> Scene:
        """A soft scene at a resist steepness, or a binary one (None)."""
        exposure = self.simulator(mask, level.pixel_nm)
        if steepness is not None:
            exposure = replace(exposure, resist=exposure.resist.model_copy(update={"steepness": steepness}))
        return Scene(
            target,
            exposure,
            mask,
            self._probes,
            self._background,
            level.pixel_nm,
            level.pixel_nm,
            binary=steepness is None,
        )


def make_optimizer(method: Method, parameters: Tensor, simulator: Simulator) -> torch.optim.Optimizer:
    """The optimizer a method names, for the mask (its learning rate is set at every step) and a trainable source."""
    groups: list[dict[str, Any]] = [{"params": [parameters]}]
    trainable = [parameter for parameter in simulator.parameters() if parameter.requires_grad]
    if trainable and method.source_learning_rate > 0:
        groups.append({"params": trainable, "lr": method.source_learning_rate})
    if method.optimizer == "adam":
        return torch.optim.Adam(groups, betas=(method.momentum, 0.999))
    return NormalisedSgd(groups, momentum=method.momentum)


class NormalisedSgd(torch.optim.SGD):
    """Gradient descent whose gradient is divided by its largest entry, clip by clip.

    Without momentum the learning rate is the largest move of a step, whatever the objective's scale.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameters in group["params"]:
                parameters.grad /= parameters.grad.abs().amax((-2, -1), keepdim=True).clamp(min=1e-30)
        super().step(closure)


def geometric(ends: tuple[float, float], progress: float) -> float:
    """From the first value to the second at constant ratio, progress in [0, 1]."""
    return ends[0] * (ends[1] / ends[0]) ** progress


def coarsened(coverage: Tensor, pixel_nm: float, coarse_nm: float) -> Tensor:
    """Area coverage on pixels a whole number of times coarser; MaskError if it is not whole."""
    factor = round(coarse_nm / pixel_nm)
    if factor < 1 or abs(factor * pixel_nm - coarse_nm) > 1e-9 * coarse_nm:
        raise MaskError(
            f"Expected a level pixel that is a multiple of the target's {pixel_nm:g} nm, got {coarse_nm:g} nm."
        )
    return avg_pool2d(coverage[:, None], factor)[:, 0] if factor > 1 else coverage


def _require_target(simulator: Simulator, target: Tensor, pixel_nm: float) -> None:
    if target.ndim != 3:
        raise MaskError(f"Expected targets (B, H, W), got shape {tuple(target.shape)}.")
    if not torch.isfinite(target).all() or target.amin() < 0 or target.amax() > 1:
        raise MaskError("Expected target coverage in [0, 1], got values outside it or NaN.")
    empty = (target.sum((-2, -1)) == 0).nonzero().flatten().tolist()
    if empty:
        raise MaskError(f"Expected something to print in every clip, got empty targets at batch index {empty}.")
    if simulator.process.mask.type == "alternating":
        raise MaskError("Alternating masks have three values; optimise a binary or attenuated mask.")
    Grid.of_field(simulator.process.field_nm, pixel_nm)
