"""The objective is the same on all pixels of the field and in the views that it is computed in."""

import pytest
import torch
from scenes.ilt import SIMPLE, changed, rectangle, small_simulator, with_levels
from torch import Tensor

from litho_dl.ilt.objective import ObjectiveInputs, background, evaluate_terms
from litho_dl.ilt.parameterization import PARAMETERIZATIONS
from litho_dl.ilt.probes import epe_probes
from litho_dl.ilt.problem import LevelProblem
from litho_dl.ilt.views import Comparison, views

PIXEL_NM = 4.0  # of a field of 512 nm
SIZE = 128
LEVEL = changed(SIMPLE.levels[1], pixel_nm=PIXEL_NM)
TERMS = ("l2", "l2_area", "pvb", "pvb_area", "corner_l2", "epe", "contour_epe")


def comparison(target: Tensor, counted: Tensor | None = None) -> Comparison:
    return Comparison(target, epe_probes(target, PIXEL_NM), background(target, PIXEL_NM), counted, PIXEL_NM)


def target(*boxes: tuple[tuple[int, int], tuple[int, int]]) -> Tensor:
    return torch.stack([rectangle(SIZE, SIZE, *box) for box in boxes])


SMALL = target(((20, 50), (24, 54)), ((22, 46), (28, 56)))


def test_the_views_hold_every_place_once():
    """A window 64 nm about both targets, the same for all clips; the rest at 16 nm, some of it half inside."""
    near, far = views(small_simulator(), comparison(SMALL))
    assert near.comparison.target.shape == (2, 30 + 32, 32 + 32)
    assert torch.equal(near.comparison.target, SMALL[:, 4:66, 8:72])
    assert (far.comparison.pixel_nm, far.comparison.target.shape) == (16.0, (2, 32, 32))
    area = near.comparison.target[0].numel() * PIXEL_NM**2 + float(far.comparison.counted.sum()) * 16.0**2
    assert area == 512.0**2


@pytest.mark.parametrize("steepness", [None, 50.0])
@pytest.mark.parametrize("term", TERMS)
def test_where_nothing_prints_elsewhere_the_terms_are_those_of_all_pixels(term, steepness):
    simulator, mask = small_simulator(), SMALL.clone()
    mask[:, 18:52, 20:60] = 1
    level = changed(LEVEL, resist_steepness=steepness or 50.0)
    made = LevelProblem(
        simulator, with_levels(level, objective={term: 1.0}), level, PARAMETERIZATIONS["pixel"](), SMALL
    )
    exposure = simulator.expose(mask, PIXEL_NM)
    whole = comparison(SMALL)
    maps = whole.probes, whole.background
    inputs = ObjectiveInputs(SMALL, exposure, mask, *maps, PIXEL_NM, PIXEL_NM, None, binary=steepness is None)
    expected, _ = evaluate_terms(inputs, {term: 1.0})
    made.begin_step(0.0)
    found = made.binary_objective(mask) if steepness is None else made.objective(1e3 * (mask - 0.5))
    assert (expected > 0).all()
    torch.testing.assert_close(found, expected, rtol=1e-3 if steepness else 1e-9, atol=0.0)


@pytest.mark.parametrize("term", ["l2_area", "stray"])
def test_what_prints_far_away_counts_by_its_area(term):
    """A feature in the field's other corner, sampled every 16 nm."""
    simulator, mask = small_simulator(), SMALL.clone()
    mask[:, 82:118, 80:116] = 1
    made = LevelProblem(
        simulator, with_levels(LEVEL, objective={term: 1.0}), LEVEL, PARAMETERIZATIONS["pixel"](), SMALL
    )
    whole = comparison(SMALL)
    maps = whole.probes, whole.background
    inputs = ObjectiveInputs(
        SMALL, simulator.expose(mask, PIXEL_NM), mask, *maps, PIXEL_NM, PIXEL_NM, None, binary=True
    )
    expected, alone = evaluate_terms(inputs, {term: 1.0})[0], made.binary_objective(SMALL)
    found = made.binary_objective(mask)
    assert (found > alone + 500).all() or term == "stray"
    torch.testing.assert_close(found - alone, expected - alone, rtol=0.2, atol=0.0)


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(target(((20, 110), (20, 110))), id="most of the field"),
        pytest.param(torch.zeros(1, SIZE, SIZE, dtype=torch.float64), id="nothing"),
        pytest.param(target(((10, 60), (50, 60)), ((50, 60), (5, 70))), id="at two borders"),
    ],
)
def test_one_view_of_everything(drawn):
    (only,) = views(small_simulator(), comparison(drawn))
    assert torch.equal(only.comparison.target, drawn)


def test_surroundings_that_cross_a_border_are_whole_rows():
    """Their terms look at neighbours, which are on the other side of the periodic field."""
    near, _ = views(small_simulator(), comparison(target(((50, 60), (10, 20)))))
    assert near.comparison.target.shape == (1, 10 + 32, SIZE)


def test_what_does_not_count_does_not_in_any_view():
    counted = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    counted[16:-16, 16:-16] = 1
    near, far = views(small_simulator(), comparison(SMALL, counted))
    assert torch.equal(near.comparison.counted, counted[4:66, 8:72])
    assert far.comparison.counted.sum() * 16 == counted.sum() - near.comparison.counted.sum()
