"""Partial Fourier transforms between pixel grids and the few low frequencies that optics pass.

A real, periodic image m of N pixels a side, each a square of p nm, has the spectrum

    S(f) = (1/N) sum_j m_j exp(-2 pi i f (j + 1/2) / N) * sinc(f p / F) / sinc(f r / F),      F = N p,

with f counted in steps of 1/F and the origin at the field's corner. With r = 0 it is the exact Fourier series of
the piecewise-constant image. With r > 0 it is the discrete transform of the same image sampled at r nm (nearest
upsampling), because sinc(f p / F) / sinc(f r / F) is the ratio of Dirichlet kernels between the two pixels. Either
way, a coarse image and its nearest-upsampled fine version have one and the same spectrum.

Spectra of real images are kept as *half spectra* of shape (..., 2 h_y + 1, h_x + 1): fy = -h_y ... h_y with zero in
the middle row, fx = 0 ... h_x.

All heavy products are real matrix products of N x N by N x 2(h + 1), halved where there are many frequencies: half a
field farther on, the waves of even f are the same and those of odd f the opposite; so the ones need only the sum of
the field's two halves, and the others their difference. Either transform is the gradient of the other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from litho_dl.core.grid import Grid

HALVED_FROM = 2**16  # entries of a matrix; the sums take longer than what they save with fewer


class Axis(NamedTuple):
    """The waves exp(-2 pi i f (j + 1/2) / N) of one axis, times their weights: of all f, or of even and of odd f.

    into: Matrices from pixels, half of them where there are two, to frequencies. Those of y are complex (f, N) and
        stand left of the image; those of x stand right of it, real and imaginary parts interleaved, (N, 2 f).
    back: Their conjugate transposes.
    zero: Index of f = 0 among the frequencies.
    """

    into: tuple[Tensor, ...]
    back: tuple[Tensor, ...]
    zero: int


class PartialDft(NamedTuple):
    """A separable partial transform, to analyse or to synthesise."""

    y: Axis
    x: Axis


def analysis(
    grid: Grid, half: tuple[int, int], *, reference_nm: float, dtype: torch.dtype, device: torch.device
) -> PartialDft:
    """What takes a real image on `grid` to its half spectrum.

    Args:
        grid: The image's grid.
        half: (h_y, h_x), the highest frequencies kept.
        reference_nm: The pixel r whose sampled transform is meant; 0 for the exact Fourier series.
        dtype: float32 or float64.
        device: Where the matrices live; they are always computed in float64 on the CPU.
    """

    def weights(f: Tensor, n: int, side_nm: float) -> Tensor:
        return torch.sinc(f * grid.pixel_nm / side_nm) / torch.sinc(f * reference_nm / side_nm) / n

    f_y, f_x = _frequencies(half)
    return PartialDft(
        _rows(f_y, weights(f_y, grid.shape[0], grid.field_nm[0]), grid.shape[0], dtype, device),
        _columns(f_x, weights(f_x, grid.shape[1], grid.field_nm[1]), grid.shape[1], dtype, device),
    )


def synthesis(grid: Grid, half: tuple[int, int], *, dtype: torch.dtype, device: torch.device) -> PartialDft:
    """What evaluates a half spectrum at the pixel centres of `grid`; the arguments are those of `analysis`."""
    f_y, f_x = _frequencies(half)
    weights = torch.full_like(f_x, 2)  # every fx > 0 stands for its mirror image as well
    weights[0] = 1
    return PartialDft(
        _rows(f_y, torch.ones_like(f_y), grid.shape[0], dtype, device),
        _columns(f_x, weights, grid.shape[1], dtype, device),
    )


def _frequencies(half: tuple[int, int]) -> tuple[Tensor, Tensor]:
    h_y, h_x = half
    return torch.arange(-h_y, h_y + 1, dtype=torch.float64), torch.arange(h_x + 1, dtype=torch.float64)


def _waves(frequencies: Tensor, weights: Tensor, n: int) -> list[Tensor]:
    """The weighted waves (f, N) on all pixels, or even and odd ones on half of them, complex128."""
    positions = (torch.arange(needed_pixels(n, len(frequencies)), dtype=torch.float64) + 0.5) / n
    waves = torch.polar(weights[:, None], -2 * torch.pi * frequencies[:, None] * positions)
    return [waves] if len(positions) == n else [waves[frequencies % 2 == 0], waves[frequencies % 2 == 1]]


def _rows(frequencies: Tensor, weights: Tensor, n: int, dtype: torch.dtype, device: torch.device) -> Axis:
    complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    into = tuple(waves.to(device, complex_dtype) for waves in _waves(frequencies, weights, n))
    return Axis(into, tuple(matrix.mH.resolve_conj().contiguous() for matrix in into), len(frequencies) // 2)


def _columns(frequencies: Tensor, weights: Tensor, n: int, dtype: torch.dtype, device: torch.device) -> Axis:
    waves = _waves(frequencies, weights, n)
    into = tuple(torch.view_as_real(part.T.contiguous()).flatten(1).to(device, dtype) for part in waves)
    return Axis(into, tuple(matrix.mT.contiguous() for matrix in into), 0)


def needed_pixels(n: int, frequencies: int) -> int:
    """Of an axis of n pixels, how many the matrices hold: all, or half of them."""
    return n // 2 if n % 2 == 0 and n * frequencies >= HALVED_FROM else n


def analyse(image: Tensor, transform: PartialDft) -> Tensor:
    """Real image (..., N_y, N_x) -> half spectrum (..., 2 h_y + 1, h_x + 1)."""
    return _Linear.apply(image, transform, _analysed, _synthesised)


def synthesise(spectrum: Tensor, transform: PartialDft) -> Tensor:
    """Half spectrum (..., 2 h_y + 1, h_x + 1) -> real image (..., N_y, N_x)."""
    return _Linear.apply(spectrum, transform, _synthesised, _analysed)


Map = Callable[[Tensor, PartialDft], Tensor]


class _Linear(torch.autograd.Function):
    """A linear map, whose gradient is its transpose."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, transform: PartialDft, linear: Map, transpose: Map) -> Tensor:
        ctx.transform, ctx.transpose = transform, transpose
        return linear(values, transform)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.transpose(gradient, ctx.transform), None, None, None


