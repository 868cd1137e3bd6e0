"""The optimisation loop: one contract for every preset, interrupts, and bad input."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scenes.ilt import CLIPS, FIELD, SIMPLE, changed, printed_objective, small_simulator, targets, with_levels
from torch import Tensor

from litho_dl.core.errors import GridMismatchError, LithoError, MaskError
from litho_dl.core.settings import packaged_names
from litho_dl.ilt.method import Level, Method, Rules, load_method
from litho_dl.ilt.objective import ObjectiveInputs, evaluate_terms
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Start
from litho_dl.ilt.probes import epe_probes
from litho_dl.ilt.problem import LevelProblem
from litho_dl.ilt.solve import solve_targets
from litho_dl.ilt.start import coarsened
from litho_dl.optics.mask import MaskType
from litho_dl.runs.optimize import score_masks, solve
from litho_dl.scoring.evaluate import evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator

DEFAULT = PROTOCOLS["default"]
RAMPS = ("learning_rate", "mask_sharpness", "resist_steepness")


def shortened(method: Method, steps: int, **changes: object) -> Method:
    """The method with few steps a level, a check before each, and the masks on the last level's pixel, as they are."""
    levels = tuple(level.model_copy(update={"steps": steps}) for level in method.levels)
    plain = {"levels": levels, "check_every": 1, "clean": False, "mask_pixel_nm": None}
    return method.model_copy(update={**plain, **changes})


def finished(method: Method, steps: int) -> Method:
    """The method with few steps a level, whose masks are cleaned up and written as the method says."""
    return shortened(method, steps, clean=method.clean, mask_pixel_nm=method.mask_pixel_nm)


def steady(level: Level) -> Level:
    """The level with its first rates and slopes throughout."""
    return level.model_copy(update={name: (getattr(level, name)[0],) * 2 for name in RAMPS})


def score(method: Method, mask: Tensor) -> Tensor:
    """The method's objective of masks on the last level's pixel."""
    rules = None if method.rules is None else method.rules.mask_rules()
    last = method.levels[-1]
    return printed_objective(mask, last.pixel_nm, method.objective, rules, image_nm=last.image_nm, method=method)


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return small_simulator()


