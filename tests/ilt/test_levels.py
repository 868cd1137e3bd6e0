"""From level to level: what goes on, what each level may say of its own, and where the first begins."""

import pytest
import torch
from scenes.ilt import SIMPLE, changed, printed_objective, small_simulator, targets, with_levels

from litho_dl.core.errors import MaskError
from litho_dl.ilt.cleanup import Cleaned
from litho_dl.ilt.method import Level, Rules
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Start
from litho_dl.ilt.parameterization.levelset import LevelSet
from litho_dl.ilt.problem import LevelProblem, geometric
from litho_dl.ilt.solve import Solution, solve_targets
from litho_dl.ilt.start import biased, coarsened
from litho_dl.simulation.simulator import Simulator

COARSE, FINE = SIMPLE.levels
STILL = {"learning_rate": 1e-12, "patience": None}


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return small_simulator()


def solved(*levels: Level, pixel_nm: float = 8.0, init: torch.Tensor | None = None, **changes: object) -> Solution:
    return solve_targets(small_simulator(), targets(pixel_nm), pixel_nm, with_levels(*levels, **changes), init=init)


def test_a_level_goes_on_from_the_one_before():
    """With steps that move nothing, a finer level prints the coarser one's mask."""
    coarse = solved(COARSE, check_every=100, optimizer="sgd")
    assert (coarse.checks[1] < coarse.checks[0]).all()
    both = solved(COARSE, changed(FINE, **STILL), optimizer="sgd")
    end = (coarse.parameters >= 0).repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(both.mask, end)
    assert both.level_starts == (0, 4)
    torch.testing.assert_close(both.history["objective"][:4], coarse.history["objective"])


@pytest.mark.parametrize("name", ["multilevel", "levelset", "curvilinear"])
def test_a_change_of_parameterization_starts_from_the_mask_before(name):
    """From the coarse level's last soft mask on finer pixels, not from the target and not from its best."""
    worse = changed(COARSE, learning_rate=0.6, steps=3)
    changes = {"parameterization": name, "optimizer": "sgd", **STILL, "steps": 1}
    both = solved(worse, changed(FINE, **changes), check_every=100)
    last = solved(worse, changed(FINE, **STILL), check_every=100)  # the same pixels, with the old parameterization
    soft = torch.sigmoid(COARSE.mask_sharpness[1] * last.parameters)
    form = PARAMETERIZATIONS[name]()
    begun = form.start(Start(soft, 8.0, targets(8.0), 8.0))
    torch.testing.assert_close(both.parameters, begun, rtol=0, atol=1e-9)
    assert not torch.allclose(begun, form.start(Start(targets(8.0), 8.0, targets(8.0), 8.0)), atol=1e-3)


def test_manhattan_edges_start_from_the_target_whatever_came_before():
    """Their rectangles alone stand in for the mask before."""
    edges = changed(FINE, parameterization="manhattan", optimizer="feedback", steps=1, **STILL)
    both = solved(COARSE, edges, pixel_nm=1.0)
    assert both.pixel_nm == 1.0
    assert torch.equal(both.parameters.abs() < 1e-6, torch.ones_like(both.parameters, dtype=torch.bool))
    assert (both.mask.double() - targets(1.0)).amin() >= 0


def test_refined_edges_keep_their_moves():
    levels = (changed(COARSE, learning_rate=0.5, steps=2), changed(FINE, learning_rate=1e-9, steps=1))
    both = solved(*levels, pixel_nm=1.0, parameterization="manhattan", optimizer="feedback")
    coarse = solved(levels[0], pixel_nm=1.0, parameterization="manhattan", optimizer="feedback", check_every=1)
    assert both.parameters.abs().amax() > 1
    assert both.mask.shape == coarse.mask.shape == (2, 512, 512)
    scored = [printed_objective(coarsened(s.mask.double(), 1.0, 8.0), 8.0, SIMPLE.objective) for s in (both, coarse)]
    torch.testing.assert_close(scored[0], both.checks[-2:].amin(0))


def test_a_refined_level_set_keeps_its_line_and_its_unit():
    """phi is in nm at every pixel: redistancing on the finer one changes it little."""
    levels = (changed(COARSE, steps=1, learning_rate=1e-9), changed(FINE, steps=10, learning_rate=1e-9))
    both = solved(*levels, parameterization="levelset", optimizer="sgd", check_every=100)
    coarse = solved(levels[0], parameterization="levelset", optimizer="sgd")
    from_coarse = PARAMETERIZATIONS["multilevel"]().refine(coarse.parameters, 2)
    assert (both.parameters - from_coarse).abs().amax() < 16
    assert ((both.parameters > 0) == (from_coarse > 0)).all()


