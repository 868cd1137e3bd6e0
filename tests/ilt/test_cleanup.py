"""Masks that keep mask rules, from functions whose zero lines are their edges."""

import numpy as np
import pytest
import torch
from scenes.ilt import FIELD, SIMPLE, changed, small_simulator, targets, with_levels
from torch import Tensor

from litho_dl.core.grid import Grid
from litho_dl.core.threads import Team
from litho_dl.ilt.cleanup import clean
from litho_dl.ilt.method import Rules
from litho_dl.ilt.solve import solve_targets
from litho_dl.layout.contour import contour_polygons
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.layout.rules import MaskRules, check_rules
from litho_dl.metrics.mrc import mask_violations

RULES = MaskRules(min_width_nm=20, min_space_nm=20, min_area_nm2=1600)
RADIUS_NM = 10.3  # of rounded corners
PIXEL_NM = 4.0


def rectangles(*boxes: tuple[float, float, float, float], size: int = 64) -> Tensor:
    """The distance to the nearer edge in nm, positive inside of boxes x0, y0, x1, y1 in nm, on 4 nm pixels."""
    centres = (torch.arange(size, dtype=torch.float64) + 0.5) * PIXEL_NM
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    inside = [torch.stack([x - x0, y - y0, x1 - x, y1 - y]).amin(0) for x0, y0, x1, y1 in boxes]
    return torch.stack(inside).amax(0)


def cleaned(*functions: Tensor, rules: MaskRules = RULES, written_nm: float = 1.0) -> Tensor:
    with Team() as team:
        return clean(torch.stack(functions), PIXEL_NM, rules, written_nm, team).coverage


PAD = rectangles((61, 82, 153, 141))
DIRTY = rectangles((61, 82, 153, 141), (150, 100, 230, 110), (40, 200, 52, 212))


def test_edges_between_pixels_stay_where_they_are():
    """A pad on no pixel's edge loses its corners, (1 - pi / 4) r^2 each; its edges cover pixels in part."""
    (mask,) = cleaned(PAD, written_nm=2.0)
    assert mask.shape == (128, 128)
    assert mask.sum() * 4 == pytest.approx(92 * 59 - 4 * (1 - np.pi / 4) * RADIUS_NM**2, rel=2e-3)
    assert mask[55, 30].item() == pytest.approx(0.5, abs=0.05)  # 60 to 62 nm
    assert (mask[45:65, 32:75] == 1).all()
    assert mask[:, :30].amax() == mask[:41].amax() == 0


@pytest.mark.parametrize("written_nm", [1.0, 2.0, 4.0, 8.0])
def test_masks_are_written_on_any_pixel(written_nm):
    """Coverage of the same shapes, finer or coarser than the function."""
    (fine,), (mask,) = cleaned(DIRTY), cleaned(DIRTY, written_nm=written_nm)
    n = round(written_nm)
    expected = fine.reshape(256 // n, n, 256 // n, n).mean((1, 3))
    torch.testing.assert_close(mask, expected, rtol=0, atol=1e-5)


def test_faults_are_repaired():
    (mask,) = cleaned(DIRTY)
    outline = contour_polygons(mask.numpy(), 1.0)
    assert check_rules(contour_polygons(DIRTY.numpy(), PIXEL_NM, 0.0), RULES).total > 0
    assert check_rules(outline, RULES).total == 0
    (pad,) = cleaned(PAD)  # the bridge's stub is cut where it is thin
    torch.testing.assert_close(mask[:, :150], pad[:, :150], rtol=0, atol=0.2)
    assert (mask - pad).abs().sum() < 100
    assert mask[:, 170:].amax() == mask[180:].amax() == 0


def test_a_batch_gives_what_its_clips_give_alone():
    functions = (PAD, DIRTY, rectangles((40, 40, 80, 80)), -torch.ones(64, 64, dtype=torch.float64))
    together = cleaned(*functions)
    for function, mask in zip(functions, together, strict=True):
        assert torch.equal(cleaned(function)[0], mask)
    assert (together[3] == 0).all()
    assert together.dtype == torch.float64
    assert cleaned(PAD.float()).dtype == torch.float32


def test_shapes_that_go_on_beyond_the_field_end_at_its_border():
    """Narrow ones too, which are widened across it."""
    (mask,) = cleaned(rectangles((-8, -8, 17, 264), (100, -8, 160, 264)))
    assert mask.shape == (256, 256)
    assert (mask[20:-20, 100:160] == 1).all()
    assert (mask[20:-20, 1:17] == 1).all()


def test_rules_that_are_off():
    (mask,) = cleaned(DIRTY, rules=MaskRules(0, 0, 0))
    assert mask[205, 45] == mask[105, 200] == 1


def test_finished_masks_have_no_violation():
    """A speck in the start mask is removed or grown, whatever the clip; the parameters stay those of the best mask."""
    rules = Rules(min_width_nm=40, min_space_nm=40, min_area_nm2=4000)
    still = changed(SIMPLE.levels[1], learning_rate=1e-9, steps=1)
    method = with_levels(still, rules=rules, clean=True)
    dirty = (targets(8.0) >= 0.5).double()
    dirty[:, 4:6, 4:6] = 1
    solution = solve_targets(small_simulator(), targets(8.0), 8.0, method, init=dirty)
    raw = solve_targets(small_simulator(), targets(8.0), 8.0, method.model_copy(update={"clean": False}), init=dirty)
    before, after = (
        [mask_violations(mask.numpy(), 8.0, rules.mask_rules()).total for mask in solved.mask]
        for solved in (raw, solution)
    )
    assert min(before) > 0
    assert after == [0, 0]
    assert torch.equal(raw.parameters, solution.parameters)
    assert raw.outlines is None
    assert solution.outlines is not None
    (written,) = zip(solution.outlines.of(1).polygons, strict=True)
    coverage = rasterize(Layout("", written[0]), Grid.of_field(FIELD, 8.0))
    np.testing.assert_array_equal(coverage >= 0.5, solution.mask[1].numpy())
    elsewhere = (solution.mask ^ raw.mask)[:, 12:, 12:]
    assert elsewhere.double().mean() < 0.02  # corners
