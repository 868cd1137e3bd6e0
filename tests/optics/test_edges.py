"""Edge densities: length, direction and place of edges, at any angle and on any pixel."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from litho_dl.core.dft import analyse, analysis
from litho_dl.core.grid import Grid
from litho_dl.optics.edges import bias_factors, edge_densities, edge_spectra, edge_transform

FIELD_NM = 512.0
HALF = 6, 7
WIDTH_NM, LENGTH_NM = 60.0, 260.0


def bar(angle: float, pixel_nm: float, *, grow_nm: float = 0.0, sharp: bool = False) -> Tensor:
    """Coverage of a turned bar, (H, W); sharp: of whole pixels."""
    finer = 8
    x = (torch.arange(round(FIELD_NM / pixel_nm) * finer, dtype=torch.float64) + 0.5) * pixel_nm / finer
    x, y = x - 0.5 * FIELD_NM + 0.3, (x - 0.5 * FIELD_NM - 0.2)[:, None]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    across, along = x * cos + y * sin, y * cos - x * sin
    inside = (across.abs() < WIDTH_NM / 2 + grow_nm) & (along.abs() < LENGTH_NM / 2 + grow_nm)
    coverage = avg_pool2d(inside.double()[None], finer)[0]
    return (coverage >= 0.5).double() if sharp else coverage


def transform(pixel_nm: float, finest_period_nm: float = 64.0):  # type: ignore[no-untyped-def]
    grid = Grid.of_field((FIELD_NM, FIELD_NM), pixel_nm)
    return edge_transform(
        grid,
        HALF,
        reference_nm=0.0,
        dtype=torch.float64,
        device=torch.device("cpu"),
        blur_nm=0.0,
        finest_period_nm=finest_period_nm,
    )


@pytest.mark.parametrize("angle", [0.0, 12.0, 30.0, 45.0, 71.0, 90.0])
@pytest.mark.parametrize(("pixel_nm", "sharp"), [(1.0, True), (2.0, False), (4.0, False)])
def test_edges_have_their_length_and_direction_whichever_way_they_run(
    angle: float, pixel_nm: float, sharp: bool
) -> None:
    whole = edge_spectra(bar(angle, pixel_nm, sharp=sharp), transform(pixel_nm))[:, HALF[0], 0].real * FIELD_NM**2
    long, short = 2 * LENGTH_NM, 2 * WIDTH_NM
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    expected = [long * cos**2 + short * sin**2, long * sin**2 + short * cos**2, (long - short) * cos * sin]
    torch.testing.assert_close(whole, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=0.016 * (long + short))


@pytest.mark.parametrize("pixel_nm", [1.0, 4.0, 8.0])
def test_edges_of_lines_are_where_they_were_drawn(pixel_nm: float) -> None:
    """Two edges at +-w / 2 have the spectrum 2 cos(pi f w) / field, also on pixels that they cut."""
    x = torch.arange(round(FIELD_NM / pixel_nm) + 1, dtype=torch.float64) * pixel_nm - FIELD_NM / 2
    width = 96.0 if pixel_nm == 8 else 106.5
    covered = x.clamp(-width / 2, width / 2)
    line = ((covered[1:] - covered[:-1]) / pixel_nm).expand(len(x) - 1, -1)
    found = edge_spectra(line, transform(pixel_nm))
    f = torch.arange(HALF[1] + 1, dtype=torch.float64)
    expected = 2 * torch.cos(torch.pi * f * width / FIELD_NM) / FIELD_NM * (-1) ** f
    tolerance = 2 / FIELD_NM * (1e-4 if pixel_nm == 8 else 0.02)
    torch.testing.assert_close(found[0, HALF[0]].real, expected, rtol=0, atol=tolerance)
    assert found[1:].abs().max() < 1e-6
    assert found[0].imag.abs().max() < 1e-6


@pytest.mark.parametrize("angle", [0.0, 25.0, 45.0])
@pytest.mark.parametrize("bias_nm", [-6.0, 3.0, 9.0])
def test_biased_shapes_have_the_spectrum_of_shapes_drawn_that_much_larger(angle: float, bias_nm: float) -> None:
    pixel_nm = 1.0
    grid = Grid.of_field((FIELD_NM, FIELD_NM), pixel_nm)
    areas = analysis(grid, HALF, reference_nm=0.0, dtype=torch.float64, device=torch.device("cpu"))
    drawn, larger = (analyse(bar(angle, pixel_nm, grow_nm=grown), areas) for grown in (0.0, bias_nm))
    biases = torch.full((2,), bias_nm, dtype=torch.float64)
    factors = bias_factors(biases, HALF, (FIELD_NM, FIELD_NM))
    edges = edge_spectra(bar(angle, pixel_nm), transform(pixel_nm))
    biased = factors.areas * drawn + (factors.edges * edges[:2]).sum(0)
    assert (biased - larger).abs().max() < 0.09 * (larger - drawn).abs().max()  # the corners lack b^2


@pytest.mark.parametrize("bias_nm", [-8.0, 2.0, 12.0])
def test_biased_lines_are_those_drawn_wider(bias_nm: float) -> None:
    """On pixels that the edges do not cut, at every frequency, whatever the bias."""
    f = torch.arange(HALF[1] + 1, dtype=torch.float64)

    def areas(width: float) -> Tensor:
        return width / FIELD_NM * torch.sinc(f * width / FIELD_NM)

    edges = 2 * torch.cos(torch.pi * f * 96 / FIELD_NM) / FIELD_NM
    factors = bias_factors(torch.tensor([bias_nm, 5.0], dtype=torch.float64), HALF, (FIELD_NM, FIELD_NM))
    biased = factors.areas[HALF[0]] * areas(96) + factors.edges[0, HALF[0]] * edges
    torch.testing.assert_close(biased, areas(96 + 2 * bias_nm))


def test_biases_along_x_and_y_are_those_of_edges_that_face_that_way() -> None:
    factors = bias_factors(torch.tensor([3.0, -2.0], dtype=torch.float64), HALF, (FIELD_NM, FIELD_NM))
    other = bias_factors(torch.tensor([3.0, 7.0], dtype=torch.float64), HALF, (FIELD_NM, FIELD_NM))
    torch.testing.assert_close(factors.areas[HALF[0]], other.areas[HALF[0]])
    assert not torch.allclose(factors.areas[:, 0], other.areas[:, 0])


def test_densities_of_batches_and_their_gradients() -> None:
    masks = torch.rand(2, 3, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    together = edge_densities(masks, 2.0)
    assert together.shape == (2, 3, 3, 9, 7)
    torch.testing.assert_close(together[1, 2], edge_densities(masks[1, 2], 2.0))
    torch.testing.assert_close(together[0, 0].roll(2, -1), edge_densities(masks[0, 0].roll(2, -1), 2.0))
    assert torch.autograd.gradcheck(lambda m: edge_densities(m, 2.0), masks[0, 0].requires_grad_())
    flat = torch.full((4, 4), 0.5, requires_grad=True)
    edge_densities(flat, 1.0).sum().backward()
    assert not flat.grad.any()
