"""Band-limited imaging: from the mask's low frequencies to the low frequencies of the intensity.

Kernels pass only the (2 h + 1)^2 lowest mask frequencies, and the intensity has only the (4 h + 1)^2 lowest; so each
kernel is transformed on a grid just large enough for the intensity, and nothing is transformed on the full pixel grid.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BROKEN_LENGTH = 2048  # torch's CPU fft2 is wrong at 2048 x 2048 (pytorch issue 169670)
CACHED_BYTES = 2**22  # of fields that are computed together
LARGE_FIELD = 2**16  # samples; fields of at least this size are summed one by one instead of all at once
ENERGY_TOLERANCE = 1e-13  # of the strongest mode's energy; weaker modes are rounding noise


def fft_length(samples: int) -> int:
    """The smallest length >= `samples` of a fast and correct FFT: a multiple of 4 with prime factors 2, 3, 5 and 7.

    On CPUs, odd lengths take up to twice as long as the next such length.
    """
    length = 4 * math.ceil(samples / 4)
    while length == BROKEN_LENGTH or not _has_small_factors(length):
        length += 4
    return length


def _has_small_factors(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1


def paired(kernels: Tensor) -> Tensor:
    """The fewest kernels that give exactly the same intensity for every real mask.

    For a real mask, the real and the imaginary part of a kernel in space are two coherent systems with real fields, and
    the intensity is the sum of their squares; any two such systems make one complex kernel. Where source and pupil are
    unchanged by a rotation of 180 degrees up to odd aberrations, as in focus, each kernel is real up to a constant
    phase, and half as many kernels are enough.

    Args:
        kernels: (K, 2 h_y + 1, 2 h_x + 1), each multiplied by the root of its weight.

    Returns:
        At most K kernels, complex128; the given ones if fewer do not suffice.
    """
    kernels = kernels.to(torch.complex128)
    if not len(kernels):
        return kernels
    real_fields = _real_fields(kernels)
    turn, kept = _modes(real_fields)
    return _in_pairs(turn[:, kept].T.flip(0).to(kernels.dtype) @ real_fields, kernels)


def paired_channels(kernels: Tensor, lengths: Tensor, tolerance: float) -> Tensor:
    """`paired` for the real channels of a mask, of which the first says how many kernels there are.

    The real systems that image the first channel are kept, whole. What the others send through systems of their own is
    in quadrature to it, and weak: of these systems, those above a tolerance are kept.

    Args:
        kernels: (K, C, 2 h_y + 1, 2 h_x + 1), each multiplied by the root of its weight.
        lengths: (C,) what a channel is multiplied by where its strength is compared with the first.
        tolerance: Of the strongest system's energy.

    Returns:
        At most K kernels, complex128; the given ones if fewer do not suffice.
    """
    kernels = kernels.to(torch.complex128)
    turn, kept = _modes(_real_fields(kernels[:, 0]))
    whole = turn.T.to(kernels.dtype) @ _real_fields(kernels)
    modes = whole[kept].flip(0)
    if not kept.all():
        scaled = (whole[~kept].unflatten(1, kernels.shape[1:]) * lengths[:, None, None]).flatten(1)
        strongest = whole[kept].unflatten(1, kernels.shape[1:])[-1, 0].abs().square().sum()
        energies, other = torch.linalg.eigh((scaled.conj() @ scaled.T).real)
        strong = energies > tolerance * strongest
        modes = torch.cat((modes, other[:, strong].T.flip(0).to(kernels.dtype) @ whole[~kept]))
    return _in_pairs(modes, kernels)


def _real_fields(kernels: Tensor) -> Tensor:
    """The spectra of the real and imaginary parts of kernels in space, (2 K, values)."""
    mirrored = kernels.flip(-2, -1).conj()
    return torch.cat(((kernels + mirrored) / 2, (kernels - mirrored) / 2j)).flatten(1)


def _modes(real_fields: Tensor) -> tuple[Tensor, Tensor]:
    """The turn, in columns of ascending energy, to systems that are orthogonal, and which of them do not vanish."""
    energies, turn = torch.linalg.eigh((real_fields.conj() @ real_fields.T).real)
    return turn, energies > ENERGY_TOLERANCE * energies[-1]


def _in_pairs(modes: Tensor, kernels: Tensor) -> Tensor:
    """Real systems (R, values) two by two as complex kernels; the given kernels, if those are as few."""
    if len(modes) % 2:
        modes = torch.cat((modes, torch.zeros_like(modes[:1])))
    if len(modes) // 2 >= len(kernels):
        return kernels
    return (modes[0::2] + 1j * modes[1::2]).unflatten(1, kernels.shape[1:])


def intensity_spectrum(spectrum: Tensor, kernels: Tensor) -> Tensor:
    """I = sum_k |F^-1{K_k S}|^2, as a spectrum; exact, without aliasing. Of channels, K_k S is sum_c K_k^c S^c.

    Args:
        spectrum: Mask spectrum (..., 2 h_y + 1, 2 h_x + 1), zero frequency in the centre; or of C channels,
            (..., C, 2 h_y + 1, 2 h_x + 1), if kernels have them.
        kernels: (K, 2 h_y + 1, 2 h_x + 1), each multiplied by the root of its weight; or (K, C, ...).

    Returns:
        Half spectrum of the intensity, (..., 4 h_y + 1, 2 h_x + 1).

    Source: H. H. Hopkins, Proc. R. Soc. A 217, 408 (1953); N. Cobb, PhD thesis, UC Berkeley (1998), ch. 3.
    """
    double_y, double_x = kernels.shape[-2] - 1, kernels.shape[-1] - 1
    if not len(kernels):
        return spectrum.new_zeros(*spectrum.shape[: 1 - kernels.ndim], 2 * double_y + 1, double_x + 1)
    size = fft_length(2 * double_y + 1), fft_length(2 * double_x + 1)
    return low_frequencies(_CoherentSum.apply(spectrum, kernels, size), (double_y, double_x))


class _CoherentSum(torch.autograd.Function):
    """sum_k |F^-1{K_k S}|^2 on a grid of `size`, (..., n_y, n_x); ILT spends most of its time here.

    The gradient is written by hand, because automatic differentiation reads the fields four times where once is enough.
    On CPUs a few kernels are computed at a time, so that their fields stay in the processor's cache.
    """

    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, kernels: Tensor, size: tuple[int, int]) -> Tensor:
        batch, (height, width) = spectrum.shape[: 1 - kernels.ndim], kernels.shape[-2:]
        together = _together(spectrum, kernels, size)
        # Zero frequency is at [h, h] instead of [0, 0]: that changes only the phase of E_k, not |E_k|^2.
        padded = spectrum.new_zeros((*batch, min(together, len(kernels)), *size))
        intensity = spectrum.real.new_zeros((*batch, size[0], 2 * size[1]))
        fields = []
        for part in kernels.split(together):
            _drive(padded[..., : len(part), :height, :width], spectrum, part)
            fields.append(torch.fft.ifft2(padded[..., : len(part), :, :], norm="forward"))
            parts = _as_real(fields[-1])
            if math.prod(size) < LARGE_FIELD:
                intensity += parts.square().sum(-3)
            else:
                for amplitude in parts.unbind(-3):
                    intensity.addcmul_(amplitude, amplitude)
        ctx.save_for_backward(spectrum, kernels, *fields)
        return intensity.unflatten(-1, (-1, 2)).sum(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        spectrum, kernels, *fields = ctx.saved_tensors
        of_parts = (2 * gradient).repeat_interleave(2, -1).unsqueeze(-3)
        turned = torch.zeros_like(spectrum) if ctx.needs_input_grad[0] else None  # the conjugate of its gradient
        of_kernels = []
        for part, field in zip(kernels.split(fields[0].shape[-3]), fields, strict=True):
            of_field = torch.view_as_complex((_as_real(field) * of_parts).unflatten(-1, (-1, 2)))
            waves = torch.fft.fft2(of_field)[..., : part.shape[-2], : part.shape[-1]]
            if turned is not None:
                conjugate = waves.conj_physical()
                for channel, own in zip(_channels(turned, kernels.ndim), _channels(part, kernels.ndim), strict=True):
                    channel += (conjugate * own).sum(-3)
            if ctx.needs_input_grad[1]:
                waves = waves if kernels.ndim == 3 else waves.unsqueeze(-3)
                of_kernels.append((waves * spectrum.unsqueeze(-kernels.ndim).conj()).sum_to_size(part.shape))
        of_spectrum = None if turned is None else turned.conj_physical_()
        return of_spectrum, torch.cat(of_kernels) if of_kernels else None, None


def _channels(values: Tensor, dimensions: int) -> tuple[Tensor, ...]:
    """The channels of spectra or kernels, whose kernels have so many dimensions: 3 without channels, 4 with them."""
    return (values,) if dimensions == 3 else values.unbind(-3)


def _drive(fields: Tensor, spectrum: Tensor, kernels: Tensor) -> None:
    """Writes the spectra of the fields, sum_c K_k^c S^c, to (..., K, 2 h_y + 1, 2 h_x + 1)."""
    first, *more = zip(_channels(spectrum, kernels.ndim), _channels(kernels, kernels.ndim), strict=True)
    torch.mul(first[0].unsqueeze(-3), first[1], out=fields)
    for channel, own in more:
        fields.addcmul_(channel.unsqueeze(-3), own)


def _as_real(fields: Tensor) -> Tensor:
    """Real and imaginary parts interleaved, (..., n_y, 2 n_x): real operations on contiguous memory are the fastest."""
    return torch.view_as_real(fields).flatten(-2)


def _together(spectrum: Tensor, kernels: Tensor, size: tuple[int, int]) -> int:
    """How many kernels are computed at a time; on a GPU, all of them."""
    if spectrum.is_cuda:
        return len(kernels)
    field_bytes = spectrum.shape[: 1 - kernels.ndim].numel() * math.prod(size) * spectrum.element_size()
    return max(1, CACHED_BYTES // max(1, field_bytes))


def low_frequencies(samples: Tensor, half: tuple[int, int]) -> Tensor:
    """The lowest frequencies of a real periodic function.

    Args:
        samples: (..., n_y, n_x), real, over one period.
        half: (h_y, h_x), the highest frequencies kept, in cycles per period.

    Returns:
        Half spectrum (..., 2 h_y + 1, h_x + 1): f_y = -h_y ... h_y, f_x = 0 ... h_x.
    """
    corner = torch.fft.rfft2(samples, norm="forward")[..., : half[1] + 1]
    return torch.cat((corner[..., samples.shape[-2] - half[0] :, :], corner[..., : half[0] + 1, :]), dim=-2)
