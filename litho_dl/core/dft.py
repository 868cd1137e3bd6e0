"""Partial Fourier transforms between pixel grids and the few low frequencies that optics pass.

A real, periodic image m of N pixels a side, each a square of p nm, has the spectrum

    S(f) = (1/N) sum_j m_j exp(-2 pi i f (j + 1/2) / N) * sinc(f p / F) / sinc(f r / F),      F = N p,

with f counted in steps of 1/F and the origin at the field's corner. With r = 0 it is the exact Fourier series of
the piecewise-constant image. With r > 0 it is the discrete transform of the same image sampled at r nm (nearest
upsampling), because sinc(f p / F) / sinc(f r / F) is the ratio of Dirichlet kernels between the two pixels. Either
way, a coarse image and its nearest-upsampled fine version have one and the same spectrum.

Spectra of real images are kept as *half spectra* of shape (..., 2 h_y + 1, h_x + 1): fy = -h_y ... h_y with zero in
the middle row, fx = 0 ... h_x.

The transforms are real matrix products of N x N by N x 2(h + 1), shared by f and -f. On large fields of an even number
of pixels they take half the work: half a field further on, the waves of even f repeat and those of odd f change sign,
so even f need only the sum of the field's two halves, and odd f only their difference. With the same waves, analysis
and synthesis are each other's transposes, and so each other's gradients. As the axes are apart, any rows and columns of
an image can be synthesised without the others.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from litho_dl.core.grid import Grid

HALVED_FROM = 2**16  # pixels times frequencies of an axis; below this, the sums take longer than they save

Waves = tuple[Tensor, ...]
Window = tuple[range, range]  # rows and columns of a grid's pixels, each with any step


class PartialDft(NamedTuple):
    """A separable partial transform, for analysis or synthesis: the waves exp(-2 pi i f (j + 1/2) / N) of each axis.

    Attributes:
        y: Real matrix (N, 2 (h + 1)) of f = 0 ... h, weights included, real and imaginary parts interleaved; or two
            matrices of half the pixels, (N / 2, ...), the first of even f and the second of odd f. Of a window, N is
            the number of its rows.
        x: The same along x.
    """

    y: Waves
    x: Waves


def analysis(
    grid: Grid,
    half: tuple[int, int],
    *,
    reference_nm: float,
    dtype: torch.dtype,
    device: torch.device,
    blur_nm: float = 0.0,
) -> PartialDft:
    """The transform from a real image on `grid` to its half spectrum.

    Args:
        grid: The image's grid.
        half: (h_y, h_x), the highest frequencies kept.
        reference_nm: Pixel r in nm at which the image counts as sampled; 0 for the exact Fourier series.
        dtype: float32 or float64.
        device: Where the matrices are stored; they are always computed in float64 on the CPU.
        blur_nm: Standard deviation of a Gaussian that the image is convolved with.

    Returns:
        The matrices, for `analyse`.
    """

    def axis(n: int, side_nm: float, half: int) -> Waves:
        f = torch.arange(half + 1, dtype=torch.float64)
        ratio = torch.sinc(f * grid.pixel_nm / side_nm) / torch.sinc(f * reference_nm / side_nm)
        blur = torch.exp(-2 * (torch.pi * blur_nm * f / side_nm).square())
        return _waves(n, blur * ratio / n, dtype, device)

    return PartialDft(*map(axis, grid.shape, grid.field_nm, half))


def synthesis(
    grid: Grid, half: tuple[int, int], *, dtype: torch.dtype, device: torch.device, window: Window | None = None
) -> PartialDft:
    """The transform from a half spectrum to the real image at the pixel centres of `grid`, or of a part of them.

    Args:
        grid: The image's grid.
        half: (h_y, h_x), the highest frequencies of the spectrum.
        dtype: float32 or float64.
        device: Where the matrices are stored; they are always computed in float64 on the CPU.
        window: Rows and columns of the pixels wanted, also beyond the field, which is periodic; None: all of the grid.
            The image, and the gradients that come back to it, are then of their shape.

    Returns:
        The matrices, for `synthesise`.
    """
    weights_y, weights_x = (torch.ones(h + 1, dtype=torch.float64) for h in half)
    weights_x[1:] = 2  # every fx > 0 stands for -fx as well
    height, width = grid.shape
    rows, columns = window or (None, None)
    return PartialDft(_waves(height, weights_y, dtype, device, rows), _waves(width, weights_x, dtype, device, columns))


def _waves(n: int, weights: Tensor, dtype: torch.dtype, device: torch.device, pixels: range | None = None) -> Waves:
    """The waves of an axis of n pixels, or of some of them, with a weight for each frequency."""
    at = range(needed_pixels(n, len(weights))) if pixels is None else pixels
    positions = (torch.tensor(at, dtype=torch.float64) + 0.5) / n
    angles = -2 * torch.pi * positions[:, None] * torch.arange(len(weights), dtype=torch.float64)
    waves = torch.view_as_real(torch.polar(weights.expand_as(angles), angles))
    parts = [waves] if pixels is not None or len(at) == n else [waves[:, ::2], waves[:, 1::2]]
    return tuple(part.flatten(1).to(device, dtype) for part in parts)


def needed_pixels(n: int, frequencies: int) -> int:
    """The number of pixels that an axis's matrices cover: all, or half of them.

    Args:
        n: Pixels of the axis.
        frequencies: Number of frequencies f = 0 ... h, i.e. h + 1.

    Returns:
        n, or n / 2 where even and odd frequencies are treated apart.
    """
    return n // 2 if n % 2 == 0 and n * frequencies >= HALVED_FROM else n


def analyse(image: Tensor, transform: PartialDft) -> Tensor:
    """The half spectrum of a real image; differentiable.

    Args:
        image: Real, (..., N_y, N_x).
        transform: Made by `analysis` for the image's grid.

    Returns:
        Complex, (..., 2 h_y + 1, h_x + 1).
    """
    return _Linear.apply(image, transform, _analysed, _synthesised)


def synthesise(spectrum: Tensor, transform: PartialDft) -> Tensor:
    """The real image of a half spectrum; differentiable.

    Args:
        spectrum: Complex, (..., 2 h_y + 1, h_x + 1).
        transform: Made by `synthesis` for the grid of the image.

    Returns:
        Real, (..., N_y, N_x), sampled at the pixel centres of the grid, or of the window.
    """
    return _Linear.apply(spectrum, transform, _synthesised, _analysed)


@torch.no_grad()
def synthesise_blocks(spectrum: Tensor, transform: PartialDft, blocks: Tensor, size: int) -> Tensor:
    """The real image of a half spectrum in some square blocks of pixels; not differentiable.

    Args:
        spectrum: Complex, (2 h_y + 1, h_x + 1).
        transform: Made by `synthesis` for a window of whole blocks.
        blocks: Row and column of each block, counted in blocks of the window, (n, 2) int64.
        size: Side of the blocks in pixels.

    Returns:
        Real, (n, size, size).
    """
    (waves,) = transform.x
    rows = _along_y(spectrum, transform.y).flatten(-2).unflatten(0, (-1, size))
    columns = waves.unflatten(0, (-1, size))
    return rows[blocks[:, 0]] @ columns[blocks[:, 1]].mT


Map = Callable[[Tensor, PartialDft], Tensor]


class _Linear(torch.autograd.Function):
    """A linear map, whose gradient is its transpose."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, transform: PartialDft, linear: Map, transpose: Map) -> Tensor:
        ctx.transposed = transform, transpose, linear
        return linear(values, transform)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return _Linear.apply(gradient, *ctx.transposed), None, None, None


