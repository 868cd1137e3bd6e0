"""Several starts a clip: which they are, which of them are kept, and what a solution says of them."""

from typing import Any

import pytest
import torch
from scenes.ilt import SIMPLE, changed, printed_objective, rectangle, small_simulator, targets, with_levels
from torch import Tensor

from litho_dl.core.errors import RecipeError
from litho_dl.ilt.assists import Assists, Bars
from litho_dl.ilt.method import Method, Rules, load_method
from litho_dl.ilt.problem import Surroundings
from litho_dl.ilt.solve import Solution, solve_targets
from litho_dl.ilt.start import biased, coarsened, with_bars
from litho_dl.ilt.starts import BARS, NOISE, NOISE_LENGTH_NM, noise, start_masks
from litho_dl.ilt.targets import Targets
from litho_dl.layout.contour import pixel_polygons

PIXEL_NM, STARTS = 8.0, 5
# With damping, as else rounding decides where Adam goes without a gradient.
COMMON = {"check_every": 1, "starts": STARTS, "damping": 0.01, "objective": {"l2": 1.0, "pvb": 1.0, "epe": 1.0}}
COARSE, FINE = SIMPLE.levels
RULES = Rules(min_width_nm=20, min_space_nm=20, min_area_nm2=1000)
REPAIRED = changed(FINE, parameterization="levelset", learning_rate=0.3, mask_sharpness=0.5, repaired=True)
KEPT = {**COMMON, "rules": RULES, "clean": True}
METHODS = {
    "one level": with_levels(changed(FINE, steps=4), **COMMON),
    "two levels": with_levels(COARSE, FINE, **COMMON),
    "a repaired level": with_levels(COARSE, FINE, REPAIRED, **KEPT),
    "limited assist features": with_levels(
        COARSE, FINE, REPAIRED, **KEPT, assists=Assists(clearance_nm=20.0, reach_nm=24.0, widest_nm=30.0)
    ),
}


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS[request.param]


def drawn() -> dict[str, Any]:
    """Polygons of the second clip, beside its pixels, and surroundings of both, which differ."""
    covered = targets(PIXEL_NM) >= 0.5
    free = torch.zeros_like(covered)
    free[:, 8:-8, 8:-8] = True
    fixed = targets(PIXEL_NM).flip(0) * ~free
    return {
        "polygons": [
            None,
            [polygon.mapped(lambda p: p + 12) for polygon in pixel_polygons(covered[1].numpy(), PIXEL_NM)],
        ],
        "surroundings": Surroundings(fixed, free, 0.0),
    }


def begins(method: Method) -> Tensor:
    """The masks of all starts, (2, starts, H, W) on the targets' pixel."""
    found = start_masks(Targets(targets(PIXEL_NM), PIXEL_NM, [None] * 2, [None] * 2, None), method, None)
    ratio = round(method.levels[0].pixel_nm / PIXEL_NM)
    return found.unflatten(0, (2, -1)).repeat_interleave(ratio, -2).repeat_interleave(ratio, -1)


def solved(method: Method, **given: object) -> Solution:
    return solve_targets(small_simulator(), targets(PIXEL_NM), PIXEL_NM, method, **given)


def best_checks(method: Method, solution: Solution, level: int) -> Tensor:
    """The best check of a level, (B,)."""
    parts = solution.checks.split([level.steps + 1 for level in method.levels])
    return parts[level].amin(0)


def close(found: Tensor, expected: Tensor, atol: float = 1e-6) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=atol, equal_nan=True)


@pytest.mark.parametrize("given", [{}, drawn()], ids=["all free", "surrounded"])
def test_the_best_start_of_each_clip_goes_through_all_levels(method, given):
    """As if it had been the only one: masks, checks and history are its own. Two go beyond the first level."""
    chosen = solved(method, **given)
    masks = begins(method)
    alone = [solved(method.with_starts(1), init=masks[:, n], **given) for n in range(STARTS)]
    first, last = (torch.stack([best_checks(method, solution, level) for solution in alone]) for level in (0, -1))
    kept = first.argsort(dim=0, stable=True)[: STARTS if len(method.levels) == 1 else 2]
    winners = kept.gather(0, last.gather(0, kept).argsort(dim=0, stable=True))[0].tolist()
    for clip, winner in enumerate(winners):
        own = alone[winner]
        assert torch.equal(chosen.mask[clip], own.mask[clip])
        assert chosen.diverged[clip] == own.diverged[clip]
        close(chosen.parameters[clip], own.parameters[clip], atol=1e-4)
        close(chosen.checks[:, clip], own.checks[:, clip])
        for name, values in own.history.items():
            close(chosen.history[name][:, clip], values[:, clip])
    assert (chosen.level_starts, chosen.check_steps) == (alone[0].level_starts, alone[0].check_steps)
    assert {tuple(values.shape) for values in chosen.history.values()} == {(sum(n.steps for n in method.levels), 2)}


