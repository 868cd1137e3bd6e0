"""Signed distances."""

import numpy as np
import pytest
import torch
from scenes.ilt import targets
from torch import Tensor

from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Parameterization, Start
from litho_dl.ilt.parameterization.levelset import REDISTANCE_EVERY, redistanced


def begun(name: str, mask: Tensor, pixel_nm: float = 8.0) -> tuple[Parameterization, Tensor]:
    form = PARAMETERIZATIONS[name]()
    return form, form.start(Start(mask, pixel_nm, mask, pixel_nm))


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
        found = form.project(fine, REDISTANCE_EVERY - 1)
        torch.testing.assert_close(found, redistanced(fine, self.nm / 2))