def _analysed(image: Tensor, transform: PartialDft) -> Tensor:
    y, x = transform
    columns = [
        torch.view_as_complex((part @ matrix).unflatten(-1, (-1, 2)))
        for part, matrix in zip(_folded(image, -1, x), x.into, strict=True)
    ]
    rows = [matrix @ part for part, matrix in zip(_folded(_interleaved(columns, -1, x), -2, y), y.into, strict=True)]
    return _interleaved(rows, -2, y)


def _synthesised(spectrum: Tensor, transform: PartialDft) -> Tensor:
    y, x = transform
    rows = [matrix @ part for part, matrix in zip(_separated(spectrum, -2, y), y.back, strict=True)]
    columns = [
        torch.view_as_real(part.contiguous()).flatten(-2) @ matrix
        for part, matrix in zip(_separated(_unfolded(rows, -2), -1, x), x.back, strict=True)
    ]
    return _unfolded(columns, -1)


def _folded(pixels: Tensor, dim: int, axis: Axis) -> list[Tensor]:
    """What the even and the odd frequencies see: sum and difference of the halves."""
    if len(axis.into) == 1:
        return [pixels]
    first, second = pixels.chunk(2, dim)
    return [first + second, first - second]


def _unfolded(parts: list[Tensor], dim: int) -> Tensor:
    """The pixels that parts of even and of odd frequencies make; the transpose of `_folded`."""
    if len(parts) == 1:
        return parts[0]
    even, odd = parts
    whole = _empty(parts, dim)
    first, second = whole.chunk(2, dim)
    torch.add(even, odd, out=first)
    torch.sub(even, odd, out=second)
    return whole


def _interleaved(parts: list[Tensor], dim: int, axis: Axis) -> Tensor:
    """All frequencies, from even and odd ones."""
    if len(parts) == 1:
        return parts[0]
    whole = _empty(parts, dim)
    for slot, part in zip(_separated(whole, dim, axis), parts, strict=True):
        slot.copy_(part)
    return whole


def _empty(parts: list[Tensor], dim: int) -> Tensor:
    """Room for both parts along a dimension."""
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    return parts[0].new_empty(shape)


def _separated(spectrum: Tensor, dim: int, axis: Axis) -> list[Tensor]:
    """Even and odd frequencies of a spectrum, as views."""
    if len(axis.into) == 1:
        return [spectrum]
    starts = axis.zero % 2, 1 - axis.zero % 2
    return [spectrum[..., start::2] if dim == -1 else spectrum[..., start::2, :] for start in starts]


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