@pytest.mark.parametrize("preset", packaged_names("ilt"))
class TestEveryPreset:
    """What each preset promises as it stands, on two clips and few steps."""

    @pytest.fixture
    def method(self, preset: str) -> Method:
        return load_method(preset)

    def test_the_objective_falls_in_every_level(self, simulator, method):
        levels = tuple(steady(level) for level in method.levels)
        short = shortened(method.model_copy(update={"levels": levels}), 12)
        solution = solve_targets(simulator, targets(method.target_nm), method.target_nm, short)
        pixels = set()
        for start, level in zip(solution.level_starts, levels, strict=True):
            if level.repaired:  # begins so near its end that a dozen of Adam's first steps lead away from it
                continue
            values = solution.history["objective"][start : start + 12]
            # Fine prints, and further levels on a pixel, begin near the end.
            least = 0.97 if level.image_pixel_nm is None and level.pixel_nm not in pixels else 0.995
            pixels.add(level.pixel_nm)
            assert (values[-3:].mean(0) < least * values[0]).all()
        assert (solution.checks[-1] < solution.checks[0]).all()

    def test_the_solution_is_whole_and_repeatable(self, simulator, method):
        """To the bit, on any number of threads."""
        short, target_nm, seen, found = finished(method, 3), method.target_nm, [], []
        before = torch.get_num_threads()
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(
                solve_targets(simulator, targets(target_nm), target_nm, short, lambda *step: seen.append(step))
            )
            assert torch.get_num_threads() == threads
        torch.set_num_threads(before)
        solution, again = found
        steps = 3 * len(method.levels)
        assert solution.mask.dtype == torch.bool
        assert solution.mask.shape == (2, *[round(FIELD[0] / solution.pixel_nm)] * 2)
        written_nm = 1.0 if method.parameterization == "manhattan" else method.levels[-1].pixel_nm
        assert solution.pixel_nm == (method.mask_pixel_nm or written_nm)
        assert solution.status == ("diverged" if solution.diverged.any() else "finished")  # in steps so few
        assert solution.level_starts == tuple(range(0, steps, 3))
        assert solution.check_steps == tuple(n for start in solution.level_starts for n in range(start, start + 4))
        assert solution.checks.shape == (len(solution.check_steps), 2)
        self.check_history(method, solution.history, steps)
        assert [step[:2] for step in seen[:steps]] == [(n + 1, steps) for n in range(steps)]
        assert seen[0][2] == pytest.approx(float(solution.history["objective"][0].mean()))
        assert not solution.parameters.requires_grad
        assert torch.equal(solution.mask, again.mask)
        assert torch.equal(solution.checks, again.checks)
        assert all(
            torch.equal(solution.history[name].nan_to_num(-1), again.history[name].nan_to_num(-1))
            for name in again.history
        )

    @staticmethod
    def check_history(method: Method, history: dict[str, Tensor], steps: int) -> None:
        """Every level's terms and nothing else; their weighted sum is the objective."""
        weights = [level.objective or method.objective for level in method.levels]
        assert set(history) == {"objective"}.union(*weights)
        assert {tuple(values.shape) for values in history.values()} == {(steps, 2)}
        for index, used in enumerate(weights):
            now = slice(3 * index, 3 * index + 3)
            for name in history.keys() - {"objective"}:
                assert history[name][now].isnan().all() == (name not in used)
                assert history[name][now].isfinite().all() == (name in used)
            total = sum(weight * history[name][now] for name, weight in used.items())
            torch.testing.assert_close(history["objective"][now], total)

    @pytest.mark.parametrize("factor", [1.0, 30.0])
    def test_the_best_mask_is_kept(self, simulator, method, factor):
        """Never worse than the last level's start, with steps so long that the last mask is."""
        last = method.levels[-1]
        rates = tuple(factor * rate for rate in last.learning_rate)
        short = shortened(method, 5)
        levels = (*short.levels[:-1], short.levels[-1].model_copy(update={"learning_rate": rates}))
        solution = solve_targets(
            simulator, targets(method.target_nm), method.target_nm, short.model_copy(update={"levels": levels})
        )
        own = solution.checks[-6:]
        assert len(solution.checks) == 6 * len(levels)
        if solution.pixel_nm == last.pixel_nm:
            torch.testing.assert_close(score(method, solution.mask), own.amin(0))
        else:  # area coverage of polygons on the level's pixel
            coverage = coarsened(solution.mask.double(), solution.pixel_nm, last.pixel_nm)
            torch.testing.assert_close(score(method, coverage), own.amin(0))
        if factor > 1 and method.parameterization not in ("manhattan", "levelset"):
            assert (own[-1] > own.amin(0)).any()

    def test_a_batch_gives_what_its_clips_give_alone(self, simulator, method):
        short, target = finished(method, 3), targets(method.target_nm)
        together = solve_targets(simulator, target, method.target_nm, short)
        for index in range(2):
            alone = solve_targets(simulator, target[index : index + 1], method.target_nm, short)
            assert torch.equal(alone.mask[0], together.mask[index])
            torch.testing.assert_close(
                alone.history["objective"][:, 0], together.history["objective"][:, index], rtol=1e-6, atol=1e-6
            )

    def test_every_parameter_has_a_gradient(self, simulator, method):
        """In a level set, every pixel that the sigmoid does not round to 0 or 1; those at the border if rules allow."""
        method = shortened(method, 1)
        for level in method.levels:
            if (level.optimizer or method.optimizer) == "feedback":
                continue
            name = level.parameterization or method.parameterization
            form, target = PARAMETERIZATIONS[name](), targets(level.pixel_nm)
            stage = LevelProblem(simulator, method, level, form, targets(level.image_nm))
            parameters = form.start(Start(target, level.pixel_nm, target, level.pixel_nm)).requires_grad_()
            stage.objective(parameters).sum().backward()
            gradient = parameters.grad
            assert gradient is not None
            assert torch.isfinite(gradient).all()
            seen = parameters.abs() * level.mask_sharpness[0] < 30 if name == "levelset" else torch.ones_like(gradient)
            if name == "manhattan":  # fragments of nothing, which pad the clip with fewer, have no moves
                seen = form.project(parameters.detach() + 1, 0)
            assert (gradient[seen.bool()] != 0).all()
            assert seen.bool().double().mean() > 0.3


def test_masks_print_better_than_the_layout_as_drawn(simulator):
    """Forty steps of steepest descent, scored at 1 nm."""
    method = shortened(load_method("mosaic"), 40)
    single = Simulator(simulator.process)
    solution = solve(single, CLIPS, method)
    for entry in score_masks(single, CLIPS, solution, DEFAULT):
        drawn = evaluate_mask(entry.clip.coverage(8.0), 8.0, entry.clip.placed, simulator, DEFAULT).scorecard
        found = entry.evaluation.scorecard
        assert entry.evaluation.aerial.dtype == np.float64
        assert found.l2_nm2 + found.pvb_nm2 < 0.85 * (drawn.l2_nm2 + drawn.pvb_nm2)


