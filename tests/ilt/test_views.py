"""The objective is the same on all pixels of the field and in the views that it is computed in."""

import copy

import pytest
import torch
from scenes.ilt import SIMPLE, changed, rectangle, small_simulator, with_levels
from torch import Tensor

from litho_dl.ilt import views
from litho_dl.ilt.objective import ObjectiveInputs, background, evaluate_terms
from litho_dl.ilt.parameterization import PARAMETERIZATIONS
from litho_dl.ilt.probes import epe_probes
from litho_dl.ilt.problem import LevelProblem
from litho_dl.ilt.views import Comparison, make_views

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
    near, far = make_views(small_simulator(), comparison(SMALL))
    assert near.comparison.target.shape == (2, 30 + 32, 32 + 32)
    assert torch.equal(near.comparison.target, SMALL[:, 4:66, 8:72])
    assert (far.comparison.pixel_nm, far.comparison.target.shape) == (16.0, (2, 32, 32))
    area = near.comparison.counted.sum((1, 2)) * PIXEL_NM**2 + far.comparison.counted.sum((1, 2)) * 16.0**2
    assert area.tolist() == [512.0**2] * 2


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


def problem(drawn: Tensor, weights: dict[str, float]) -> LevelProblem:
    made = LevelProblem(
        small_simulator(), with_levels(LEVEL, objective=weights), LEVEL, PARAMETERIZATIONS["pixel"](), drawn
    )
    made.begin_step(0.0)
    return made


@pytest.mark.parametrize("term", ["l2_area", "stray"])
def test_what_prints_far_away_counts_by_its_area(term, monkeypatch):
    """A feature in the field's other corner, sampled every 16 nm: some 100 samples."""
    alone, mask = SMALL.clone(), SMALL.clone()
    mask[:, 82:118, 80:116] = 1
    coarse = problem(SMALL, {term: 1.0})
    found = coarse.binary_objective(mask) - coarse.binary_objective(alone)
    monkeypatch.setattr(views, "WHOLE", 0.0)
    fine = problem(SMALL, {term: 1.0})
    expected = fine.binary_objective(mask) - fine.binary_objective(alone)
    assert (expected > (5000 if term == "l2_area" else 50)).all()
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.0)


def test_gradients_come_from_both_views(monkeypatch):
    """Soft images, so that coarse samples stand for what is between them."""
    weights = {"l2": 1.0, "pvb": 1.0, "stray": 1.0, "epe": 1.0}
    mask = SMALL.clone()
    mask[:, 82:118, 80:116] = 1
    gradients = []
    for share in (views.WHOLE, 0.0):
        monkeypatch.setattr(views, "WHOLE", share)
        parameters = (mask - 0.5).requires_grad_()
        problem(SMALL, weights).backward(parameters)
        gradients.append(parameters.grad)
    found, expected = gradients
    far = expected[:, 82:118, 80:116]
    assert far.abs().max() > 0.1 * expected.abs().max()
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


def test_a_clip_counts_the_same_whatever_the_batch(monkeypatch):
    """Corners, the middle, most of the field: each in a batch that is exposed at once, and alone."""
    drawn = target(
        *(((20 + y, 50 + y), (20 + x, 50 + x)) for y, x in ((0, 0), (38, 38), (0, 38))), ((20, 110), (20, 110))
    )
    mask = drawn.clone()
    mask[:3, 60:66, 100:106] = 1  # far from some of them
    mask[:, 104:124, 2:22] = 1
    weights = dict.fromkeys((*TERMS, "stray"), 1.0)
    monkeypatch.setattr(LevelProblem, "_groups", lambda self, count: [slice(0, count)])
    together = problem(drawn, weights).binary_objective(mask)
    alone = [problem(drawn[[clip]], weights).binary_objective(mask[[clip]]) for clip in range(4)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-12, atol=0.0)


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(target(((20, 110), (20, 110))), id="most of the field"),
        pytest.param(torch.zeros(1, SIZE, SIZE, dtype=torch.float64), id="nothing"),
    ],
)
def test_one_view_of_everything(drawn):
    (only,) = make_views(small_simulator(), comparison(drawn))
    assert only.comparison.target is drawn


@pytest.mark.parametrize(("pixel_nm", "scale"), [(16.0, 1.0), (PIXEL_NM, 8.0)])
def test_coarse_pixels_are_no_coarser_than_the_optics_resolve(pixel_nm, scale):
    """On pixels of 16 nm, or if 4 nm are said to be half of the 8 nm that a process resolves, one view is all."""
    simulator = copy.copy(small_simulator())
    simulator.__class__ = type("Scaled", (type(simulator),), {"scale": scale})
    step = round(pixel_nm / PIXEL_NM)
    drawn = SMALL[:, ::step, ::step]
    (only,) = make_views(simulator, Comparison(drawn, drawn, drawn, None, pixel_nm / scale))
    assert only.comparison.target is drawn


def test_probes_beside_the_target_are_seen():
    whole = comparison(SMALL)
    whole.probes[:, 90, 20] = 1
    near, _ = make_views(small_simulator(), whole)
    assert near.comparison.probes.sum() == whole.probes.sum()


def test_surroundings_that_cross_a_border_are_whole_rows():
    """Their terms look at neighbours, which are on the other side of the periodic field."""
    near, _ = make_views(small_simulator(), comparison(target(((50, 60), (10, 20)))))
    assert near.comparison.target.shape == (1, 10 + 32, SIZE)


def test_what_does_not_count_does_not_in_any_view():
    counted = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    counted[16:-16, 16:-16] = 1
    near, far = make_views(small_simulator(), comparison(SMALL, counted))
    assert (near.comparison.counted <= counted[4:66, 8:72]).all()
    assert near.comparison.counted[0].sum() == counted[4:66, 8:70].sum()  # around its own target
    both = near.comparison.counted.sum((1, 2)) + 16 * far.comparison.counted.sum((1, 2))
    assert both.tolist() == [counted.sum()] * 2
