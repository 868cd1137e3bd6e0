"""The optimisation loop, for all parameterizations, objectives and optimizers, and many clips at once."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor

from litho_dl.core.threads import Team
from litho_dl.ilt.cleanup import Cleaned, clean
from litho_dl.ilt.method import Level, Method
from litho_dl.ilt.optimizer import ADAM_EPSILON, make_optimizer
from litho_dl.ilt.parameterization import Parameterization, Start, make_parameterization
from litho_dl.ilt.probes import Edges
from litho_dl.ilt.problem import LevelProblem, Surroundings, geometric
from litho_dl.ilt.start import coarsened
from litho_dl.ilt.starts import kept_starts, start_masks
from litho_dl.ilt.stray import without_stray_prints
from litho_dl.ilt.targets import Targets, require_targets
from litho_dl.layout.curves import Outlines
from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.drawn_sites import field_edges
from litho_dl.simulation.simulator import Simulator

OnStep = Callable[[int, int, float], None]
WORSE = 1.05  # times the start's objective: an optimisation that ends above it, and was never below, diverged
Status = Literal["finished", "diverged", "interrupted"]


@dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """Optimised masks, and the history of the optimisation; of several starts of a clip, all is that of the kept mask.

    Attributes:
        mask: Binary masks, bool (B, h, w), the best of the last level by the objective for binary masks and prints.
        pixel_nm: Pixel of the masks.
        parameters: Parameters of the best masks, before any clean-up.
        history: Each term of the objective by step and clip, (steps, B) in nm^2, and their weighted sum as `objective`,
            for soft masks and prints. These sharpen from step to step, so that values may rise while masks improve.
            Terms that a level does not use are NaN there.
        checks: The objective of the binary masks, on the level's pixel, by check and clip, (checks, B) in nm^2; it
            decides which masks are best.
        check_steps: Number of steps before each check.
        level_starts: The step at which each level began.
        diverged: bool (B,), True where no mask is better than the start and the last one is worse, or where an
            objective is not finite.
        status: `finished`; `diverged` if a clip did; or `interrupted` by Ctrl-C, and the masks are then the best of the
            current level.
        seconds: Wall time.
        outlines: The polygons that cleaned masks are the pixels of; None: masks are pixels, or have surroundings.
    """

    mask: Tensor
    pixel_nm: float
    parameters: Tensor
    history: dict[str, Tensor]
    checks: Tensor
    check_steps: tuple[int, ...]
    level_starts: tuple[int, ...]
    diverged: Tensor
    status: Status
    seconds: float
    outlines: Outlines | None

    def __repr__(self) -> str:
        count, height, width = self.mask.shape
        objective = f"{float(self.checks[-1].mean()):,.0f} nm² a mask" if len(self.checks) else "not checked"
        return (
            f"{type(self).__name__}({count} {'masks' if count != 1 else 'mask'} of {height} x {width} pixels of "
            f"{self.pixel_nm:g} nm, objective {objective}, {self.status} in {self.seconds:.1f} s)"
        )

    def require_finished(self) -> Self:
        """Returns the solution itself if it was not interrupted.

        Raises:
            KeyboardInterrupt: Ctrl-C ended the optimisation.
        """
        if self.status == "interrupted":
            raise KeyboardInterrupt
        return self


def solve_targets(
    simulator: Simulator,
    target: Tensor,
    pixel_nm: float,
    method: Method,
    on_step: OnStep | None = None,
    *,
    init: Tensor | None = None,
    polygons: Sequence[Sequence[Polygon] | None] | None = None,
    edges: Edges | None = None,
    surroundings: Surroundings | None = None,
) -> Solution:
    """Finds masks whose prints match the targets.

    The method's lengths are multiplied by the process's scale. An image depends on lengths over wavelength only, so all
    is computed in lengths over the scale, as for a process of scale 1.

    Args:
        simulator: The process; its trainable parameters are optimised with the masks if the method has a
            `source_learning_rate`. As the source then changes after a check, the latest masks are kept, not the best.
        target: Area coverage (B, H, W) in [0, 1].
        pixel_nm: The target's pixel; must divide every level's.
        method: The method; see `method.load_method`.
        on_step: Called after each step with (step, number of steps, mean objective of all starts that are left, nm^2).
        init: Masks to start from, in place of the target, or before it if the method has several starts; (B, H, W) in
            [0, 1] on the target's pixel. The method's first level converts them to its parameters; see
            `Method.on_last_level` and `Method.in_steps`.
        polygons: The drawn polygons of each target, merged, in field coordinates in nm, whose edges EPE probes and edge
            fragments then follow at any angle; None, or None for some targets: the edges of the target's pixels.
        edges: The drawn edges of each target, in nm, for the terms `epe` and `placement`, in place of the polygons'
            own; a field that is a tile of a larger layout needs them, as its own edges are cut at the border.
        surroundings: Fixed masks around the optimised part of the field, on the target's pixel; None: all is optimised.

    Returns:
        The best masks, with history.

    Raises:
        KernelError: The method has corners at foci for which no kernels can be built.
        MaskError: Targets or masks are not finite, empty or of different shapes, or the mask technology has more than
            two values.
        GridMismatchError: Target, field and levels do not fit each other.
    """
    started = time.perf_counter()
    require_targets(simulator, target, pixel_nm, method, init, surroundings)
    scale = simulator.scale
    unit_nm = pixel_nm / scale
    target = target.to(simulator.device, simulator.dtype)
    drawn = [None] * len(target) if polygons is None else polygons
    if edges is None:
        edges = [None if some is None else field_edges(some, simulator.field_nm) for some in drawn]
    if surroundings is not None:
        surroundings = replace(surroundings, uncounted_nm=surroundings.uncounted_nm / scale)
    drawn = [None if some is None else [polygon.mapped(lambda p: p / scale) for polygon in some] for some in drawn]
    targets = Targets(target, unit_nm, drawn, edges, surroundings)
    begin = start_masks(targets, method, None if init is None else init.to(target))
    told = on_step and (lambda step, steps, objective: on_step(step, steps, objective * scale**2))
    status: Status = "finished"
    with Team() as team:
        run = _Run(simulator, targets, method, told, team)
        try:
            for level, kept in zip(method.levels, kept_starts(method), strict=True):
                run.keep(kept)
                run.optimise_level(level, begin)
            run.keep(1, clean_up=method.clean)
            mask, mask_nm, outlines = run.output_masks(clean_up=method.clean)
            status = "diverged" if bool(run.diverged().any()) else "finished"
        except KeyboardInterrupt:
            if run.steps_done == 0:
                raise
            status = "interrupted"
            run.keep(1)
            mask, mask_nm, outlines = run.output_masks(clean_up=False)
    assert run.best is not None
    return Solution(
        mask=mask,
        pixel_nm=mask_nm * scale,
        parameters=run.best.parameters,
        history={name: values.cpu() * scale**2 for name, values in run.kept_history().items()},
        checks=run.kept_checks().cpu() * scale**2,
        check_steps=tuple(run.check_steps),
        level_starts=tuple(run.level_starts),
        diverged=run.diverged().cpu(),
        status=status,
        seconds=time.perf_counter() - started,
        outlines=outlines,
    )


@dataclass
class _Best:
    """The parameters of a level's best binary masks, start by start, and the objects that convert them to masks.

    Row r belongs to start `starts[r]`, counted over all clips. Dropping starts replaces this object, so that an
    interrupt finds it whole.
    """

    parameters: Tensor
    value: Tensor
    parameterization: Parameterization
    problem: LevelProblem
    starts: Tensor

    def update(self, parameters: Tensor, value: Tensor) -> Tensor:
        """Keeps the better parameters of each start; returns a bool for each, True for those that improved."""
        better = value < self.value
        self.parameters = torch.where(better.reshape(-1, *[1] * (parameters.ndim - 1)), parameters, self.parameters)
        self.value = torch.where(better, value, self.value)
        return better

    def of(self, rows: Tensor) -> "_Best":
        """Those of some starts, by their rows."""
        problem, starts = self.problem.of(rows), self.starts[rows]
        return _Best(self.parameters[rows], self.value[rows], self.parameterization, problem, starts)


class _Run:
    """State of one `solve_targets`: parameters, best masks, history."""

    def __init__(
        self,
        simulator: Simulator,
        targets: Targets,
        method: Method,
        on_step: OnStep | None,
        team: Team,
    ) -> None:
        self.simulator, self.targets, self.method, self.on_step, self._team = simulator, targets, method, on_step, team
        self.best: _Best | None = None
        # Allocated once: small tensors kept at every step would lie between large ones and fragment the heap.
        self.history: dict[str, Tensor] = {}
        most = sum(2 + level.steps // method.check_every for level in method.levels)
        self._all_starts = len(targets.coverage) * method.starts
        self.checks = targets.coverage.new_full((most, self._all_starts), torch.nan)
        self.check_steps: list[int] = []
        self.level_starts: list[int] = []
        self.steps_done = 0
        self.steps_in_all = sum(level.steps for level in method.levels)
        self._name = ""
        self._parameterization = self._made(method.parameterization)
        self._parameters = torch.empty(0)
        self._problem: LevelProblem | None = None

    @property
    def starts(self) -> Tensor:
        """The starts that are left, of all."""
        return torch.arange(self._all_starts, device=self.checks.device) if self.best is None else self.best.starts

    @torch.no_grad()
    def keep(self, count: int, *, clean_up: bool = False) -> None:
        """Drops all but so many starts of each clip, those with the best binary masks of the last level, or cleaned."""
        if self.best is None:
            return
        values = self.best.value.reshape(len(self.targets.coverage), -1)
        if values.shape[1] == count:
            return
        if clean_up:
            cleaned = self._cleaned(self.best.problem.level.pixel_nm)
            values = self.best.problem.binary_objective(cleaned.coverage).reshape(values.shape)
        ranked = values.argsort(dim=1, stable=True)[:, :count]
        rows = (ranked + values.shape[1] * torch.arange(len(values), device=values.device)[:, None]).flatten()
        self.best = self.best.of(rows)
        self._parameters = self._parameters.detach()[rows]

    def _targets_now(self) -> Targets:
        """The target of each start that is left."""
        return self.targets if self.method.starts == 1 else self.targets.of(self.starts // self.method.starts)

    def optimise_level(self, level: Level, begin: Tensor) -> None:
        """Optimises one level, starting from the previous level's result, or from masks on its own pixel."""
        parameters = self._parameters = self._initial_parameters(level, begin).requires_grad_()
        kind = level.optimizer or self.method.optimizer
        others = [other for other in self.simulator.parameters() if other.requires_grad]
        rate = self.method.source_learning_rate
        epsilon = max(ADAM_EPSILON, (self.method.damping or 0.0) * level.pixel_nm**2)
        optimizer = make_optimizer(kind, self.method.momentum, parameters, others if rate > 0 else (), rate, epsilon)
        targets = self._targets_now()
        target, around = coarsened(targets.coverage, targets.pixel_nm, level.image_nm), targets.surroundings
        if around is not None:
            around = around.on_pixel(targets.pixel_nm, level.pixel_nm, like=target)
        problem = self._problem = LevelProblem(
            self.simulator, self.method, level, self._parameterization, target, targets.edges, around, self._team
        )
        self.level_starts.append(self.steps_done)
        checks_without_gain, source_moves = 0, bool(others) and rate > 0
        for step in range(level.steps):
            if step % self.method.check_every == 0:
                better = self._check(problem, parameters, first=step == 0 or source_moves)
                if level.patience is not None:  # only then: the comparison waits for the device
                    checks_without_gain = 0 if bool(better.any()) else checks_without_gain + 1
                    if checks_without_gain >= level.patience:
                        break
            problem.begin_step(step / max(level.steps - 1, 1))
            objective = optimizer.step(parameters, problem, geometric(level.learning_rate, problem.progress))
            with torch.no_grad():
                parameters.copy_(self._parameterization.project(parameters, step))
            self._record({"objective": objective, **problem.terms})
        self._check(problem, parameters, first=source_moves)

    def _initial_parameters(self, level: Level, begin: Tensor) -> Tensor:
        """The parameters that a level starts from."""
        name = level.parameterization or self.method.parameterization
        before, self._name = self._name, name
        ratio = 1 if self._problem is None else round(self._problem.level.pixel_nm / level.pixel_nm)
        if name == before and not level.repaired:
            self._parameterization = copy.copy(self._parameterization)  # the best masks so far keep the old object
            return self._parameterization.refine(self._parameters.detach(), ratio)
        if self._problem is None:
            mask = begin
        else:
            if level.repaired:
                mask = self._cleaned(level.pixel_nm).coverage
            else:
                mask = self._parameterization.mask(self._parameters.detach(), self._problem.level.mask_sharpness[1])
                mask = mask.repeat_interleave(ratio, -2).repeat_interleave(ratio, -1)
        self._parameterization = self._made(name)
        targets = self._targets_now()
        drawn = targets.coverage, targets.pixel_nm, targets.polygons
        return self._parameterization.start(Start(mask, level.pixel_nm, *drawn))

    def _made(self, name: str) -> Parameterization:
        return make_parameterization(name, self.method.kept_fragments, self.method.kept_assists)

    def _record(self, terms: dict[str, Tensor]) -> None:
        """Records the terms of one step."""
        for name, values in terms.items():
            if name not in self.history:
                self.history[name] = values.new_full((self.steps_in_all, self._all_starts), torch.nan)
            self.history[name][self.steps_done, self.starts] = values.detach()
        self.steps_done += 1
        if self.on_step is not None:
            self.on_step(self.steps_done, self.steps_in_all, float(terms["objective"].detach().mean()))

    @torch.no_grad()
    def _check(self, problem: LevelProblem, parameters: Tensor, *, first: bool = False) -> Tensor:
        """Scores the binary masks and keeps each start's best; returns what `_Best.update` does."""
        value = problem.binary_objective(self._parameterization.binary(parameters))
        self.checks[len(self.check_steps), self.starts] = value
        self.check_steps.append(self.steps_done)
        value = value.nan_to_num(nan=torch.inf)  # else no mask would be better than one without a value
        if self.best is None or first:
            self.best = _Best(parameters.detach().clone(), value, self._parameterization, problem, self.starts)
            return torch.ones_like(value, dtype=torch.bool)
        return self.best.update(parameters.detach(), value)

    def kept_history(self) -> dict[str, Tensor]:
        """The terms by step and start, (steps, B), of the starts that are left."""
        return {name: values[: self.steps_done, self.starts] for name, values in self.history.items()}

    def kept_checks(self) -> Tensor:
        """The binary objectives by check and start, (checks, B), of the starts that are left."""
        return self.checks[: len(self.check_steps), self.starts]

    def diverged(self) -> Tensor:
        """True for the clips that end worse than their best mask, the start, or with an infinite objective, (B,)."""
        assert self.best is not None
        checks, steps = self.kept_checks(), self.kept_history()["objective"]
        unfinite = ~(torch.isfinite(checks).all(0) & torch.isfinite(steps).all(0))
        return unfinite | ((self.best.value >= checks[0]) & (checks[-1] > WORSE * checks[0]))

    @torch.no_grad()
    def output_masks(self, *, clean_up: bool) -> tuple[Tensor, float, Outlines | None]:
        """The best masks, bool (B, h, w), their pixel in nm, and, of cleaned ones, what they are the pixels of."""
        assert self.best is not None
        written = None
        best, level_nm = self.best, self.best.problem.level.pixel_nm
        mask_nm = self.method.mask_pixel_nm or level_nm
        if clean_up:
            assert self.method.rules is not None
            drawn, rules = self._targets_now().outlines(), self.method.rules.mask_rules()
            cleaned = without_stray_prints(self._cleaned(mask_nm), best.problem, drawn, rules, mask_nm)
            mask = cleaned.coverage >= 0.5
            if self.targets.surroundings is None:
                written = _outlines(cleaned, self.method, self.simulator.scale)
        else:
            finer = round(level_nm / mask_nm)
            mask, mask_nm = best.parameterization.output_mask(best.parameters, level_nm, finer)
            mask = best.problem.where_allowed(mask)
        return best.problem.with_surroundings(mask), mask_nm, written

    def _cleaned(self, pixel_nm: float) -> Cleaned:
        """The best masks, changed so that they keep the method's rules."""
        assert self.best is not None
        assert self.method.rules is not None
        best, rules = self.best, self.method.rules.mask_rules()
        narrow, widest_nm = None, self.method.kept_assists.widest_nm
        if widest_nm is not None:
            narrow = self._targets_now().outlines(), widest_nm
        function, level_nm = best.problem.function(best.parameters), best.problem.level.pixel_nm
        return clean(function, level_nm, rules, pixel_nm, self._team, narrow)


def _outlines(cleaned: Cleaned, method: Method, scale: float) -> Outlines:
    """What cleaned masks, of a process of scale 1, are the pixels of; in the process's own nm."""
    assert method.rules is not None
    polygons = tuple(tuple(polygon.mapped(lambda p: p * scale) for polygon in each) for each in cleaned.polygons)
    return Outlines(polygons, method.curves_nm and method.curves_nm * scale, method.rules.min_radius_nm * scale)