def _analysed(image: Tensor, transform: PartialDft) -> Tensor:
    """Multiplies by the waves of x, then of y; the spectra at f and -f are the sum and difference of the products."""
    y, x = transform
    parts = [(part @ waves).unflatten(-1, (-1, 2)) for part, waves in zip(_folded(image, -1, x), x, strict=True)]
    columns = _interleaved(parts, -2).flatten(-2)
    parts = [(waves.mT @ part).unflatten(-2, (-1, 2)) for part, waves in zip(_folded(columns, -2, y), y, strict=True)]
    real, imaginary = torch.view_as_complex(_interleaved(parts, -3).unflatten(-1, (-1, 2))).unbind(-2)  # of y's waves
    imaginary = 1j * imaginary
    return torch.cat(((real - imaginary)[..., 1:, :].flip(-2), real + imaginary), -2)


def _synthesised(spectrum: Tensor, transform: PartialDft) -> Tensor:
    """The transpose of `_analysed`: the transposes of its steps in reverse order."""
    columns = _along_y(spectrum, transform.y)
    x = transform.x
    parts = [part.flatten(-2) @ waves.mT for part, waves in zip(_separated(columns, -2, len(x)), x, strict=True)]
    return _unfolded(parts, -1)


def _along_y(spectrum: Tensor, y: Waves) -> Tensor:
    """The first step of synthesis, (..., N_y, h_x + 1, 2): rows of pixels, and real and imaginary parts of each fx."""
    half = spectrum.shape[-2] // 2
    upper, lower = spectrum[..., half:, :], pad(spectrum[..., :half, :].flip(-2), (0, 0, 1, 0))
    rows = torch.view_as_real(torch.stack((upper + lower, 1j * (lower - upper)), -2)).flatten(-2)
    parts = [waves @ part.flatten(-3, -2) for part, waves in zip(_separated(rows, -3, len(y)), y, strict=True)]
    return _unfolded(parts, -2).unflatten(-1, (-1, 2))


