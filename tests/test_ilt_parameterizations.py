"""Pixel, multilevel, level-set and curvilinear masks: what their parameters mean, and what refining keeps."""

import numpy as np
import pytest
import torch
from scenes.ilt import targets
from torch import Tensor

from litho_dl.core.errors import GridMismatchError
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Parameterization, Start
from litho_dl.ilt.parameterization.curvilinear import spline_matrix
from litho_dl.ilt.parameterization.levelset import REDISTANCE_EVERY, redistanced
from litho_dl.ilt.parameterization.multilevel import interpolated

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
        written, pixel_nm = form.written(parameters, 8.0)
        assert torch.equal(written, binary.bool())
        assert pixel_nm == 8.0

    def test_finer_masks_are_the_same_function_at_finer_places(self, name):
        """Straight lines are what every one of them draws exactly, at any place between its parameters."""
        form, _ = begun(name, targets(8.0))
        slope, cells = torch.tensor([0.31, -0.17], dtype=torch.float64), CELLS[name]

        def plane(count: int, spacing: float) -> Tensor:
            places = (torch.arange(count, dtype=torch.float64) + 0.5) * spacing
            return (slope[0] * places[:, None] + slope[1] * places - 4.1037)[None]

        written, pixel_nm = form.written(plane(16, cells * 8.0), 8.0, 4)
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
            assert torch.equal(form.settled(moved, step), moved) != again


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


@pytest.mark.parametrize(("name", "cells"), [("multilevel", 2), ("curvilinear", 4)])
def test_a_mask_of_part_blocks_has_no_control_grid(name, cells):
    for shape in ((3 * cells, 3 * cells + 1), (3 * cells + 1, 3 * cells)):
        with pytest.raises(GridMismatchError, match=f"whole blocks of {cells} pixels"):
            begun(name, torch.zeros(1, *shape))


class TestSplines:
    """Cubic B-splines on a periodic line."""

    @pytest.mark.parametrize("ratio", [1, 2, 4, 5])
    def test_weights(self, ratio):
        """Between 0 and 2/3, four a sample, that sum to 1; the same for every control point."""
        matrix = spline_matrix(12, ratio)
        assert matrix.shape == (12 * ratio, 12)
        torch.testing.assert_close(matrix.sum(1), torch.ones(12 * ratio).double(), rtol=1e-14, atol=0)
        assert matrix.amin() >= 0
        assert matrix.amax() <= 2 / 3
        assert ((matrix > 0).sum(1) <= 4).all()
        torch.testing.assert_close(matrix.roll((ratio, 1), (0, 1)), matrix, rtol=0, atol=1e-14)

    def test_values_by_hand(self):
        """At ratio 1 samples lie on control points: 1/6, 4/6, 1/6; at ratio 2, a quarter beside them."""
        row = spline_matrix(8, 1)[3]
        torch.testing.assert_close(row[2:5], torch.tensor([1, 4, 1]).double() / 6)
        assert row[:2].abs().sum() == row[5:].abs().sum() == 0
        quarter = spline_matrix(8, 2)[6]  # a quarter below control point 3: t = 3/4 between 2 and 3, so
        t = 0.75
        blend = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
        torch.testing.assert_close(quarter[1:5], torch.tensor(blend).double() / 6)

    @pytest.mark.parametrize("ratio", [2, 4])
    def test_they_reproduce_cubics(self, ratio):
        """From the coefficients of u^k, by the spline's own moments: u, u^2 - 1/3 and u^3 - u, away from the border."""
        control = torch.arange(20, dtype=torch.float64) - 10
        samples = (torch.arange(20 * ratio, dtype=torch.float64) + 0.5) / ratio - 0.5 - 10
        inside = slice(4 * ratio, -4 * ratio)
        for coefficients, expected in (
            (torch.ones_like(control), torch.ones_like(samples)),
            (control, samples),
            (control**2 - 1 / 3, samples**2),
            (control**3 - control, samples**3),
        ):
            found = spline_matrix(20, ratio) @ coefficients
            torch.testing.assert_close(found[inside], expected[inside], rtol=1e-12, atol=1e-12)

    def test_edges_are_smooth(self):
        """A function with two continuous derivatives: third differences stay small where control points meet."""
        values = spline_matrix(10, 50) @ noise(10)
        second = values.roll(-1) - 2 * values + values.roll(1)
        assert (second - second.roll(1)).abs().amax() < 10 * values.abs().amax() / 50**3


