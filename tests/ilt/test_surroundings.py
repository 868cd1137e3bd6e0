"""Fields that are parts of something larger: what lies around stays as it is, and what prints there does not count."""

from dataclasses import replace

import pytest
import torch
from scenes.ilt import SIMPLE, changed, objective_inputs, rectangle, small_simulator, targets, with_levels
from torch import Tensor

from litho_dl.core.errors import MaskError
from litho_dl.ilt.method import Level, Method, Rules, load_method
from litho_dl.ilt.objective import TERMS
from litho_dl.ilt.parameterization import PARAMETERIZATIONS
from litho_dl.ilt.problem import LevelProblem, Surroundings
from litho_dl.ilt.solve import Solution, solve_targets

PIXEL_NM, UNCOUNTED_NM = 8.0, 64.0
INNER = slice(16, -16)  # pixels of 8 nm that are free
LEVEL = changed(SIMPLE.levels[1], learning_rate=0.3, steps=6)
RULES = {"rules": Rules(min_width_nm=20, min_space_nm=20, min_area_nm2=1000), "clean": True}


def around(seed: int = 0) -> Tensor:
    """Blocks of 32 nm, half of them open, (2, 64, 64)."""
    blocks = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(seed)) < 0.5
    return blocks.repeat_interleave(4, 1).repeat_interleave(4, 2).double()


def surroundings(mask: Tensor) -> Surroundings:
    free = torch.zeros_like(mask, dtype=torch.bool)
    free[:, INNER, INNER] = True
    return Surroundings(mask, free, UNCOUNTED_NM)


def solved(method: Method, mask: Tensor) -> Solution:
    return solve_targets(
        small_simulator(), targets(PIXEL_NM), PIXEL_NM, method, init=mask, surroundings=surroundings(mask)
    )


def problem(
    weights: dict[str, float], target: Tensor, given: Surroundings | None, level: Level = LEVEL
) -> LevelProblem:
    made = LevelProblem(
        small_simulator(),
        with_levels(level, objective=weights),
        level,
        PARAMETERIZATIONS["pixel"](),
        target,
        surroundings=given,
    )
    made.begin_step(0.0)
    return made


@pytest.mark.parametrize(
    "method",
    [
        pytest.param(with_levels(LEVEL), id="pixel"),
        pytest.param(with_levels(SIMPLE.levels[0], LEVEL), id="two levels"),
        pytest.param(with_levels(LEVEL, parameterization="multilevel"), id="multilevel"),
        pytest.param(
            with_levels(changed(LEVEL, learning_rate=8.0), parameterization="levelset", optimizer="sgd"), id="levelset"
        ),
        pytest.param(with_levels(LEVEL, **RULES), id="rules"),
    ],
)
def test_the_frame_stays(method):
    given = around()
    made = solved(method, given)
    frame = torch.ones(64, 64, dtype=torch.bool)
    frame[INNER, INNER] = False
    assert torch.equal(made.mask[:, frame], given[:, frame] >= 0.5)
    assert not torch.equal(made.mask[:, INNER, INNER], given[:, INNER, INNER] >= 0.5)
    other = solved(method, given.where(~frame, 0.0))
    assert not torch.equal(other.mask[:, INNER, INNER], made.mask[:, INNER, INNER]), "what lies around is imaged"


def test_the_frame_stays_in_masks_on_finer_pixels():
    given, method = around(), with_levels(LEVEL, parameterization="multilevel", mask_pixel_nm=2.0)
    made = solved(method, given)
    fine = given.repeat_interleave(4, 1).repeat_interleave(4, 2) >= 0.5
    inner = slice(4 * INNER.start, 4 * INNER.stop)
    drawn, _ = PARAMETERIZATIONS["multilevel"]().output_mask(made.parameters, 8.0, 4)
    assert made.pixel_nm == 2.0
    assert torch.equal(made.mask[:, inner, inner], drawn[:, inner, inner])
    fine[:, inner, inner] = drawn[:, inner, inner]
    assert torch.equal(made.mask, fine)


def test_the_frame_is_imaged_as_it_is():
    """Soft or binary, whatever the parameters say there; nor do they feel it."""
    given, free = around(), 100.0 * (around(1) - 0.5)
    together = 100.0 * (given - 0.5)
    together[:, INNER, INNER] = free[:, INNER, INNER]
    within = problem({"l2": 1.0}, targets(PIXEL_NM), replace(surroundings(given), uncounted_nm=0.0))
    alone = problem({"l2": 1.0}, targets(PIXEL_NM), None)
    free.requires_grad_()
    torch.testing.assert_close(within.backward(free), alone.objective(together))
    assert free.grad is not None
    assert (free.grad.where(torch.isclose(free, together), 0.0) == free.grad).all()
    binary = [made.binary_objective(mask > 0) for made, mask in ((within, free), (alone, together))]
    torch.testing.assert_close(*binary)


