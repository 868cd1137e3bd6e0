"""Muon: orthogonal updates of matrices, Adam for the rest."""

import pytest
import torch
from torch import nn

from litho_dl.core.errors import TrainingError
from litho_dl.training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (5, 5)])
def test_singular_vectors_stay_and_values_become_one(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape, dtype=torch.float64) * torch.logspace(-2, 2, shape[1], dtype=torch.float64)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    rest = u.T @ orthogonal(matrix) @ v.T
    values = rest.diagonal()
    assert (rest - values.diag()).abs().max() < 1e-9
    strong = torch.linalg.svdvals(matrix / matrix.norm()) > 1e-2  # which five iterations reach
    assert values[strong].min() > 0.65
    assert values.max() < 1.25


def test_steps_by_hand():
    """Two steps of a kernel, seen as a matrix of its output channels, with Nesterov momentum and decoupled decay."""
    torch.manual_seed(1)
    kernel = nn.Parameter(torch.randn(4, 3, 2, 2).contiguous(memory_format=torch.channels_last))
    optimizer = Muon([{"params": [kernel], "weight_decay": 0.5}], 0.1, momentum=0.9)
    expected, mean = kernel.detach().clone(), torch.zeros(4, 12)
    for _ in range(2):
        kernel.grad = torch.randn(4, 3, 2, 2)
        optimizer.step()
        gradient = kernel.grad.reshape(4, 12)
        mean = 0.9 * mean + 0.1 * gradient
        update = orthogonal(0.1 * gradient + 0.9 * mean) * 0.2 * 12**0.5
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * update.reshape(4, 3, 2, 2)
        torch.testing.assert_close(kernel.detach(), expected)


@pytest.mark.parametrize("shape", [(5,), (1, 3, 3, 3), (6, 4, 3)])
def test_other_parameters_are_adams(shape):
    """Biases, the kernel of one output channel, spectral weights."""
    torch.manual_seed(2)
    own, theirs = (nn.Parameter(torch.ones(shape)) for _ in range(2))
    optimizers = Muon([own], 0.01), torch.optim.Adam([theirs], 0.01, betas=(0.9, 0.99))
    for _ in range(3):
        own.grad = torch.randn(shape)
        theirs.grad = own.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(own, theirs)


def test_complex_parameters_are_refused():
    with pytest.raises(TrainingError, match="real parameters for Muon"):
        Muon([nn.Parameter(torch.ones(2, dtype=torch.complex64))], 0.1)