def _folded(pixels: Tensor, dim: int, axis: Waves) -> list[Tensor]:
    """The inputs of the even and the odd frequencies: sum and difference of the halves."""
    if len(axis) == 1:
        return [pixels]
    first, second = pixels.chunk(2, dim)
    return [first + second, first - second]


def _unfolded(parts: list[Tensor], dim: int) -> Tensor:
    """The pixels from the parts of even and of odd frequencies; the transpose of `_folded`."""
    if len(parts) == 1:
        return parts[0]
    even, odd = parts
    whole = _empty(parts, dim)
    first, second = whole.chunk(2, dim)
    torch.add(even, odd, out=first)
    torch.sub(even, odd, out=second)
    return whole


def _interleaved(parts: list[Tensor], dim: int) -> Tensor:
    """All frequencies in order, from even and odd ones."""
    if len(parts) == 1:
        return parts[0]
    whole = _empty(parts, dim)
    for slot, part in zip(_separated(whole, dim, len(parts)), parts, strict=True):
        slot.copy_(part)
    return whole


def _separated(waves: Tensor, dim: int, count: int) -> list[Tensor]:
    """Views of the even and the odd frequencies (count 2), or of all of them (count 1)."""
    frequencies = waves.movedim(dim, 0)
    return [frequencies[start::count].movedim(0, dim) for start in range(count)]


def _empty(parts: list[Tensor], dim: int) -> Tensor:
    """An empty tensor as long as all parts together along a dimension."""
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    return parts[0].new_empty(shape)


class PointWaves(NamedTuple):
    """The waves of a half spectrum at points: along y (..., P, 2 h_y + 1) and along x (..., P, h_x + 1), complex."""

    along_y: Tensor
    along_x: Tensor


def point_waves(points_nm: Tensor, like: Tensor, field_nm: tuple[float, float]) -> PointWaves:
    """What `synthesise_at` needs of points, for any number of spectra.

    Args:
        points_nm: (P, 2), rows of (x, y) in nm; or (..., P, 2), for each image its own.
        like: A half spectrum with the size and dtype of those to come, (..., 2 h_y + 1, h_x + 1).
        field_nm: (height, width) of the periodic field in nm.
    """
    half_y, half_x = like.shape[-2] // 2, like.shape[-1] - 1
    turns_y, turns_x = points_nm[..., 1, None] / field_nm[0], points_nm[..., 0, None] / field_nm[1]
    angles_y = 2 * torch.pi * turns_y * torch.arange(-half_y, half_y + 1, device=points_nm.device)
    angles_x = 2 * torch.pi * turns_x * torch.arange(half_x + 1, device=points_nm.device)
    along_y = torch.polar(torch.ones_like(angles_y), angles_y).to(like.dtype)
    # Every fx > 0 stands for -fx as well.
    along_x = torch.polar(torch.full_like(angles_x, 2.0), angles_x).to(like.dtype)
    along_x[..., 0] /= 2
    return PointWaves(along_y, along_x)


def synthesise_at(spectrum: Tensor, waves: PointWaves) -> Tensor:
    """The image of a half spectrum at any points.

    Args:
        spectrum: Complex, (..., 2 h_y + 1, h_x + 1).
        waves: Those of the points, by `point_waves`.

    Returns:
        Real values (..., P).
    """
    return ((waves.along_y @ spectrum) * waves.along_x).sum(-1).real


def full_spectrum(half_spectrum: Tensor) -> Tensor:
    """Half spectrum of a real image -> all frequencies (..., 2 h_y + 1, 2 h_x + 1), zero in the centre."""
    mirrored = half_spectrum[..., 1:].flip(-2, -1).conj()
    return torch.cat((mirrored, half_spectrum), dim=-1)
