"""Direct writing: the Gaussian spot of a focused laser beam, which writes shapes without a mask.

The spot passes over the shapes, and its intensities at different times add: the image is the written coverage convolved
with the spot, incoherent light only. In terms of kernels that is a tail alone, without any coherent kernel.
"""

import math

import torch

from litho_dl.core.errors import KernelError
from litho_dl.optics.kernels import SocsKernels, Tail
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.tcc import MOST_VALUES

FWHM_SIGMAS = 2 * math.sqrt(2 * math.log(2))  # of a Gaussian's intensity
NEGLIGIBLE = 1e-9  # of its transfer function, at the highest frequency of an image


def spot_fwhm_nm(pupil: Pupil, defocus_nm: float = 0.0) -> float:
    """The full width at half maximum of a spot's intensity out of focus: FWHM sqrt(1 + (z / z_R)^2).

    Args:
        pupil: The lens, with `imaging = "spot"`; z_R is its `rayleigh_unit_nm`.
        defocus_nm: z, the distance from best focus.

    Source: A. E. Siegman, Lasers (1986), ch. 17.
    """
    assert pupil.fwhm_nm is not None
    return pupil.fwhm_nm * math.hypot(1, defocus_nm / pupil.rayleigh_unit_nm)


def spot_half(pupil: Pupil, field_nm: tuple[float, float]) -> tuple[int, int]:
    """Half the image's band on each axis: at twice these frequencies the spot at best focus passes 1e-9 or less.

    Args:
        pupil: The lens, with `imaging = "spot"`.
        field_nm: (height, width) of the periodic field.

    Returns:
        (h_y, h_x) in steps of 1 / field, the same at every focus.
    """
    highest = math.sqrt(-math.log(NEGLIGIBLE) / 2) / (math.pi * spot_fwhm_nm(pupil) / FWHM_SIGMAS)
    return math.ceil(highest * field_nm[0] / 2), math.ceil(highest * field_nm[1] / 2)


def spot_kernels(pupil: Pupil, field_nm: tuple[float, float], defocus_nm: float = 0.0) -> SocsKernels:
    """No kernel, and a tail with the spot's transfer function g(f) = exp(-2 pi^2 sigma^2 |f|^2), FWHM = 2.355 sigma.

    Images of evenly written areas are 1; coverage between 0 and 1 is a dose.

    Args:
        pupil: The lens, with `imaging = "spot"`.
        field_nm: (height, width) of the periodic field.
        defocus_nm: Distance of the image plane from best focus.

    Raises:
        KernelError: The field is not positive, the defocus not finite, or the field needs more memory than is allowed.
    """
    if not (all(0 < side < math.inf for side in field_nm) and math.isfinite(defocus_nm)):
        raise KernelError(f"Expected a positive field and a finite defocus, got {field_nm} nm and {defocus_nm} nm.")
    half_y, half_x = spot_half(pupil, field_nm)
    if (4 * half_y + 1) * (2 * half_x + 1) > MOST_VALUES:
        raise KernelError(
            f"A field of {field_nm[0]:g} x {field_nm[1]:g} nm holds too many spots of {spot_fwhm_nm(pupil):g} nm for "
            f"the memory; choose a smaller field."
        )
    f_y = torch.arange(-2 * half_y, 2 * half_y + 1, dtype=torch.float64) / field_nm[0]
    f_x = torch.arange(2 * half_x + 1, dtype=torch.float64) / field_nm[1]
    sigma_nm = spot_fwhm_nm(pupil, defocus_nm) / FWHM_SIGMAS
    passed = torch.exp(-2 * (math.pi * sigma_nm) ** 2 * (f_y[:, None].square() + f_x.square()))
    spectra = torch.zeros(0, 2 * half_y + 1, 2 * half_x + 1, dtype=torch.complex128)
    root = torch.zeros(spectra.shape[1:], dtype=spectra.dtype)
    return SocsKernels(
        spectra,
        torch.zeros(0, dtype=torch.float64),
        field_nm,
        tail=Tail(passed.to(spectra.dtype), root, torch.zeros_like(passed)),
        edge_error_nm=0.0,  # but for what the band lacks, 1e-9
    )
