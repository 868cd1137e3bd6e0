"""Band-limited imaging: from a mask's few low frequencies to the intensity's.

Kernels see only the (2 h + 1)^2 lowest mask frequencies, and the intensity holds only the (4 h + 1)^2 lowest; so each
kernel is transformed on a grid just large enough for the intensity, and nothing is ever transformed at full size.
"""

import torch
from scipy.fft import next_fast_len
from torch import Tensor

BROKEN_LENGTH = 2048  # torch's CPU fft2 is wrong at 2048 x 2048 (pytorch issue 169670)


def fft_length(samples: int) -> int:
    """The next length that transforms fast, and right."""
    length = next_fast_len(samples)
    return next_fast_len(length + 1) if length == BROKEN_LENGTH else length


def intensity_spectrum(spectrum: Tensor, kernels: Tensor) -> Tensor:
    """I = sum_k |F^-1{K_k S}|^2, from spectrum to spectrum; exact, with no aliasing.

    Args:
        spectrum: Mask spectrum (..., 2 h_y + 1, 2 h_x + 1), zero frequency in the centre.
        kernels: (K, 2 h_y + 1, 2 h_x + 1), each multiplied by the root of its weight.

    Returns:
        Half spectrum of the intensity, (..., 4 h_y + 1, 2 h_x + 1).

    Source: H. H. Hopkins, Proc. R. Soc. A 217, 408 (1953); N. Cobb, PhD thesis, UC Berkeley (1998), ch. 3.
    """
    double_y, double_x = kernels.shape[-2] - 1, kernels.shape[-1] - 1
    size = fft_length(2 * double_y + 1), fft_length(2 * double_x + 1)
    # Zero frequency sits at [h, h] instead of [0, 0]: a phase on E_k that |E_k|^2 does not see.
    fields = torch.fft.ifft2(spectrum.unsqueeze(-3) * kernels, s=size, norm="forward")
    # Real and imaginary parts side by side: contiguous passes, forwards and backwards.
    squares = torch.view_as_real(fields).flatten(-2).square().sum(-3)
    return low_frequencies(squares.unflatten(-1, (-1, 2)).sum(-1), (double_y, double_x))


def low_frequencies(samples: Tensor, half: tuple[int, int]) -> Tensor:
    """Real samples (..., n_y, n_x) over one period -> half spectrum (..., 2 h_y + 1, h_x + 1)."""
    corner = torch.fft.rfft2(samples, norm="forward")[..., : half[1] + 1]
    return torch.cat((corner[..., samples.shape[-2] - half[0] :, :], corner[..., : half[0] + 1, :]), dim=-2)
