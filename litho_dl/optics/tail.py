"""The tail of truncated kernels: what was dropped, at the cost of two products and one more kernel.

What truncation drops is nearly incoherent light. Incoherent light is linear in |t|^2, and so for a mask of two values
linear in the mask: F^-1{g(f) S_2(f)}. g is fitted to the images of example masks, on rings of equal |f|; around a ring
it may vary as the first harmonics of the angle, as it does for sources with poles.

How much light was dropped in all needs no fit: over a field, it is the sum of |S(f)|^2 times the TCC's diagonal, whose
part e(f) that the kernels lack is known. That sum is the mean of |F^-1{sqrt(e) S}|^2. This mean, taken over a disc
instead of the field so that far masks have no influence, is added; on the field that the kernels were made for its own
mean is exact, and so is the energy of every mask's image, a clear one's among them.

For masks of grey values, as an optimisation makes them, g is an approximation of another kind, about as good on edges
(tests/process/test_accuracy.py). Intensities may become slightly negative.
"""

from dataclasses import replace

import torch
from torch import Tensor

from litho_dl.core.dft import full_spectrum
from litho_dl.optics.imaging import intensity_spectrum
from litho_dl.optics.kernels import SocsKernels, Tail
from litho_dl.optics.local import Carrier, disc_spectrum

HARMONICS = 4  # highest harmonic of the angle
RIDGE = 0.03  # of a ring's energy: what a harmonic must explain to be taken


def tail_image(amplitude: Tensor, transmitted: Tensor, tail: Tail) -> Tensor:
    """What the tail adds to images.

    Args:
        amplitude: Spectra of t, (..., 2 h_y + 1, 2 h_x + 1) complex, zero frequency in the centre.
        transmitted: Half spectra of |t|^2, (..., 4 h_y + 1, 2 h_x + 1) complex.
        tail: On the same frequencies, dtype and device.

    Returns:
        Half spectra, (..., 4 h_y + 1, 2 h_x + 1) complex.
    """
    return tail.linear * transmitted + tail.disc * intensity_spectrum(amplitude, tail.root.unsqueeze(0))


def with_mean(kernels: SocsKernels, diagonal: Tensor) -> SocsKernels:
    """Kernels with the mean of the light that they lack, and no linear part.

    Args:
        kernels: Kernels without a tail, not rescaled.
        diagonal: The TCC's, as `optics.tcc.Tcc` has it.
    """
    double = 2 * kernels.half[0], 2 * kernels.half[1]
    root = (diagonal - kernels.diagonal).clamp(min=0).sqrt().to(torch.complex128)
    disc = disc_spectrum(double, kernels.field_nm, kernels.reach_nm)[:, double[1] :]
    return replace(kernels, tail=Tail(torch.zeros_like(disc, dtype=root.dtype), root, disc))


def shortened(kernels: SocsKernels, count: int) -> SocsKernels:
    """The strongest kernels, and the mean of the light of the others in the tail; for images that may be less exact.

    Args:
        kernels: The kernels, with or without a tail.
        count: How many to keep; at least 1.

    Returns:
        The same kernels if there are no more.
    """
    if count >= len(kernels.weights):
        return kernels
    energies = kernels.weights * kernels.spectra.abs().square().sum((-2, -1))
    kept = energies.argsort(descending=True)[:count].sort().values
    polarized = None if kernels.polarized is None else kernels.polarized[kept]
    few = replace(kernels, spectra=kernels.spectra[kept], weights=kernels.weights[kept], tail=None, polarized=polarized)
    if kernels.tail is None:
        return with_mean(few, kernels.diagonal)
    lost = kernels.tail.root.abs().square() + kernels.diagonal - few.diagonal
    return replace(few, tail=kernels.tail._replace(root=lost.clamp(min=0).sqrt().to(kernels.tail.root.dtype)))


def with_linear(kernels: SocsKernels, linear: Tensor) -> SocsKernels:
    """Kernels whose tail has a linear part, which ends at their reach."""
    assert kernels.tail is not None
    half = linear.shape[0] // 2, linear.shape[1] - 1
    local = Carrier(half, kernels.field_nm, half, kernels.field_nm, kernels.reach_nm)
    return replace(kernels, tail=kernels.tail._replace(linear=local(full_spectrum(linear))[:, half[1] :]))


def fit_linear(rest: Tensor, transmitted: Tensor, field_nm: tuple[float, float]) -> Tensor:
    """The transfer function g of |t|^2 with the least squared error over some masks; 0 at frequency 0.

    Args:
        rest: What the kernels lack of the masks' images, half spectra (B, 2 h_y + 1, h_x + 1) complex.
        transmitted: The masks' |t|^2, half spectra of the same shape.
        field_nm: (height, width) of the field.

    Returns:
        g on a half spectrum, (2 h_y + 1, h_x + 1) complex128.
    """
    radius, angle = _polar(rest.shape[-2] // 2, rest.shape[-1] - 1, field_nm)
    rings = radius.round().long().flatten()
    waves = _harmonics(angle).flatten(1)
    energy = transmitted.abs().square().sum(0).double().flatten()
    wanted = (rest * transmitted.conj()).sum(0).to(torch.complex128).flatten()
    count = int(rings.max()) + 1
    products = (waves[:, None].conj() * waves).real * energy
    normal = products.new_zeros(count, *products.shape[:2]).index_add_(0, rings, products.permute(2, 0, 1))
    right = products.new_zeros(count, len(waves)).index_add_(0, rings, (waves.conj() * wanted).real.T)
    scale = normal[:, 0, 0].clamp(min=torch.finfo(normal.dtype).tiny)
    ridge = torch.full((len(waves),), RIDGE, dtype=normal.dtype)
    ridge[0] = 0
    solved = torch.linalg.solve(normal / scale[:, None, None] + torch.diag(ridge + 1e-12), right / scale[:, None])
    tail = (solved[rings].T * waves).sum(0).view(radius.shape)
    tail[rest.shape[-2] // 2, 0] = 0
    return tail


def _polar(half_y: int, half_x: int, field_nm: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """|f| in steps of 1 / the smaller side, and the angle of f, on a half spectrum."""
    smaller = min(field_nm)
    y = torch.arange(-half_y, half_y + 1, dtype=torch.float64) * (smaller / field_nm[0])
    x = torch.arange(half_x + 1, dtype=torch.float64) * (smaller / field_nm[1])
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.hypot(x, y), torch.atan2(y, x)


def _harmonics(angle: Tensor) -> Tensor:
    """Harmonics of the angle, (n, ...): even ones real and odd ones imaginary, as g(-f) is the conjugate of g(f)."""
    waves = [torch.ones_like(angle).to(torch.complex128)]
    for order in range(1, HARMONICS + 1):
        phase = 1j if order % 2 else 1.0
        waves += [phase * torch.cos(order * angle), phase * torch.sin(order * angle)]
    return torch.stack([wave.to(torch.complex128) for wave in waves])
