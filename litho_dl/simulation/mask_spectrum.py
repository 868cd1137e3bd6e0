"""From mask values to the spectra that kernels take: of areas, of edges, and of what tails take."""

from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.core.dft import PartialDft, analyse, analysis, full_spectrum
from litho_dl.core.grid import Grid, finest_period
from litho_dl.optics.edges import BiasFactors, EdgeTransform, bias_factors, edge_spectra, edge_transform
from litho_dl.optics.mask import MaskType


class MaskSpectrum(NamedTuple):
    """The spectra of what masks transmit.

    Attributes:
        amplitude: Of t, (..., 2 h_y + 1, 2 h_x + 1) complex, zero frequency in the centre; of a mask with boundary
            layers (..., 4, 2 h_y + 1, 2 h_x + 1), also of the three densities of edges.
        intensity: Of |t|^2 up to the band of images, half spectra (..., 4 h_y + 1, 2 h_x + 1) complex; None where no
            kernels have a tail. Odd moments are left out: edges gain and lose by them what the fit has set to nearly 0.
    """

    amplitude: Tensor
    intensity: Tensor | None

    def part(self, which: slice) -> "MaskSpectrum":
        """The spectra of some masks of a batch."""
        return MaskSpectrum(self.amplitude[which], None if self.intensity is None else self.intensity[which])


class MaskTransforms(NamedTuple):
    """The transforms of masks on one grid.

    Attributes:
        areas: Up to the band of masks, or of images if `wide`.
        edges: The same of edges; None: edges transmit what areas do.
        bias: What the bias of edges makes of spectra; None: nothing.
        half: (h_y, h_x), the highest frequencies of masks.
        wide: Whether spectra of |t|^2 are wanted.
    """

    areas: PartialDft
    edges: EdgeTransform | None
    bias: BiasFactors | None
    half: tuple[int, int]
    wide: bool


def mask_transforms(
    technology: MaskType,
    grid: Grid,
    half: tuple[int, int],
    *,
    wide: bool,
    reference_nm: float,
    dtype: torch.dtype,
    device: torch.device,
) -> MaskTransforms:
    """The transforms of masks on a grid.

    Args:
        technology: The mask technology.
        grid: The pixels of masks.
        half: (h_y, h_x), the highest frequencies of masks.
        wide: Whether spectra of |t|^2 are wanted, up to twice these frequencies.
        reference_nm: Pixel at which kernels expect masks to be sampled; 0 for the exact Fourier series.
        dtype: float32 or float64.
        device: Where they are stored.
    """
    kept = (2 * half[0], 2 * half[1]) if wide else half
    areas = analysis(grid, kept, reference_nm=reference_nm, dtype=dtype, device=device, blur_nm=technology.blur_nm)
    edges, bias = None, None
    if any(technology.biases_nm):
        bias = bias_factors(torch.tensor(technology.biases_nm, dtype=torch.float64), kept, grid.field_nm)
        bias = BiasFactors(*(part.to(device, dtype) for part in bias))
    if technology.has_edges:
        edges = edge_transform(
            grid,
            kept,
            reference_nm=reference_nm,
            dtype=dtype,
            device=device,
            blur_nm=technology.blur_nm,
            finest_period_nm=finest_period(half, grid.field_nm),
        )
    return MaskTransforms(areas, edges, bias, half, wide)


def mask_spectrum(values: Tensor, technology: MaskType, transforms: MaskTransforms) -> MaskSpectrum:
    """The spectra of masks; differentiable.

    Args:
        values: Mask values (..., H, W) on the transforms' grid.
        technology: The mask technology.
        transforms: By `mask_transforms`.

    Returns:
        The spectra up to the transforms' band.
    """
    edges = None if transforms.edges is None else edge_spectra(values, transforms.edges)
    if not transforms.wide:
        drawn = analyse(technology.amplitude(values), transforms.areas)
        amplitude = _biased(drawn, edges, transforms.bias, technology.contrast)
        edges = _moved(edges, drawn / technology.contrast, transforms.bias, technology)
        return MaskSpectrum(_channels(full_spectrum(amplitude), edges, technology), None)
    drawn, contrast = analyse(technology.transmitted(values), transforms.areas), technology.transmitted_contrast
    intensity = _biased(drawn, edges, transforms.bias, contrast)
    amplitude = _amplitude(values, intensity, technology, transforms)
    edges = _moved(edges, drawn / contrast, transforms.bias, technology)
    low = None if edges is None else _low(edges, transforms.half)
    if edges is not None and technology.topography is not None:
        share = contrast / technology.contrast
        along_x, along_y = (share * mean.real for mean in technology.topography.mean_nm)
        intensity = intensity + along_x * edges[..., 0, :, :] + along_y * edges[..., 1, :, :]
    return MaskSpectrum(_channels(amplitude, low, technology), intensity)


def _amplitude(values: Tensor, intensity: Tensor, technology: MaskType, transforms: MaskTransforms) -> Tensor:
    """The spectrum of t, without another analysis where t is a line in |t|^2."""
    line = technology.amplitude_of_intensity
    if line is None:
        return full_spectrum(_low(analyse(technology.amplitude(values), transforms.areas), transforms.half))
    amplitude = line[0] * full_spectrum(_low(intensity, transforms.half))
    if line[1]:
        place = torch.zeros_like(amplitude)
        place[..., transforms.half[0], transforms.half[1]] = line[1]
        amplitude = amplitude + place
    return amplitude


def _low(half_spectrum: Tensor, half: tuple[int, int]) -> Tensor:
    """The lowest frequencies of a half spectrum."""
    middle = half_spectrum.shape[-2] // 2
    return half_spectrum[..., middle - half[0] : middle + half[0] + 1, : half[1] + 1]


def _biased(spectrum: Tensor, edges: Tensor | None, bias: BiasFactors | None, contrast: float) -> Tensor:
    """A spectrum with displaced edges."""
    if edges is None or bias is None:
        return spectrum
    return bias.areas * spectrum + contrast * (bias.edges * edges[..., :2, :, :]).sum(-3)


def _moved(edges: Tensor | None, coverage: Tensor, bias: BiasFactors | None, technology: MaskType) -> Tensor | None:
    """The densities where a bias moves edges to, for boundary layers; of the coverage, frequency 0 does not matter."""
    if edges is None or bias is None or technology.topography is None:
        return edges
    return bias.areas * edges + bias.moved * coverage.unsqueeze(-3)


def _channels(amplitude: Tensor, edges: Tensor | None, technology: MaskType) -> Tensor:
    """The channels of a mask with boundary layers; of another, the amplitude alone."""
    if edges is None or technology.topography is None:
        return amplitude
    return torch.cat((amplitude.unsqueeze(-3), full_spectrum(edges)), -3)