def test_every_step_is_projected_with_its_number(monkeypatch):
    """From 0 in each level: that is what a level set's redistancing goes by."""
    numbers = []

    def project(form: LevelSet, parameters: torch.Tensor, step: int) -> torch.Tensor:
        numbers.append(step)
        return parameters + 1000

    monkeypatch.setattr(LevelSet, "project", project)
    solution = solved(COARSE, FINE, parameterization="levelset", optimizer="sgd", check_every=1)
    assert numbers == [0, 1, 2, 3, 0, 1, 2]
    assert (solution.checks[[1, 6]] > 4 * solution.checks[0]).all()


def test_a_level_may_have_an_objective_of_its_own():
    """Used in its steps, not for choosing the best; terms of other levels are NaN."""
    first = changed(COARSE, objective={"l2": 2.0, "corner_l2": 0.5})
    solution = solved(first, FINE, objective={"l2": 1.0, "pvb": 3.0}, check_every=1)
    history = solution.history
    assert set(history) == {"objective", "l2", "corner_l2", "pvb"}
    assert history["pvb"][:4].isnan().all()
    assert history["corner_l2"][4:].isnan().all()
    torch.testing.assert_close(history["objective"][:4], 2 * history["l2"][:4] + 0.5 * history["corner_l2"][:4])
    torch.testing.assert_close(history["objective"][4:], history["l2"][4:] + 3 * history["pvb"][4:])
    drawn = printed_objective(targets(16.0) >= 0.5, 16.0, {"l2": 1.0, "pvb": 3.0})
    torch.testing.assert_close(solution.checks[0], drawn)


def test_a_level_may_have_an_optimizer_of_its_own():
    mixed = solved(changed(COARSE, optimizer="sgd"), FINE)
    sgd = solved(COARSE, optimizer="sgd")
    adam = solved(COARSE)
    assert torch.equal(mixed.history["objective"][:4], sgd.history["objective"])
    assert not torch.equal(mixed.history["objective"][:4], adam.history["objective"])


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_the_terms_kept_are_those_of_the_objective_kept(optimizer):
    """Whatever else an optimizer tries before its step is done."""
    history = solved(FINE, optimizer=optimizer).history
    torch.testing.assert_close(history["objective"], history["l2"] + history["pvb"])


def test_patience_ends_a_level_early():
    """Nothing moves: after two looks in vain the level ends, and the next begins."""
    waiting = changed(COARSE, learning_rate=1e-12, steps=20, patience=2)
    solution = solved(waiting, changed(FINE, learning_rate=1e-12), check_every=3)
    assert solution.level_starts == (0, 6)
    assert solution.check_steps == (0, 3, 6, 6, 6, 9)
    assert {len(values) for values in solution.history.values()} == {9}
    assert not torch.stack(list(solution.history.values())).isnan().any()
    assert len(solved(changed(waiting, patience=None)).history["l2"]) == 20


def test_patience_lasts_while_any_clip_becomes_better():
    """One clip becomes no better from the first step on, but the other does."""
    patient = changed(COARSE, pixel_nm=8.0, learning_rate=0.05, steps=24, patience=1)
    solution = solved(patient, check_every=1, parameterization="multilevel")
    best = solution.checks.cummin(0).values
    better = (best[1:] < best[:-1]).any(1)
    done = solution.check_steps[-1]
    assert 3 < done < 24
    assert (best[1:] == best[:-1]).any()
    assert better[: done - 1].tolist() == [True] * (done - 1)
    assert not better[done - 1]


def test_the_last_step_of_a_long_level_fits_the_room_for_checks():
    for steps, every in ((1, 1), (5, 5), (6, 5), (10, 1), (3, 100)):
        solution = solved(changed(COARSE, steps=steps), check_every=every)
        assert solution.check_steps == (*range(0, steps, every), steps)
        assert solution.checks.shape == (len(solution.check_steps), 2)


