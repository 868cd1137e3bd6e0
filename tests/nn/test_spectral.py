"""Spectral convolution beside the circular convolution it stands for."""

import numpy as np
import pytest
import torch

from litho_dl.core.errors import GridMismatchError
from litho_dl.nn.spectral import SpectralConv


def kernels(conv: SpectralConv, height: int, width: int) -> np.ndarray:
    """The real kernels (C_in, C_out, H, W) whose transforms are the weights, frequency by frequency."""
    y, x = np.mgrid[:height, :width]
    found = np.zeros((*conv.weight.shape[1:], height, width))
    weight = conv.weight.detach().double().unflatten(0, (2, 2 * conv.modes + 1, conv.modes + 1)).numpy()
    for row, column in np.ndindex(weight.shape[1:3]):
        fy, fx = row - conv.modes, column
        wave = np.exp(2j * np.pi * (fy * y / height + fx * x / width)) * (1 if fx == 0 else 2) / (height * width)
        found += np.real((weight[0, row, column] + 1j * weight[1, row, column])[..., None, None] * wave)
    return found


@pytest.mark.parametrize(("height", "width", "modes"), [(8, 9, 2), (7, 12, 3), (6, 5, 0), (9, 11, 4)])
def test_equals_a_circular_convolution(height, width, modes):
    torch.manual_seed(0)
    conv = SpectralConv(3, 2, modes).double()
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    expected = np.zeros((2, 2, height, width))
    taps = kernels(conv, height, width)
    for dy, dx in np.ndindex(height, width):
        moved = np.roll(x.numpy(), (dy, dx), (2, 3))
        expected += np.einsum("bihw,io->bohw", moved, taps[:, :, dy, dx])
    np.testing.assert_allclose(conv(x).detach(), expected, atol=1e-12)


def test_gradients():
    torch.manual_seed(0)
    conv = SpectralConv(2, 2, 1).double()
    x = torch.randn(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: torch.func.functional_call(conv, {"weight": w}, x), (x, conv.weight))


def test_the_same_weights_on_a_finer_grid_give_the_same_field():
    """A band-limited field sampled at 12 and at 24 points: the outputs agree at the shared points."""
    torch.manual_seed(0)
    conv = SpectralConv(1, 2, 3)
    y, x = (torch.arange(24) / 24)[:, None], torch.arange(24) / 24
    fine = 0.3 + torch.cos(2 * torch.pi * (2 * y - x)) - torch.sin(2 * torch.pi * (3 * x + y))
    torch.testing.assert_close(conv(fine[None, None])[..., ::2, ::2], conv(fine[None, None, ::2, ::2]))


def test_starts_with_unit_gain_on_its_smallest_grid():
    torch.manual_seed(0)
    assert SpectralConv(16, 16, 8)(torch.randn(8, 16, 17, 17)).var().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    torch.manual_seed(0)
    conv, x = SpectralConv(4, 4, 6), 100 + 50 * torch.randn(2, 4, 64, 64)
    error = (conv.to(dtype)(x.to(dtype)).float() - conv.float()(x)).abs().max()
    assert error < 8 * torch.finfo(dtype).eps * conv(x).abs().max()
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(x).dtype == torch.bfloat16


@pytest.mark.parametrize("shape", [(8, 12), (12, 8)])
def test_too_small_a_grid_is_refused(shape):
    with pytest.raises(GridMismatchError, match=r"more than 8 pixels a side, for 4 modes, got (8 x 12|12 x 8); use"):
        SpectralConv(1, 1, 4)(torch.randn(1, 1, *shape))


def test_exports_without_complex_numbers():
    conv = SpectralConv(2, 3, 4)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(conv, (torch.randn(2, 2, 16, 20),), dynamic_shapes=({0: batch},))
    x = torch.randn(5, 2, 16, 20)
    torch.testing.assert_close(program.module()(x), conv(x))
    values = (node.meta.get("val") for node in program.graph.nodes)
    assert not any(value.is_complex() for value in values if isinstance(value, torch.Tensor))
