"""Kernels extended to a field larger than the one they were made for."""

import math
from dataclasses import replace

from torch import Tensor

from litho_dl.core.dft import full_spectrum
from litho_dl.core.errors import GridMismatchError
from litho_dl.optics.kernels import SocsKernels, Tail
from litho_dl.optics.local import Carrier, disc_spectrum


def extended(kernels: SocsKernels, field_nm: tuple[float, float]) -> SocsKernels:
    """The kernels on a larger field: unchanged in space up to two thirds of their reach, zero beyond it.

    Kernels of one field determine the influence of the mask up to half the field away; on a larger field, the influence
    of what lies farther away is a choice. Here it is zero, so that images on any two large fields agree wherever the
    masks within the reach agree (within twice the reach, if there is a tail, whose light is spread over a disc of that
    radius), which tiles of a chip need. Kernels built for the larger field itself would have tails
    that fall as distance^(-3/2) and, because the source is sampled at points, rise again where these points interfere.

    What a kernel's mean loses by the fading is added back on the ring where it fades: the image of a clear mask stays
    the same without rescaling the images of small features.

    Args:
        kernels: Kernels of a square field, built or imported.
        field_nm: (height, width), each at least that of the kernels.

    Returns:
        Kernels for `field_nm` with the same intensity of a clear mask. How far off edges then are is not measured:
        results/kernels.md has an example.

    Raises:
        GridMismatchError: The field is smaller than the kernels' own.
    """
    if min(field_nm) < max(kernels.field_nm) * (1 - 1e-9):
        raise GridMismatchError(
            f"Expected a field of at least the kernels' own {max(kernels.field_nm):g} nm, got {min(field_nm):g} nm; "
            f"build kernels for the smaller field."
        )
    reach, highest = kernels.reach_nm, max(h / side for h, side in zip(kernels.half, kernels.field_nm, strict=True))
    widest = highest if kernels.ends_nm else highest + 1 / reach  # fading widens the spectrum
    half = math.ceil(widest * field_nm[0]), math.ceil(widest * field_nm[1])
    local = Carrier(kernels.half, kernels.field_nm, half, field_nm, reach, ended=kernels.ends_nm is not None)
    polarized = kernels.polarized
    return replace(
        kernels,
        spectra=_carried(kernels.spectra, local),
        polarized=None if polarized is None else _carried(polarized.flatten(0, 1), local).unflatten(0, (-1, 2)),
        field_nm=field_nm,
        tail=_extended_tail(kernels, half, field_nm),
        edge_error_nm=None,
        ends_nm=reach,
    )


def _carried(spectra: Tensor, carrier: Carrier) -> Tensor:
    """Spectra (K, 2 h_y + 1, 2 h_x + 1) on the wanted field."""
    wide = spectra.new_zeros(len(spectra), *(2 * h + 1 for h in carrier.wide_half))
    for place, spectrum in zip(wide, spectra, strict=True):
        place.copy_(carrier(spectrum))
    return wide


def _extended_tail(kernels: SocsKernels, half: tuple[int, int], field_nm: tuple[float, float]) -> Tail | None:
    if kernels.tail is None:
        return None
    linear, root, _ = kernels.tail
    reach, own, ended = kernels.reach_nm, kernels.field_nm, kernels.ends_nm is not None
    double, wide = (2 * kernels.half[0], 2 * kernels.half[1]), (2 * half[0], 2 * half[1])
    return Tail(
        Carrier(double, own, wide, field_nm, reach, ended=ended)(full_spectrum(linear))[:, wide[1] :],
        Carrier(kernels.half, own, half, field_nm, reach, ended=ended)(root),
        disc_spectrum(wide, field_nm, reach)[:, wide[1] :],
    )
