"""Kernels extended to a field larger than the one they were made for."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from litho_dl.core.errors import GridMismatchError, KernelError
from litho_dl.optics.kernels import SocsKernels

FADE = 0.5  # share of the reach over which kernels fall to zero; closer to the centre they are unchanged
OVERSAMPLING = 2  # of the kernels in space, so that fading them causes no aliasing


def reach_nm(kernels: SocsKernels) -> float:
    """Distance up to which kernels describe the influence of the mask on a point: half their field's smaller side."""
    return min(kernels.field_nm) / 2


def extended(kernels: SocsKernels, field_nm: tuple[float, float]) -> SocsKernels:
    """The kernels on a larger field: unchanged in space up to half their reach, then falling to zero at the reach.

    Kernels of one field determine the influence of the mask up to half the field away; on a larger field, the influence
    of what lies farther away is a choice. Here it is zero, so that images on any two large fields agree wherever the
    masks within the reach agree, which tiles of a chip need. Kernels built for the larger field itself would have tails
    that fall as distance^(-3/2) and, because the source is sampled at points, rise again where these points interfere.

    What a kernel's mean loses by the fading is added back on the ring where it fades: the image of a clear mask stays
    the same without rescaling the images of small features.

    Args:
        kernels: Kernels of a square field, built or imported.
        field_nm: (height, width), each at least that of the kernels.

    Returns:
        Kernels for `field_nm` with the same intensity of a clear mask.

    Raises:
        GridMismatchError: The field is smaller than the kernels' own.
        KernelError: The kernels have a tail, which gathers the light of the whole field that it was made for.
    """
    if kernels.tail is not None:
        raise KernelError(
            "Expected kernels that can be carried to a larger field, got ones with a tail, which holds for their own "
            "field alone; for full chips give count and source_samples in [kernels], in place of edge_error_nm."
        )
    if min(field_nm) < max(kernels.field_nm) * (1 - 1e-9):
        raise GridMismatchError(
            f"Expected a field of at least the kernels' own {max(kernels.field_nm):g} nm, got {min(field_nm):g} nm; "
            f"build kernels for the smaller field."
        )
    reach, highest = reach_nm(kernels), max(h / side for h, side in zip(kernels.half, kernels.field_nm, strict=True))
    x = _positions(reach, highest)
    fade = _fade(torch.hypot(x[:, None], x[None]) / reach)
    ring = fade * (1 - fade)
    ring /= ring.sum()
    rows, columns = (_waves(x, h, side) for h, side in zip(kernels.half, kernels.field_nm, strict=True))
    half = [math.ceil((highest + 1 / reach) * side) for side in field_nm]  # fading widens the spectrum by 1 / reach
    back_rows, back_columns = (_waves(x, h, side).conj().T for h, side in zip(half, field_nm, strict=True))
    cell = (x[1] - x[0]) ** 2 / math.prod(kernels.field_nm)
    spectra = []
    for spectrum in kernels.spectra.to(torch.complex128):  # all kernels in space at once would take a gigabyte
        faded = (rows @ spectrum @ columns.T) * fade
        lost = spectrum[kernels.half] / cell - faded.sum()
        spectra.append(cell * (back_rows @ (faded + lost * ring) @ back_columns.T))
    return replace(kernels, spectra=torch.stack(spectra).to(kernels.spectra.dtype), field_nm=field_nm)


def _positions(reach: float, highest: float) -> Tensor:
    """Sample points in [-reach, reach), fine enough for frequencies up to the highest, in cycles per nm."""
    count = 2 * math.ceil(2 * OVERSAMPLING * highest * reach)
    return (torch.arange(count, dtype=torch.float64) - count // 2) * (2 * reach / count)


def _fade(distance: Tensor) -> Tensor:
    """1 up to 1 - `FADE` of the reach, 0 from the reach on, half a cosine between."""
    return (1 + torch.cos(math.pi * ((distance - (1 - FADE)) / FADE).clamp(0, 1))) / 2


def _waves(x: Tensor, half: int, side_nm: float) -> Tensor:
    """exp(2 pi i f x), (points, 2 half + 1), for frequencies of steps of 1 / side."""
    frequencies = torch.arange(-half, half + 1, dtype=torch.float64) / side_nm
    return torch.exp(2j * math.pi * x[:, None] * frequencies)