@pytest.mark.parametrize(("stop_at", "looks"), [(1, 1), (4, 4), (6, 2)])
def test_ctrl_c_keeps_the_best_masks_so_far(simulator, stop_at, looks):
    """Of the level at work, by the looks at its masks before the step that was stopped."""

    def on_step(done: int, total: int, value: float) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    solution = solve_targets(simulator, targets(8.0), 8.0, SIMPLE.model_copy(update={"check_every": 1}), on_step)
    assert solution.status == "interrupted"
    assert {len(values) for values in solution.history.values()} == {stop_at}
    assert solution.pixel_nm == (8.0 if stop_at > 4 else 16.0)
    assert solution.mask.shape[-1] * solution.pixel_nm == FIELD[0]
    assert len(solution.checks) == len(solution.check_steps)
    assert not solution.checks.isnan().any()
    expected = printed_objective(solution.mask, solution.pixel_nm, SIMPLE.objective)
    torch.testing.assert_close(expected, solution.checks[-looks:].amin(0))
    scores = list(score_masks(simulator, CLIPS, solution, DEFAULT))
    assert [entry.clip.name for entry in scores] == ["cross", "lines"]


@pytest.mark.parametrize("stop_at", [2, None])
def test_masks_are_written_on_the_methods_pixel(simulator, stop_at):
    """Whichever level they come from; and they print as on the level's own."""

    def on_step(done: int, total: int, value: float) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    method = SIMPLE.model_copy(update={"parameterization": "multilevel", "mask_pixel_nm": 2.0})
    fine = solve_targets(simulator, targets(8.0), 8.0, method, on_step)
    plain = solve_targets(simulator, targets(8.0), 8.0, method.model_copy(update={"mask_pixel_nm": None}), on_step)
    assert (fine.pixel_nm, fine.mask.shape[-1], plain.pixel_nm) == (2.0, 256, 8.0 if stop_at is None else 16.0)
    assert torch.equal(fine.parameters, plain.parameters)
    costs = [printed_objective(made.mask, made.pixel_nm, SIMPLE.objective, image_nm=8.0) for made in (fine, plain)]
    torch.testing.assert_close(*costs, rtol=0.15, atol=0)
    assert not torch.equal(*costs)


def test_ctrl_c_skips_the_clean_up(simulator):
    def on_step(done: int, total: int, value: float) -> None:
        raise KeyboardInterrupt

    rules = Rules(min_width_nm=40, min_space_nm=40, min_area_nm2=4000)
    method = with_levels(changed(SIMPLE.levels[1], learning_rate=1e-9), rules=rules, clean=True)
    dirty = targets(8.0)
    dirty[:, 4:6, 4:6] = 1
    solution = solve_targets(simulator, targets(8.0), 8.0, method, on_step, init=dirty)
    assert solution.mask[:, 4:6, 4:6].all()


@pytest.mark.parametrize("second", ["pixel", "multilevel", "levelset", "manhattan"])
def test_ctrl_c_between_levels_loses_nothing(simulator, monkeypatch, second):
    """The best masks of one level stand until the next has scored its own, whatever they are made of."""
    calls = 0

    def interrupted(*arguments: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return epe_probes(*arguments)

    first, fine = SIMPLE.levels
    kind = "feedback" if second == "manhattan" else "adam"
    method = with_levels(first, changed(fine, parameterization=second, optimizer=kind))
    alone = solve_targets(simulator, targets(1.0), 1.0, with_levels(first))
    monkeypatch.setattr("litho_dl.ilt.problem.epe_probes", interrupted)
    solution = solve_targets(simulator, targets(1.0), 1.0, method)
    assert (solution.status, solution.pixel_nm) == ("interrupted", 16.0)
    assert torch.equal(solution.mask, alone.mask)
    assert solution.level_starts == (0,)


@pytest.mark.parametrize("name", ["levelset", "manhattan"])
def test_ctrl_c_before_a_finer_level_leaves_the_coarse_parameterization_alone(simulator, monkeypatch, name):
    """A refined parameterization with a state of its own is not the one that the best masks are written with."""
    begin, made = LevelProblem.__init__, []

    def interrupted(self: LevelProblem, *arguments: object) -> None:
        made.append(self)
        if len(made) == 2:
            raise KeyboardInterrupt
        begin(self, *arguments)

    monkeypatch.setattr(LevelProblem, "__init__", interrupted)
    kind = "feedback" if name == "manhattan" else "sgd"
    levels = (changed(SIMPLE.levels[0], learning_rate=0.5, mask_sharpness=0.3), SIMPLE.levels[1])
    method = with_levels(*levels, parameterization=name, optimizer=kind)
    solution = solve_targets(simulator, targets(1.0), 1.0, method)
    assert solution.status == "interrupted"
    assert solution.mask.shape[-1] * solution.pixel_nm == FIELD[0]
    assert solution.mask.double().mean() == pytest.approx(float(targets(1.0).mean()), rel=0.3)


def test_ctrl_c_before_the_first_step_is_an_interrupt(simulator, monkeypatch):
    outcomes = [evaluate_terms, KeyboardInterrupt]  # scoring the start, then the first step

    def interrupted(*arguments: object) -> object:
        outcome = outcomes.pop(0)
        if outcome is KeyboardInterrupt:
            raise outcome
        return outcome(*arguments)

    monkeypatch.setattr("litho_dl.ilt.problem.evaluate_terms", interrupted)
    with pytest.raises(KeyboardInterrupt):
        solve_targets(simulator, targets(8.0), 8.0, SIMPLE)
    assert not outcomes


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda t: t.fill_(torch.nan), MaskError, "target coverage.*NaN"),
        (lambda t: t * 2, MaskError, r"\[0, 1\]"),
        (lambda t: t - 0.5, MaskError, r"\[0, 1\]"),
        (lambda t: t * torch.tensor([1.0, 0.0])[:, None, None], MaskError, r"index \[1\]"),
        (lambda t: t[0], MaskError, r"\(B, H, W\)"),
        (lambda t: t[:0], MaskError, r"one or more targets \(B, H, W\), got shape \(0, 64, 64\)"),
        (lambda t: t[:, :32, :32], GridMismatchError, "512 x 512"),
        (lambda t: t[:, :32], GridMismatchError, "512 x 512"),
    ],
)
def test_bad_targets(simulator, spoil, error, message):
    with pytest.raises(error, match=message):
        solve_targets(simulator, spoil(targets(8.0)), 8.0, SIMPLE)


