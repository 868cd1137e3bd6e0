"""Cubic B-splines."""

import pytest
import torch
from torch import Tensor

from litho_dl.core.errors import GridMismatchError
from litho_dl.ilt.parameterization import PARAMETERIZATIONS, Parameterization, Start, curvilinear
from litho_dl.ilt.parameterization.curvilinear import CONTROL, Curvilinear, spline_matrix


def begun(name: str, mask: Tensor, pixel_nm: float = 8.0) -> tuple[Parameterization, Tensor]:
    form = PARAMETERIZATIONS[name]()
    return form, form.start(Start(mask, pixel_nm, mask, pixel_nm))


def noise(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


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


def test_matrices_are_made_once_a_size(monkeypatch):
    made = []

    def counted(control_points: int, ratio: int) -> torch.Tensor:
        made.append((control_points, ratio))
        return spline_matrix(control_points, ratio)

    monkeypatch.setattr(curvilinear, "spline_matrix", counted)
    form, parameters = Curvilinear(), torch.randn(2, 8, 12, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        form.mask(parameters, 4.0)
    for _ in range(3):
        mask = form.mask(parameters.requires_grad_(), 4.0)
    mask.sum().backward()
    assert sorted(made) == [(8, CONTROL), (12, CONTROL)]
    rows, columns = (spline_matrix(n, CONTROL).float() for n in (8, 12))
    assert torch.equal(mask, torch.sigmoid(4.0 * (rows @ parameters @ columns.T)))
    assert form.mask(parameters.double(), 4.0).dtype == torch.float64
    assert len(made) == 4