@pytest.mark.parametrize("term", ["l2", "l2_area", "corner_l2", "epe", "contour_epe", "stray"])
def test_targets_near_the_border_do_not_count(term):
    """Nor their probes, nor the background about them."""
    drawn, border, middle = targets(PIXEL_NM), targets(PIXEL_NM), targets(PIXEL_NM)
    border[:, :2] = 1
    middle[:, 20:24] = 1
    given = replace(surroundings(around()), free=torch.ones(2, 64, 64, dtype=torch.bool))
    parameters = around(1) - 0.5
    values = [problem({term: 1.0}, target, given).objective(parameters) for target in (drawn, border, middle)]
    torch.testing.assert_close(values[1], values[0])
    assert not torch.isclose(values[2], values[0]).any()
    free = problem({term: 1.0}, border, None).objective(parameters)
    assert not torch.isclose(free, problem({term: 1.0}, drawn, None).objective(parameters)).any()


@pytest.mark.parametrize("term", ["l2", "l2_area", "pvb", "pvb_area", "corner_l2", "contour_epe"])
def test_what_counts_and_what_does_not_make_up_the_whole(term):
    image = rectangle(12, 12, (2, 8), (3, 8)) + torch.linspace(0, 0.3, 12)
    whole = objective_inputs(image, rectangle(12, 12, (3, 9), (2, 8)), inner=0.8 * image, binary=False)
    left = rectangle(12, 12, (0, 12), (0, 5))
    parts = [TERMS[term](replace(whole, counted=counted)) for counted in (left, 1 - left)]
    assert all(part.item() > 0 for part in parts)
    torch.testing.assert_close(sum(parts), TERMS[term](whole))


def test_levels_take_it_on_their_own_pixels():
    """What is fixed in part is fixed."""
    fine = around().repeat_interleave(2, 1).repeat_interleave(2, 2)
    free = torch.ones_like(fine, dtype=torch.bool)
    free[:, :33] = False
    coarse = Surroundings(fine, free, UNCOUNTED_NM).on_pixel(4.0, 8.0, like=fine)
    assert torch.equal(coarse.mask, around())
    assert not coarse.free[:, :17].any()
    assert coarse.free[:, 17:].all()
    assert coarse.uncounted_nm == UNCOUNTED_NM


def test_repairs_keep_to_what_is_free():
    """A speck in the frame stays; one inside goes, unless it goes on in the frame."""
    still = changed(LEVEL, learning_rate=1e-9, steps=1)
    rules = Rules(min_width_nm=40, min_space_nm=40, min_area_nm2=4000)
    mask = torch.zeros(2, 64, 64, dtype=torch.float64)
    mask[:, 2:4, 2:4] = mask[:, 20:22, 20:22] = mask[:, 30:40, 24:40] = 1
    mask[:, 34:42, 8:18] = 1  # 64 x 80 nm, of which 16 nm are free
    made = solved(with_levels(still, rules=rules, clean=True), mask).mask
    free = surroundings(mask).free
    assert torch.equal(made[~free], mask[~free] > 0)
    assert not made[:, 20:22, 20:22].any()
    assert made[:, 35:41, 16:18].all()
    assert made[:, 31:39, 25:39].all()


def test_refused():
    for wrong in (2 * around(), torch.full_like(around(), torch.nan)):
        with pytest.raises(MaskError, match=r"Expected surrounding masks in \[0, 1\]"):
            solve_targets(small_simulator(), targets(8.0), 8.0, with_levels(LEVEL), surroundings=surroundings(wrong))
    with pytest.raises(MaskError, match=r"shape \(2, 64, 64\), got \(1, 64, 64\) and \(1, 64, 64\)"):
        solve_targets(small_simulator(), targets(8.0), 8.0, with_levels(LEVEL), surroundings=surroundings(around()[:1]))
    opc = load_method("opc").on_last_level
    with pytest.raises(MaskError, match="Manhattan masks start from the drawn edges"):
        solve_targets(small_simulator(), targets(1.0), 1.0, opc, surroundings=surroundings(targets(1.0)))


def test_the_second_half_of_the_last_level():
    method = with_levels(SIMPLE.levels[0], changed(LEVEL, steps=7, mask_sharpness=(8, 32), learning_rate=(0.4, 0.1)))
    (level,) = method.on_second_half.levels
    assert (level.pixel_nm, level.steps, level.resist_steepness[1]) == (8, 3, 80)
    assert (level.mask_sharpness, level.learning_rate) == (pytest.approx((16, 32)), pytest.approx((0.2, 0.1)))
    assert with_levels(changed(LEVEL, steps=1)).on_second_half.levels[0].steps == 1