class TestDivergence:
    """A run that ends worse than it began, and was never better, says so; nothing else does."""

    def test_steps_too_large_to_find_a_better_mask(self, simulator):
        wild = with_levels(changed(SIMPLE.levels[0], learning_rate=1e6, steps=30))
        solution = solve_targets(simulator, targets(16.0), 16.0, wild)
        assert solution.checks[-1].gt(solution.checks[0]).all()
        assert (solution.status, solution.diverged.tolist()) == ("diverged", [True, True])
        assert "diverged in" in repr(solution)
        assert solution.require_finished() is solution

    def test_an_objective_that_is_not_finite(self, simulator, monkeypatch):
        second = targets(8.0)[1].sum()

        def spoilt(inputs: ObjectiveInputs, *rest: Any) -> tuple[Tensor, dict[str, Tensor]]:
            value, terms = evaluate_terms(inputs, *rest)
            return torch.where(inputs.target.sum((1, 2)) == second, torch.nan, value), terms

        sound = solve_targets(simulator, targets(8.0), 8.0, SIMPLE)
        monkeypatch.setattr("litho_dl.ilt.problem.evaluate_terms", spoilt)
        solution = solve_targets(simulator, targets(8.0), 8.0, SIMPLE)
        assert (solution.status, solution.diverged.tolist()) == ("diverged", [bool(sound.diverged[0]), True])

    def test_a_clip_that_needs_no_mask_is_finished(self, simulator):
        full = torch.ones(1, 64, 64, dtype=torch.float64)  # a clear mask prints all of it
        solution = solve_targets(simulator, full, 8.0, SIMPLE)
        assert (solution.status, float(solution.checks[0])) == ("finished", 0.0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.fill_(torch.nan), "start masks.*NaN"),
        (lambda t: t * 1.1, "start masks"),
        (lambda t: t[:1], r"shape \(2, 64, 64\), got \(1, 64, 64\)"),
        (lambda t: t[:, ::2, ::2], r"got \(2, 32, 32\)"),
    ],
)
def test_bad_start_masks(simulator, spoil, message):
    with pytest.raises(MaskError, match=message):
        solve_targets(simulator, targets(8.0), 8.0, SIMPLE, init=spoil(targets(8.0)))


def test_what_does_not_fit_the_field_or_the_mask_technology(simulator):
    with pytest.raises(GridMismatchError, match="divides"):
        solve_targets(simulator, targets(8.0), 7.0, SIMPLE)
    odd = with_levels(changed(SIMPLE.levels[0], pixel_nm=24.0))
    with pytest.raises(LithoError, match="field of 512"):
        solve_targets(simulator, targets(8.0), 8.0, odd)
    with pytest.raises(MaskError, match="at least one clip"):
        solve(simulator, [], SIMPLE)
    alternating = replace(simulator.process, mask=MaskType(type="alternating"))
    with pytest.raises(MaskError, match="three values"):
        solve_targets(Simulator(alternating), targets(8.0), 8.0, SIMPLE)


def test_manhattan_masks_start_from_drawn_edges(simulator):
    method = load_method("opc")
    with pytest.raises(MaskError, match="start from the drawn edges"):
        solve_targets(simulator, targets(1.0), 1.0, method, init=targets(1.0))
