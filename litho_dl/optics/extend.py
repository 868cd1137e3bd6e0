"""Kernels carried to a field larger than the one they were made for."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from litho_dl.core.errors import GridMismatchError
from litho_dl.optics.kernels import SocsKernels

FADE = 0.5  # of the reach; nearer than that the kernels stay as they are
OVERSAMPLING = 2  # of the kernels in space, so that the fading does not alias


def reach_nm(kernels: SocsKernels) -> float:
    """How far from a point kernels know what a mask does to its image: half their field's smaller side."""
    return min(kernels.field_nm) / 2


def extended(kernels: SocsKernels, field_nm: tuple[float, float]) -> SocsKernels:
    """The kernels on another field: unchanged in space up to half their reach, then fading to nothing at the reach.

    Kernels of a field tell what happens within half of it; on a larger one, something has to be said of what lies
    farther away. Here it has no influence, so that images on any two large fields agree wherever the masks within the
    reach do: what tiles of a chip need. Kernels built for the larger field itself would have tails which fall with the
    distance to the power of -3/2 and, of sources sampled in points, come back where the samples beat.

    What fading takes from a kernel's mean is given back on the ring where it fades, so that a clear mask's image stays
    as it is without a factor on that of small features.

    Args:
        kernels: Of a square field; imported ones will do.
        field_nm: (height, width), each at least the kernels' own.

    Returns:
        Kernels of `field_nm` whose open frame is that of the given ones.

    Raises:
        GridMismatchError: The field is smaller than the kernels' own.
    """
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
    half = [math.ceil((highest + 1 / reach) * side) for side in field_nm]  # fading widens a spectrum by 1 / reach
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