def test_clips_choose_their_own_starts():
    """Else the tests above could not tell starts from clips."""
    masks = begins(METHODS["one level"])
    alone = [solved(METHODS["one level"].with_starts(1), init=masks[:, n]) for n in range(STARTS)]
    winners = torch.stack([solution.checks.amin(0) for solution in alone]).argmin(0).tolist()
    assert winners[0] != winners[1]


@pytest.mark.parametrize("name", ["one level", "two levels", "a repaired level"])
def test_the_same_masks_in_any_batch_and_at_any_time(name):
    method = METHODS[name]
    together = solved(method)
    assert torch.equal(together.mask, solved(method).mask)
    for clip in range(2):
        alone = solve_targets(small_simulator(), targets(PIXEL_NM)[[clip]], PIXEL_NM, method)
        assert torch.equal(alone.mask[0], together.mask[clip])


def test_targets_are_chosen_with_all_that_belongs_to_them():
    given = drawn()
    all_of_them = Targets(targets(PIXEL_NM), PIXEL_NM, given["polygons"], [[], None], given["surroundings"])
    chosen = all_of_them.of(torch.tensor([1, 1, 0]))
    assert torch.equal(chosen.coverage, targets(PIXEL_NM)[[1, 1, 0]])
    assert chosen.polygons == [given["polygons"][row] for row in (1, 1, 0)]
    assert chosen.edges == [None, None, []]
    assert torch.equal(chosen.surroundings.mask, given["surroundings"].mask[[1, 1, 0]])
    assert torch.equal(chosen.surroundings.free, given["surroundings"].free[[1, 1, 0]])


class TestStartMasks:
    TARGETS = Targets(targets(PIXEL_NM), PIXEL_NM, [None] * 2, [None] * 2, None)
    LINE = rectangle(64, 64, (20, 44), (26, 38))[None]  # with space for bars

    def of_line(self, method: Method) -> list[Tensor]:
        """The starts of one line, (1, 64, 64) each."""
        return [mask[None] for mask in start_masks(Targets(self.LINE, PIXEL_NM, [None], [None], None), method, None)]

    def test_the_first_is_the_only_one_of_one_start(self):
        bars = Bars(width_nm=36, distance_nm=40, pullback_nm=10, shortest_nm=40, rows=1, spacing_nm=50)
        method = with_levels(COARSE, FINE, bias_nm=4.0, assists=Assists(bars=bars), starts=STARTS)
        grown = biased(targets(PIXEL_NM), PIXEL_NM, 4.0)
        expected = coarsened(with_bars(grown, targets(PIXEL_NM), PIXEL_NM, [None] * 2, bars), PIXEL_NM, 16.0)
        several = start_masks(self.TARGETS, method, None).unflatten(0, (2, STARTS))
        assert torch.equal(several[:, 0], expected)
        assert torch.equal(start_masks(self.TARGETS, method.with_starts(1), None), expected)

    def test_the_others_are_grown_or_have_bars_or_noise(self):
        drawn, grown, barred, *noisy = self.of_line(with_levels(FINE, starts=5))
        assert torch.equal(drawn, self.LINE)
        assert torch.equal(grown, biased(self.LINE, PIXEL_NM, 8.0))
        assert torch.equal(barred, with_bars(self.LINE, self.LINE, PIXEL_NM, [None], BARS))
        assert barred.sum() > 1.3 * drawn.sum()
        for seed, mask in enumerate(noisy):
            assert torch.equal(mask, (self.LINE + noise((64, 64), PIXEL_NM, seed)).clamp(0, 1))
        assert (noisy[0] - noisy[1]).abs().mean() > 0.1 * NOISE

    @pytest.mark.parametrize("assists", [Assists(allowed=False), Assists(bars=BARS)])
    def test_bars_are_left_out_where_there_are_none_or_others(self, assists):
        first, _, third = self.of_line(with_levels(FINE, starts=3, assists=assists))
        assert torch.equal(third, (first + noise((64, 64), PIXEL_NM, 0)).clamp(0, 1))

    def test_bars_keep_the_mask_rules(self):
        wide = Rules(min_width_nm=60, min_space_nm=20, min_area_nm2=1000)
        found, plain = (self.of_line(with_levels(FINE, starts=3, rules=rules))[2] for rules in (wide, None))
        expected = with_bars(self.LINE, self.LINE, PIXEL_NM, [None], BARS.keeping(wide.mask_rules()))
        assert torch.equal(found, expected)
        assert found.sum() > plain.sum()

    def test_given_masks_come_first_and_then_what_is_drawn(self):
        init = torch.full_like(targets(PIXEL_NM), 0.3)
        masks = start_masks(self.TARGETS, METHODS["two levels"], init).unflatten(0, (2, STARTS))
        own = start_masks(self.TARGETS, METHODS["two levels"], None).unflatten(0, (2, STARTS))
        assert torch.equal(masks[:, 0], coarsened(init, PIXEL_NM, 16.0))
        assert torch.equal(masks[:, 1:], own[:, :-1])
        assert torch.equal(start_masks(self.TARGETS, SIMPLE, init), masks[:, 0])


