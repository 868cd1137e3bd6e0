"""What every parameterization keeps to."""

import pytest
import torch
from scenes.ilt import targets
from torch import Tensor

from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Parameterization, Start
from litho_dl.ilt.parameterization.levelset import REDISTANCE_EVERY

CELLS = {"pixel": 1, "multilevel": 2, "levelset": 1, "curvilinear": 4}  # mask pixels per parameter


def begun(name: str, mask: Tensor, pixel_nm: float = 8.0) -> tuple[Parameterization, Tensor]:
    form = PARAMETERIZATIONS[name]()
    return form, form.start(Start(mask, pixel_nm, mask, pixel_nm))


def noise(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", CELLS)
class TestEvery:
    """What every parameterization by pixels promises."""

    def test_masks_start_as_the_target_and_sharpen_to_binary(self, name):
        target, unit = targets(8.0), 8.0 if name == "levelset" else 1.0
        form, parameters = begun(name, target)
        assert parameters.shape[-1] == target.shape[-1] // CELLS[name]
        decided = target != 0.5
        same = (form.mask(parameters, 8.0 / unit) >= 0.5)[decided] == (target >= 0.5)[decided]
        assert same.all() or name in ("multilevel", "curvilinear")
        assert same.double().mean() > 0.95
        soft, sharp = form.mask(parameters, 0.5 / unit), form.mask(parameters, 400.0 / unit)
        assert 0 <= soft.min() < 0.5 < soft.max() <= 1
        assert (sharp - (soft >= 0.5).double()).abs().mean() < 0.04

    def test_the_binary_mask_is_the_soft_one_s_half(self, name):
        form, parameters = begun(name, targets(8.0))
        binary = form.binary(parameters)
        assert binary.dtype == torch.float64
        assert set(binary.unique().tolist()) == {0.0, 1.0}
        for sharpness in (0.1, 1.0, 10.0):
            assert torch.equal(binary, (form.mask(parameters, sharpness) >= 0.5).double())
        written, pixel_nm = form.output_mask(parameters, 8.0)
        assert torch.equal(written, binary.bool())
        assert pixel_nm == 8.0

    def test_finer_masks_are_the_same_function_at_finer_places(self, name):
        """Straight lines are what every one of them draws exactly, at any place between its parameters."""
        form, _ = begun(name, targets(8.0))
        slope, cells = torch.tensor([0.31, -0.17], dtype=torch.float64), CELLS[name]

        def plane(count: int, spacing: float) -> Tensor:
            places = (torch.arange(count, dtype=torch.float64) + 0.5) * spacing
            return (slope[0] * places[:, None] + slope[1] * places - 4.1037)[None]

        written, pixel_nm = form.output_mask(plane(16, cells * 8.0), 8.0, 4)
        assert (written.dtype, written.shape[1:], pixel_nm) == (torch.bool, (64 * cells, 64 * cells), 2.0)
        expected = plane(16 * cells, 8.0).repeat_interleave(4, 1).repeat_interleave(4, 2)
        if name != "pixel":
            expected = plane(64 * cells, 2.0)
        inner = slice(12 * cells, -12 * cells)  # fields are periodic, planes are not
        assert torch.equal(written[:, inner, inner], (expected >= 0)[:, inner, inner])
        assert 0 < written[:, inner, inner].double().mean() < 1

    def test_the_field_is_periodic(self, name):
        """A clip rolled across the border gives the same mask, rolled."""
        cells, form = CELLS[name], PARAMETERIZATIONS[name]()
        parameters = noise(1, 12, 12)
        rolled = form.mask(parameters.roll((5, 3), (1, 2)), 8.0)
        expected = form.mask(parameters, 8.0).roll((5 * cells, 3 * cells), (1, 2))
        torch.testing.assert_close(rolled, expected, rtol=1e-12, atol=1e-15)

    def test_refining_by_one_changes_nothing(self, name):
        form, parameters = begun(name, targets(16.0), 16.0)
        assert torch.equal(form.refine(parameters, 1), parameters)

    def test_steps_are_valid_as_they_are(self, name):
        """But for the level set's, now and then."""
        form, parameters = begun(name, targets(16.0), 16.0)
        moved = parameters + 0.3 * noise(*parameters.shape)
        for step in range(2 * REDISTANCE_EVERY):
            again = (step + 1) % REDISTANCE_EVERY == 0 and name == "levelset"
            assert torch.equal(form.project(moved, step), moved) != again


@pytest.mark.parametrize("ratio", [2, 4])
def test_refined_pixels_are_the_same_mask(ratio):
    form, parameters = PARAMETERIZATIONS["pixel"](), noise(2, 8, 12)
    fine, coarse = form.mask(form.refine(parameters, ratio), 8.0), form.mask(parameters, 8.0)
    assert torch.equal(fine, coarse.repeat_interleave(ratio, 1).repeat_interleave(ratio, 2))


@pytest.mark.parametrize("name", ["multilevel", "curvilinear", "levelset"])
@pytest.mark.parametrize("ratio", [2, 3])
def test_refined_planes_are_the_same_function(name, ratio):
    """Linear interpolation and splines keep planes: away from the border, the refined mask is the plane's."""
    form, cells = PARAMETERIZATIONS[name](), CELLS[name]

    def plane(count: int) -> Tensor:
        centres = (torch.arange(count, dtype=torch.float64) + 0.5) / count
        return (2 * centres[:, None] - 3 * centres + 0.4)[None]

    fine = form.mask(form.refine(plane(16), ratio), 8.0)
    edge = 4 * ratio * cells
    inside = (slice(None), slice(edge, -edge), slice(edge, -edge))
    torch.testing.assert_close(fine[inside], torch.sigmoid(8.0 * plane(16 * ratio * cells))[inside], rtol=1e-12, atol=0)
