"""Terms of the objective, gradients and whole optimisations on a clear field."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scenes.ilt import SIMPLE, changed, with_levels
from scenes.mask_fields import FIELD, KINDS, complement, process_of, random_layout
from scenes.shapes import box

from litho_dl.core.grid import Grid
from litho_dl.ilt.method import load_method
from litho_dl.ilt.objective import TERMS, ObjectiveInputs, background
from litho_dl.ilt.parameterization.manhattan import nearest_crossing
from litho_dl.ilt.probes import epe_probes
from litho_dl.layout.clips import Clip, place
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.runs.optimize import evaluate, solve
from litho_dl.simulation.simulator import Simulator

kinds = pytest.mark.parametrize("kind", KINDS)
SYMMETRIC = ("l2", "l2_area", "pvb", "pvb_area", "corner_l2", "contour_epe")
GATES = Layout("gates", tuple(box(x, 0, x + 90, 300) for x in (0, 200)))


def inputs(kind: str, field: str, layout: Layout, *, binary: bool = False) -> tuple[ObjectiveInputs, torch.Tensor]:
    """The layout as its own mask, which takes gradients, and as target."""
    grid = Grid.of_field(FIELD, 4.0)
    target = torch.from_numpy(rasterize(layout, grid))[None].double()
    mask = (0.9 * target + 0.05).requires_grad_()
    exposure = Simulator(process_of(kind, field), dtype=torch.float64).expose(mask, 4.0)
    maps = epe_probes(target, 4.0), background(target, 4.0)
    return ObjectiveInputs(target, exposure, mask, *maps, 4.0, 4.0, None, binary), mask


@kinds
@pytest.mark.parametrize("seed", [0, 3])
class TestTerms:
    @pytest.mark.parametrize("binary", [False, True])
    def test_complements_cost_alike(self, kind, seed, binary):
        layout = random_layout(seed)
        one, other = (
            inputs(kind, field, shapes, binary=binary)[0]
            for field, shapes in (("clear", layout), ("dark", complement(layout)))
        )
        for name in SYMMETRIC:
            torch.testing.assert_close(TERMS[name](one), TERMS[name](other), rtol=1e-9, atol=1e-9)
            assert TERMS[name](one) > 0

    def test_gradients_are_opposite(self, kind, seed):
        layout = random_layout(seed)
        gradients = []
        for field, shapes in (("clear", layout), ("dark", complement(layout))):
            made, mask = inputs(kind, field, shapes)
            torch.stack([TERMS[name](made) for name in SYMMETRIC]).sum().backward()
            gradients.append(mask.grad)
        assert gradients[0].abs().max() > 0
        torch.testing.assert_close(gradients[0], -gradients[1], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("term", ["l2", "pvb_area", "corner_l2", "epe", "contour_epe", "stray"])
@kinds
def test_gradients_are_exact(kind, term):
    grid = Grid.of_field(FIELD, 64.0)
    target = torch.from_numpy(rasterize(Layout("t", (box(128, 128, 320, 384),)), grid))[None].double()
    process = process_of(kind, "clear")
    simulator = Simulator(
        replace(process, resist=process.resist.model_copy(update={"steepness": 4.0})), dtype=torch.float64
    )
    maps = torch.ones_like(target), background(target, 64.0)
    start = torch.rand(target.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    mask = (0.6 * start + 0.2 * target).requires_grad_()

    def value(values: torch.Tensor) -> torch.Tensor:
        exposure = simulator.expose(values, 64.0)
        return TERMS[term](ObjectiveInputs(target, exposure, values, *maps, 64.0, 64.0, None, False)) / 1e4

    if term == "contour_epe":  # whose slope is constant for the gradient
        value(mask).sum().backward()
        assert mask.grad.isfinite().all()
        return
    assert torch.autograd.gradcheck(value, (mask,), atol=1e-6, rtol=1e-5)


def test_stray_counts_where_the_background_is_nearly_dark():
    """(1.1 - I / I_th)^2 where it is positive, at the lower dose, outside of the target's clearance."""
    made, _ = inputs("binary", "clear", GATES.translated(120, 100))
    exposure = made.exposure
    flat = {
        name: torch.full_like(image, 1.05 * exposure.resist.threshold) for name, image in exposure.intensity.items()
    }
    dose = exposure.corners["outer"].dose
    assert dose < 1
    near = replace(made, exposure=replace(exposure, intensity=flat))
    expected = (1.1 - 1.05 * dose) ** 2 * float(made.background.sum()) * 16
    assert TERMS["stray"](near).item() == pytest.approx(expected, rel=1e-9)
    bright = {name: 2 * image for name, image in flat.items()}
    assert TERMS["stray"](replace(made, exposure=replace(exposure, intensity=bright))).item() == 0


def test_the_crossing_of_a_profile_that_rises_outwards():
    offsets = torch.linspace(-3, 3, 7, dtype=torch.float64)
    profile = torch.tensor([0.0, 0.1, 0.2, 0.4, 0.8, 0.9, 1.0], dtype=torch.float64)
    assert nearest_crossing(profile, 0.5, offsets, "clear").item() == pytest.approx(0.25)
    assert nearest_crossing(profile, 0.5, offsets, "clear") == nearest_crossing(1 - profile, 0.5, offsets)
    ends = [nearest_crossing(torch.full((7,), level), 0.5, offsets, "clear").item() for level in (0.0, 1.0)]
    assert ends == [3.0, -3.0]  # everything prints, nothing does


def gates() -> Clip:
    return place(GATES, Grid.of_field(FIELD, 1.0), "gates")


FORMS = {"pixel": (0.1, 8.0), "multilevel": (0.1, 8.0), "levelset": (1.0, 0.3), "curvilinear": (0.1, 8.0)}


@kinds
@pytest.mark.parametrize("form", FORMS)
def test_masks_get_better(kind, form):
    simulator, clip, (rate, sharpness) = Simulator(process_of(kind, "clear")), gates(), FORMS[form]
    level = changed(SIMPLE.levels[1], steps=12, learning_rate=rate, mask_sharpness=sharpness)
    solution = solve(simulator, clip, with_levels(level, parameterization=form))
    drawn, made = (evaluate(simulator, mask, clip) for mask in (clip.coverage(8.0), solution))
    assert made.l2_nm2 + made.pvb_nm2 < drawn.l2_nm2 + drawn.pvb_nm2
    assert solution.mask.float().mean() < 0.5  # shapes, not their complement


@kinds
def test_fragments_move_outwards_where_too_little_prints(kind):
    """Feedback of signed errors: the classical correction ends with smaller ones."""
    simulator, clip = Simulator(process_of(kind, "clear")), gates()
    solution = solve(simulator, clip, load_method("opc"))
    drawn, made = (evaluate(simulator, mask, clip) for mask in (clip.placed, solution))
    assert made.edges.epe_3sigma_nm < drawn.edges.epe_3sigma_nm
    assert abs(made.edges.epe_mean_nm) < max(1.0, abs(drawn.edges.epe_mean_nm))
    assert np.sign(drawn.edges.epe_mean_nm) * (float(clip.coverage(1.0).sum()) - float(solution.mask.sum())) > 0