class TestStart:
    """The first level starts from the target, grown by the bias, or from masks that are given."""

    def test_the_bias_moves_every_edge(self):
        still = changed(FINE, learning_rate=1e-12, steps=1)
        grown, expected = solved(still, bias_nm=16.0).mask, biased(targets(8.0), 8.0, 16.0)
        decided = expected != 0.5
        assert torch.equal(grown[decided], expected[decided] > 0.5)
        shrunk = solved(still, bias_nm=-16.0).mask
        assert shrunk.sum() < (targets(8.0) >= 0.5).sum() < grown.sum()

    def test_given_masks_may_go_to_the_last_level_alone(self):
        """No bias either; and none comes out worse than it went in."""
        init = biased(targets(8.0), 8.0, 8.0)
        method = with_levels(COARSE, FINE, bias_nm=40.0, check_every=1).on_last_level
        solution = solve_targets(small_simulator(), targets(8.0), 8.0, method, init=init)
        assert solution.level_starts == (0,)
        assert len(solution.history["objective"]) == FINE.steps
        torch.testing.assert_close(solution.checks[0], printed_objective(init >= 0.5, 8.0, SIMPLE.objective))
        after = printed_objective(solution.mask, 8.0, SIMPLE.objective)
        assert (after <= solution.checks[0]).all()
        wild = solved(changed(FINE, learning_rate=5.0, steps=4), init=init, check_every=100)
        assert (printed_objective(wild.mask, 8.0, SIMPLE.objective) <= solution.checks[0]).all()

    def test_given_masks_go_to_the_level_s_pixel(self):
        init = biased(targets(4.0), 4.0, 8.0)
        solution = solved(changed(FINE, learning_rate=1e-12), pixel_nm=4.0, init=init.float())
        expected = coarsened(init, 4.0, 8.0)
        decided = expected != 0.5
        assert torch.equal(solution.mask[decided], expected[decided] > 0.5)


def test_biased_coverage_has_the_exact_area():
    """A 40 x 60 nm box on 4 nm pixels grows by 2 b each way; across the border too."""
    box = torch.zeros(1, 30, 30, dtype=torch.float64)
    box[0, 8:18, 5:20] = 1
    for bias in (0.0, 4.0, 8.0, -4.0, -12.0):
        area = biased(box, 4.0, bias).sum() * 16
        assert area == pytest.approx((40 + 2 * bias) * (60 + 2 * bias))
    rolled = biased(box.roll((15, 15), (1, 2)), 4.0, 8.0)
    assert torch.equal(rolled, biased(box, 4.0, 8.0).roll((15, 15), (1, 2)))


def test_a_part_of_a_pixel_becomes_grey():
    box = torch.zeros(1, 12, 12, dtype=torch.float64)
    box[0, 4:8, 4:8] = 1
    grey = biased(box, 4.0, 1.0)
    assert grey[0, 3, 5] == grey[0, 3, 3] == grey[0, 8, 6] == 0.25
    assert grey[0, 2, 5] == 0
    assert biased(box, 4.0, -1.0)[0, 4, 5] == 0.75
    assert biased(box, 4.0, 5.0)[0, 3, 5] == 1
    assert biased(box, 4.0, 5.0)[0, 2, 5] == 0.25


def test_coarsened_coverage_keeps_the_area():
    fine = torch.rand(2, 12, 12)
    coarse = coarsened(fine, 4.0, 12.0)
    assert coarse.shape == (2, 4, 4)
    torch.testing.assert_close(coarse[0, 1, 2], fine[0, 3:6, 6:9].mean())
    assert coarsened(fine, 4.0, 4.0) is fine
    for wrong in (2.0, 6.0):
        with pytest.raises(MaskError, match="multiple"):
            coarsened(fine, 4.0, wrong)


def test_the_schedule_reaches_mask_and_resist(simulator):
    """Each step's objective, computed by hand from the level's ends; parameters hardly move."""
    target = targets(8.0)
    history = solved(changed(FINE, learning_rate=1e-9)).history["l2"]
    for step, sharpness, steepness in ((0, 8.0, 50.0), (1, 128**0.5, 4000**0.5), (2, 16.0, 80.0)):
        intensity = simulator(torch.sigmoid(sharpness * (target - 0.5)), 8.0).aerial()
        soft = torch.sigmoid(steepness * (intensity - simulator.process.resist.threshold))
        expected = (soft - target).square().sum((1, 2)) * 64
        torch.testing.assert_close(history[step], expected, rtol=1e-6, atol=0)


