"""Partial Fourier transforms between pixel grids and the few low frequencies that optics pass.

A real, periodic image m of N pixels a side, each a square of p nm, has the spectrum

    S(f) = (1/N) sum_j m_j exp(-2 pi i f (j + 1/2) / N) * sinc(f p / F) / sinc(f r / F),      F = N p,

with f counted in steps of 1/F and the origin at the field's corner. With r = 0 it is the exact Fourier series of
the piecewise-constant image. With r > 0 it is the discrete transform of the same image sampled at r nm (nearest
upsampling), because sinc(f p / F) / sinc(f r / F) is the ratio of Dirichlet kernels between the two pixels. Either
way, a coarse image and its nearest-upsampled fine version have one and the same spectrum.

Spectra of real images are kept as *half spectra* of shape (..., 2 h_y + 1, h_x + 1): fy = -h_y ... h_y with zero in
the middle row, fx = 0 ... h_x. All heavy products are real matrix products of N x N by N x 2(h + 1).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.core.grid import Grid


class PartialDft(NamedTuple):
    """The two matrices of a separable partial transform.

    rows: complex; (2 h_y + 1, N_y) to analyse, (N_y, 2 h_y + 1) to synthesise.
    columns: real and imaginary parts interleaved; (N_x, 2 (h_x + 1)) to analyse, the transpose's shape to synthesise.
    """

    rows: Tensor
    columns: Tensor


def _phases(n: int, frequencies: Tensor, offset_px: float) -> Tensor:
    """exp(-2 pi i f (j + 1/2 + offset) / n) as (frequencies, n), complex128."""
    positions = (torch.arange(n, dtype=torch.float64) + 0.5 + offset_px) / n
    angles = -2 * torch.pi * frequencies[:, None] * positions
    return torch.polar(torch.ones_like(angles), angles)


def analysis(
    grid: Grid, half: tuple[int, int], *, reference_nm: float, dtype: torch.dtype, device: torch.device
) -> PartialDft:
    """Matrices that take a real image on `grid` to its half spectrum.

    Args:
        grid: The image's grid.
        half: (h_y, h_x), the highest frequencies kept.
        reference_nm: The pixel r whose sampled transform is meant; 0 for the exact Fourier series.
        dtype: float32 or float64.
        device: Where the matrices live; they are always computed in float64 on the CPU.
    """

    def matrix(n: int, side_nm: float, frequencies: Tensor) -> Tensor:
        ratio = torch.sinc(frequencies * grid.pixel_nm / side_nm) / torch.sinc(frequencies * reference_nm / side_nm)
        return _phases(n, frequencies, 0.0) * ratio[:, None] / n

    rows = matrix(grid.shape[0], grid.field_nm[0], torch.arange(-half[0], half[0] + 1, dtype=torch.float64))
    columns = matrix(grid.shape[1], grid.field_nm[1], torch.arange(half[1] + 1, dtype=torch.float64)).T
    return _cast(rows, torch.view_as_real(columns.contiguous()).flatten(1), dtype, device)


def synthesis(
    grid: Grid,
    half: tuple[int, int],
    *,
    dtype: torch.dtype,
    device: torch.device,
    offset_px: tuple[float, float] = (0.0, 0.0),
) -> PartialDft:
    """Matrices that evaluate a half spectrum at the pixel centres of `grid`, moved by `offset_px` = (y, x) pixels."""
    frequencies_y = torch.arange(-half[0], half[0] + 1, dtype=torch.float64)
    frequencies_x = torch.arange(half[1] + 1, dtype=torch.float64)
    rows = _phases(grid.shape[0], frequencies_y, offset_px[0]).conj().T
    # Re(u e^{i a}) = Re(u) cos a - Im(u) sin a; every fx > 0 stands for its mirror image as well.
    columns = _phases(grid.shape[1], frequencies_x, offset_px[1])
    columns[1:] *= 2
    return _cast(rows, torch.view_as_real(columns).permute(0, 2, 1).flatten(0, 1), dtype, device)


def _cast(rows: Tensor, columns: Tensor, dtype: torch.dtype, device: torch.device) -> PartialDft:
    complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    return PartialDft(
        rows.resolve_conj().to(device, complex_dtype).contiguous(), columns.to(device, dtype).contiguous()
    )


def analyse(image: Tensor, transform: PartialDft) -> Tensor:
    """Real image (..., N_y, N_x) -> half spectrum (..., 2 h_y + 1, h_x + 1)."""
    columns = torch.view_as_complex((image @ transform.columns).unflatten(-1, (-1, 2)))
    return transform.rows @ columns


def synthesise(spectrum: Tensor, transform: PartialDft) -> Tensor:
    """Half spectrum (..., 2 h_y + 1, h_x + 1) -> real image (..., N_y, N_x)."""
    rows = torch.view_as_real(transform.rows @ spectrum).flatten(-2)
    return rows @ transform.columns


def synthesise_at(spectrum: Tensor, points_nm: Tensor, field_nm: tuple[float, float]) -> Tensor:
    """Half spectrum (..., 2 h_y + 1, h_x + 1) -> real values (..., P) at the points (P, 2), rows of (x, y) in nm."""
    half_y, half_x = spectrum.shape[-2] // 2, spectrum.shape[-1] - 1
    turns_y, turns_x = points_nm[:, 1] / field_nm[0], points_nm[:, 0] / field_nm[1]
    angles_y = 2 * torch.pi * turns_y[:, None] * torch.arange(-half_y, half_y + 1, device=points_nm.device)
    angles_x = 2 * torch.pi * turns_x[:, None] * torch.arange(half_x + 1, device=points_nm.device)
    rows = torch.polar(torch.ones_like(angles_y), angles_y).to(spectrum.dtype)
    # Every fx > 0 stands for its mirror image as well.
    columns = torch.polar(torch.full_like(angles_x, 2.0), angles_x).to(spectrum.dtype)
    columns[:, 0] /= 2
    return ((rows @ spectrum) * columns).sum(-1).real


def full_spectrum(half_spectrum: Tensor) -> Tensor:
    """Half spectrum of a real image -> all frequencies (..., 2 h_y + 1, 2 h_x + 1), zero in the centre."""
    mirrored = half_spectrum[..., 1:].flip(-2, -1).conj()
    return torch.cat((mirrored, half_spectrum), dim=-1)
