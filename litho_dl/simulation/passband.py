"""Kernels on the frequencies that a simulator keeps."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from litho_dl.core.errors import KernelError
from litho_dl.core.grid import finest_period
from litho_dl.optics.imaging import paired, paired_channels
from litho_dl.optics.kernels import SocsKernels, Tail
from litho_dl.optics.mask import MaskType
from litho_dl.optics.topography import CHANNELS, channel_factors, with_layers
from litho_dl.process.model import ProcessModel

EDGE_SPACING = 2.0  # edges in the finest period that passes, of masks for which systems are compared
QUADRATURE = 1e-4  # of the strongest system's energy; weaker ones in quadrature are left out


@dataclass(frozen=True, eq=False, repr=False)
class Passband:
    """The kernels of a simulator, and the frequencies of mask and image that it keeps.

    Attributes:
        kernels: Complex kernels or pupils of each focus, in float64 precision; of masks with boundary layers, with a
            part for each channel of `MaskSpectrum.amplitude`.
        half: (h_y, h_x), the highest frequencies of the mask.
        intensity_half: The highest frequencies of the intensity.
        tails: The tails of the kernels that have one, in float64 precision.
    """

    kernels: dict[str, Tensor]
    half: tuple[int, int]
    intensity_half: tuple[int, int]
    tails: dict[str, Tail] = field(default_factory=dict)

    def __repr__(self) -> str:
        kernels = ", ".join(f"{name} {len(kernels)}" for name, kernels in self.kernels.items())
        return f"Passband(kernels {kernels}; half {self.half}, intensity half {self.intensity_half})"


def socs_passband(process: ProcessModel, quadrature: float | None = None) -> Passband:
    """The kernels of a process, or fewer kernels that give the same images of real masks.

    Args:
        process: The process.
        quadrature: Fields of a mask with boundary layers that have less energy, as a share of the strongest's, are left
            out; None: `QUADRATURE`.

    Raises:
        KernelError: The mask has boundary layers, and kernels do not say how they see polarised light.
    """
    half_y, half_x = process.half
    quadrature = QUADRATURE if quadrature is None else quadrature
    kernels = {name: _fewest(own, process.mask, quadrature) for name, own in process.kernels.items()}
    tails = {
        name: _tail_with_edges(own.tail, own, process.mask)
        for name, own in process.kernels.items()
        if own.tail is not None
    }
    return Passband(kernels, (half_y, half_x), (2 * half_y, 2 * half_x), tails)


def _fewest(kernels: SocsKernels, mask: MaskType, quadrature: float) -> Tensor:
    """Kernels times the roots of their weights, (K, ...), as few as suffice; with boundary layers (K, 4, ...).

    The imaginary parts of boundary layers have systems of their own, in quadrature to those of areas. Few matter.
    """
    areas = kernels.weighted_spectra
    if mask.topography is None:
        return paired(areas)
    if kernels.polarized is None:
        raise KernelError(
            "Expected kernels that were built for a mask with boundary layers, got others; build them from a recipe "
            "with [mask.topography], or leave it out."
        )
    roots = kernels.weights.sqrt()[:, None, None, None]
    whole = with_layers(areas, roots * kernels.polarized, _factors(kernels, mask))
    finest_nm = finest_period(kernels.half, kernels.field_nm)
    densities = torch.tensor([1, *[EDGE_SPACING / finest_nm] * (CHANNELS - 1)], dtype=torch.float64)
    return paired_channels(whole, densities, quadrature)


def _factors(kernels: SocsKernels, mask: MaskType) -> Tensor:
    assert mask.topography is not None
    return channel_factors(mask.topography, mask.contrast, kernels.half, kernels.field_nm)


def _tail_with_edges(tail: Tail, kernels: SocsKernels, mask: MaskType) -> Tail:
    """A tail whose root sees edges as unpolarised light does on average."""
    if mask.topography is None:
        return tail
    root = tail.root.unsqueeze(0)
    unpolarized = torch.stack((root / 2, torch.zeros_like(root)), 1)
    return tail._replace(root=with_layers(root, unpolarized, _factors(kernels, mask))[0])