class TestInterpolation:
    """Bilinear between pixel centres."""

    def test_values_by_hand(self):
        fine = interpolated(torch.tensor([[[0.0, 4.0, 8.0]] * 3]), 2)[0, 2]
        assert fine.tolist() == [2.0, 1.0, 3.0, 5.0, 7.0, 6.0]  # the first and last across the border

    def test_the_mean_is_kept(self):
        values = noise(2, 6, 8)
        for ratio in (2, 3, 4):
            torch.testing.assert_close(interpolated(values, ratio).mean((1, 2)), values.mean((1, 2)))


class TestSignedDistance:
    """Discs of known radius, in functions that are no distance."""

    size, nm = 64, 4.0
    centre, radius = np.array([32.3, 31.8]), 20.3  # pixels

    def apart(self) -> Tensor:
        """Exact signed distance in pixels, positive inside."""
        y, x = np.mgrid[: self.size, : self.size] + 0.5
        return torch.from_numpy(self.radius - np.hypot(x - self.centre[0], y - self.centre[1]))[None]

    def crossings(self, values: Tensor) -> np.ndarray:
        """Radii in pixels at which a function crosses zero along rows, linearly between pixels."""
        image = values[0].numpy()
        rows, columns = np.nonzero((image[:, 1:] > 0) != (image[:, :-1] > 0))
        before, after = image[rows, columns], image[rows, columns + 1]
        x = columns + 0.5 + before / (before - after)
        return np.hypot(x - self.centre[0], rows + 0.5 - self.centre[1])

    @pytest.fixture(params=["square", "steep", "bent"])
    def distorted(self, request: pytest.FixtureRequest) -> Tensor:
        apart = self.apart()
        return {
            "square": self.radius**2 - (self.radius - apart) ** 2,
            "steep": 3 * apart,
            "bent": torch.tanh(apart / 3),
        }[request.param]

    def test_the_zero_line_stays(self, distorted):
        found = redistanced(distorted, self.nm)
        assert torch.equal(found > 0, distorted > 0)
        assert np.abs(self.crossings(found) - self.radius).max() < 0.1
        again = found
        for _ in range(10):
            again = redistanced(again, self.nm)
        assert np.abs(self.crossings(again) - self.radius).max() < 0.4
        assert abs(self.crossings(again).mean() - self.radius) < 0.02

    def test_the_slope_is_one(self, distorted):
        """In nm per nm, but for the disc's centre, the medial line and the diagonal steps beside the edge."""
        found = redistanced(distorted, self.nm)
        slope = torch.stack([(found.roll(-1, axis) - found.roll(1, axis)) / (2 * self.nm) for axis in (1, 2)]).norm(
            dim=0
        )
        band = (self.apart().abs() < 10) & (self.apart().abs() > 2)
        assert (slope[band] - 1).abs().mean() < 0.03
        assert (slope[band] - 1).abs().quantile(0.95) < 0.15
        assert (found / self.nm - self.apart()).abs()[self.apart().abs() < 12].amax() < 1

    def test_straight_edges_are_exact(self):
        """A strip whose edges lie a quarter pixel beside pixel centres."""
        x = torch.arange(40, dtype=torch.float64)
        apart = (8.25 - (x - 20).abs()).expand(1, 40, -1)
        found = redistanced(torch.where(apart.abs() < 2, 7 * apart, 14 * apart.sign()), self.nm)
        torch.testing.assert_close(found, self.nm * apart)
        torch.testing.assert_close(redistanced(7 * apart.mT, self.nm), self.nm * apart.mT)

    def test_a_function_without_a_zero_line_stays(self):
        apart = self.apart()
        values = torch.cat((apart.abs() + 1, -(apart.abs()) - 1, apart))
        found = redistanced(values, self.nm)
        assert torch.equal(found[:2], values[:2])
        torch.testing.assert_close(found[2:], redistanced(apart, self.nm))

    def test_distances_go_across_the_border(self):
        rolled = redistanced(self.apart().roll((25, 40), (1, 2)), self.nm)
        expected = redistanced(self.apart(), self.nm).roll((25, 40), (1, 2))
        torch.testing.assert_close(rolled, expected)

    def test_only_the_edge_moves(self):
        """The gradient lives on a band along it; its steepest entry is at the edge."""
        form, parameters = begun("levelset", targets(8.0))
        parameters.requires_grad_()
        form.mask(parameters, 0.3).sum().backward()
        assert parameters.grad is not None
        far = parameters.detach().abs() > 100
        assert far.any()
        assert parameters.grad[far].amax() < 1e-10
        assert (parameters.grad > 0.02).double().mean() < 0.25

    def test_refined_levels_are_redistanced_on_their_own_pixel(self):
        form, parameters = begun("levelset", (self.apart() > 0).double(), self.nm)
        fine = form.refine(parameters, 2)
        found = form.settled(fine, REDISTANCE_EVERY - 1)
        torch.testing.assert_close(found, redistanced(fine, self.nm / 2))
