"""The baseline of the speed benchmark: SOCS on the full pixel grid, one FFT per kernel, written plainly.

It is what most open simulators do. The kernels' few frequencies are multiplied and zero-filled (cheaper than a product
over the whole grid), transforms are complex64 through scipy.fft with two workers on the CPU (torch's own CPU fft2 is
wrong at exactly 2048 x 2048, pytorch issue 169670) and through torch.fft on CUDA. Gradients come from autograd.
"""

from typing import Any

import scipy.fft
import torch
from torch import Tensor

from litho_dl.optics.kernels import SocsKernels

WORKERS = 2


def fft2(image: Tensor) -> Tensor:
    """Spectrum with the mean as its zero frequency."""
    if image.device.type == "cuda":
        return torch.fft.fft2(image, norm="forward")
    return torch.from_numpy(scipy.fft.fft2(image.numpy(), norm="forward", workers=WORKERS))


def ifft2(spectrum: Tensor) -> Tensor:
    """Field of a spectrum, and n times the adjoint of `fft2`."""
    if spectrum.device.type == "cuda":
        return torch.fft.ifft2(spectrum, norm="forward")
    return torch.from_numpy(scipy.fft.ifft2(spectrum.numpy(), norm="forward", workers=WORKERS, overwrite_x=True))


class FullGridSocs(torch.autograd.Function):
    """I = sum_k w_k |F^-1{K_k F{m}}|^2 for one mask (N, N), with its exact adjoint."""

    @staticmethod
    def forward(ctx: Any, mask: Tensor, spectra: Tensor, weights: Tensor) -> Tensor:
        spectrum = fft2(mask.to(torch.complex64))
        low = low_frequencies(mask.shape[-1], spectra)
        intensity, fields = torch.zeros_like(mask), []
        for kernel, weight in zip(spectra, weights, strict=True):
            filtered = torch.zeros_like(spectrum)
            filtered[low] = spectrum[low] * kernel
            field = ifft2(filtered)
            intensity += weight * (field.real.square() + field.imag.square())
            if mask.requires_grad:
                fields.append(field)
        ctx.fields, ctx.spectra, ctx.weights, ctx.low = fields, spectra, weights, low
        return intensity

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        spectrum = torch.zeros_like(ctx.fields[0])
        for field, kernel, weight in zip(ctx.fields, ctx.spectra, ctx.weights, strict=True):
            spectrum[ctx.low] += kernel.conj() * fft2(2 * weight * gradient * field)[ctx.low]
        return ifft2(spectrum).real, None, None


def low_frequencies(n: int, spectra: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the kernels' frequencies in an unshifted spectrum of n x n."""
    rows = torch.arange(spectra.shape[-2]) - spectra.shape[-2] // 2
    columns = torch.arange(spectra.shape[-1]) - spectra.shape[-1] // 2
    return (rows % n)[:, None], (columns % n)[None, :]


def full_grid_images(mask: Tensor, kernels: dict[str, SocsKernels]) -> dict[str, Tensor]:
    """Intensity at every focus for masks (B, N, N) on a square field."""

    if any(one.tail is not None for one in kernels.values()):
        raise ValueError("Expected kernels without a tail, which full-grid sums leave out.")

    def images(one: SocsKernels) -> Tensor:
        spectra, weights = one.spectra.to(mask.device, torch.complex64), one.weights.to(mask.device, torch.float32)
        return torch.stack([FullGridSocs.apply(clip, spectra, weights) for clip in mask])

    return {name: images(one) for name, one in kernels.items()}