def test_noise_has_its_standard_deviation_and_length():
    """The correlation of neighbours at a distance d is exp(-d^2 / 4 length^2)."""
    found = noise((512, 256), 8.0, 0)
    assert found.std(correction=0) == pytest.approx(NOISE)
    lag = round(NOISE_LENGTH_NM / 8.0)
    for axis in (0, 1):
        correlation = (found * found.roll(lag, axis)).mean() / NOISE**2
        assert correlation == pytest.approx(torch.exp(torch.tensor(-0.25)).item(), abs=0.1)


@pytest.mark.parametrize("stop_at", [1, 4, 6, 9])
def test_ctrl_c_keeps_the_best_start_of_the_level(stop_at):
    method = METHODS["a repaired level"]

    def on_step(done: int, total: int, value: float) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    found = solved(method, on_step=on_step)
    assert (found.status, len(found.mask), found.checks.shape[1]) == ("interrupted", 2, 2)
    assert {tuple(values.shape) for values in found.history.values()} == {(stop_at, 2)}
    assert not found.checks.isnan().any()
    if stop_at <= 4:
        masks = begins(method)
        alone = [solved(method.with_starts(1), init=masks[:, n]) for n in range(STARTS)]
        best = torch.stack([solution.checks[:stop_at].amin(0) for solution in alone]).amin(0)
        close(found.checks[:stop_at].amin(0), best)
        torch.testing.assert_close(printed_objective(found.mask, 16.0, method.objective), best)


def test_steps_tell_the_mean_of_all_starts():
    method, seen = METHODS["one level"], []
    solved(method, on_step=lambda step, steps, value: seen.append(value))
    masks = begins(method)
    alone = [solved(method.with_starts(1), init=masks[:, n]) for n in range(STARTS)]
    assert seen == pytest.approx(torch.stack([own.history["objective"] for own in alone]).mean((0, 2)).tolist())


class TestMethods:
    def test_continuing_has_one_start(self):
        method = METHODS["two levels"]
        assert (method.on_last_level.starts, method.on_second_half.starts) == (1, 1)
        assert method.in_steps(3, 0.5).starts == STARTS

    def test_one_start_leaves_digests_as_they_are(self):
        assert "starts" not in SIMPLE.model_dump()
        assert SIMPLE.with_starts(2).model_dump()["starts"] == 2
        assert SIMPLE.with_starts(2).with_starts(1) == SIMPLE

    @pytest.mark.parametrize(
        ("preset", "starts", "message"),
        [
            ("quality", 0, r"0 starts: starts: .*greater than or equal to 1"),
            ("quality", 101, "starts: .*less than or equal to 100"),
            ("opc", 2, "manhattan starts from the drawn edges"),
            ("smo", 2, "a fixed source"),
        ],
    )
    def test_refused(self, preset, starts, message):
        with pytest.raises(RecipeError, match=message):
            load_method(preset).with_starts(starts)