def test_a_repaired_level_starts_from_what_the_clean_up_made(monkeypatch):
    """A clean-up that shifts masks by 2 pixels is called between the levels and at the end."""

    def shifted(function, *_):
        return Cleaned((function >= 0).double().roll(2, -1), ((),) * len(function))

    monkeypatch.setattr("litho_dl.ilt.solve.clean", shifted)
    monkeypatch.setattr("litho_dl.ilt.solve.without_stray_prints", lambda cleaned, *_: cleaned)
    rules = {"rules": Rules(min_width_nm=20, min_space_nm=20, min_area_nm2=1000), "clean": True, "optimizer": "sgd"}
    first = changed(FINE, parameterization="pixel")
    once = solved(first, **rules)
    for name in ("pixel", "levelset"):
        twice = solved(first, changed(FINE, **STILL, steps=1, parameterization=name, repaired=True), **rules)
        assert torch.equal(twice.mask, once.mask.roll(2, -1))


def test_masks_that_keep_rules_end_at_the_border(simulator):
    """Half the least space stays free there, three pixels of 8 nm, but for what is drawn as near; 40 nm about that."""
    rules = Rules(min_width_nm=40, min_space_nm=40, min_area_nm2=4000)
    method = with_levels(FINE, rules=rules, clean=True)
    drawn = torch.zeros_like(targets(8.0))
    drawn[0, 20:30, :12] = 1
    stage = LevelProblem(simulator, method, FINE, PARAMETERIZATIONS["pixel"](), drawn)
    room = stage.where_allowed(torch.ones_like(drawn, dtype=torch.bool))
    assert room[:, 3:-3, 3:-3].all()
    assert not room[1, [0, 2, -3, -1]].any()
    assert not room[1, :, [0, 2, -3, -1]].any()
    assert room[0, :, 0].nonzero().flatten().tolist() == list(range(15, 35))
    everywhere, inside = torch.ones_like(drawn), room.to(drawn)
    assert not torch.equal(everywhere, inside)
    torch.testing.assert_close(stage.binary_objective(everywhere), stage.binary_objective(inside))
    fine = torch.ones(2, 256, 256, dtype=torch.bool)
    assert torch.equal(stage.where_allowed(fine), room.repeat_interleave(4, 1).repeat_interleave(4, 2))
    function = stage.function(everywhere - 0.4)
    assert torch.equal(function[room], (everywhere - 0.4)[room])
    assert (function[~room] <= -0.6).all()
    free = LevelProblem(
        simulator, method.model_copy(update={"clean": False}), FINE, PARAMETERIZATIONS["pixel"](), drawn
    )
    stage.begin_step(0.0), free.begin_step(0.0)
    filled = torch.full_like(drawn, 50.0, requires_grad=True)
    within = torch.where(inside > 0, 50.0, -50.0)
    torch.testing.assert_close(stage.objective(filled), free.objective(within))
    stage.backward(filled)
    assert filled.grad is not None
    assert (filled.grad[inside == 0] == 0).all()


def test_geometric_schedule():
    assert [geometric((8.0, 32.0), t) for t in (0.0, 0.5, 1.0)] == pytest.approx([8, 16, 32])
    assert geometric((0.1, 0.001), 0.5) == pytest.approx(0.01)


def test_a_level_of_few_kernels_is_checked_with_all(simulator):
    """Its soft images are those of a simulator with so many, its binary ones those of the whole optics."""
    level = changed(FINE, kernels=2)
    few, parameters = simulator.shortened(2), targets(8.0) - 0.5
    assert {len(kernels) for kernels in few.passband.kernels.values()} <= {1, 2}
    problems = [
        LevelProblem(own, with_levels(FINE), stage, PARAMETERIZATIONS["pixel"](), targets(8.0))
        for own, stage in ((simulator, level), (few, FINE), (simulator, FINE))
    ]
    for problem in problems:
        problem.begin_step(0.5)
    soft, binary = (
        [problem.objective(parameters) for problem in problems],
        [problem.binary_objective(targets(8.0)) for problem in problems],
    )
    torch.testing.assert_close(soft[0], soft[1])
    torch.testing.assert_close(binary[0], binary[2])
    assert not torch.isclose(soft[0], soft[2]).any()
    assert not torch.isclose(binary[1], binary[2]).any()


def test_methods_without_the_limit_are_written_as_before():
    assert "kernels" not in FINE.model_dump()
    assert changed(FINE, kernels=2).model_dump()["kernels"] == 2
