"""The curvilinear parameterization's matrices: made once for each size, and right after a change of dtype."""

import torch

from litho_dl.ilt.parameterization import curvilinear
from litho_dl.ilt.parameterization.curvilinear import CONTROL, Curvilinear, spline_matrix


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
