"""Lengths that follow the optics: a process of any scale does what its copy of scale 1 does, in other nm."""

import numpy as np
import pytest
import torch
from scenes.ilt import RECIPE

import litho_dl as ld
from litho_dl.layout.clips import place
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules
from litho_dl.process.model import build_process
from litho_dl.process.recipe import Recipe
from litho_dl.runs.masks import drawn_masks
from litho_dl.scoring.protocol import PROTOCOLS, default_protocol

BOXES = ((160.0, 100.0, 230.0, 420.0), (300.0, 100.0, 376.0, 420.0))  # centred by whole multiples of 4 nm
FIELD = 512.0


def scaled_recipe(scale: float) -> Recipe:
    """The same optics with all lengths times a factor."""
    corners = {
        name: corner.model_copy(update={"defocus_nm": corner.defocus_nm * scale})
        for name, corner in RECIPE.corners.items()
    }
    return RECIPE.model_copy(
        update={
            "pupil": RECIPE.pupil.model_copy(update={"wavelength_nm": RECIPE.pupil.wavelength_nm * scale}),
            "resist": RECIPE.resist.model_copy(update={"diffusion_nm": RECIPE.resist.diffusion_nm * scale}),
            "corners": corners,
            "scale": scale,
        }
    )


def scene(scale: float) -> tuple[ld.Simulator, ld.Clip]:
    process = build_process(scaled_recipe(scale), field_nm=(FIELD * scale,) * 2, count=6)
    simulator = ld.Simulator(process, dtype=torch.float64)
    drawn = tuple(rectangle(*(edge * scale for edge in box)) for box in BOXES)
    return simulator, place(Layout("bars", drawn), simulator, "bars")


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))


@pytest.mark.parametrize("scale", [0.25, 4.0])
@pytest.mark.parametrize("method", ["fast", "opc", "curvilinear"])
def test_methods_make_the_same_masks_at_any_scale(scale, method, tmp_path):
    steps = ld.load_method(method).in_steps(12)
    one, other = (ld.solve(simulator, [clip], steps) for simulator, clip in (scene(1.0), scene(scale)))
    assert other.pixel_nm == one.pixel_nm * scale
    assert float((other.mask != one.mask).double().mean()) < 1e-4
    np.testing.assert_allclose(other.checks, one.checks * scale**2, rtol=1e-6)
    simulator, (clip,) = other.simulator, other.clips
    image, _ = other.save(tmp_path)
    assert ld.load_mask(image, clip).shape == (512, 512)
    cards = [ld.evaluate(found.simulator, found, found.clips)[0] for found in (one, other)]
    assert cards[1].l2_nm2 == pytest.approx(cards[0].l2_nm2 * scale**2, rel=1e-3)
    assert cards[1].epe_violations == cards[0].epe_violations
    assert cards[1].mrc_violations == cards[0].mrc_violations
    assert cards[1].edges.epe_max_nm == pytest.approx(cards[0].edges.epe_max_nm * scale, rel=5e-3)
    assert ld.check_mask_rules(simulator, other)[0].counts == ld.check_mask_rules(one.simulator, one)[0].counts


def test_protocol_and_files_follow():
    simulator, clip = scene(4.0)
    protocol = default_protocol(simulator.process)
    assert (protocol.pixel_nm, protocol.rules) == (4.0, MaskRules(80.0, 80.0, 16000.0))
    assert PROTOCOLS["iccad13"].scaled(4.0) == PROTOCOLS["iccad13"]
    assert drawn_masks([clip.placed], clip).pixel_nm == 4.0
    assert scaled_recipe(1.0).model_dump() == RECIPE.model_dump()
    assert "scale" not in RECIPE.model_dump()
    assert Recipe.model_validate(scaled_recipe(4.0).model_dump()).scale == 4.0
