"""Hopkins' transmission cross coefficients (TCC) and their sum of coherent systems (SOCS).

A[f, s] = sqrt(J_s) P(f + s) on all frequencies that some source point passes; TCC = A A^H. The left singular vectors of
A are the kernels and its squared singular values their weights. Vector imaging, films and a focus blur give each source
point several columns (see `optics.columns`).
"""

import math

import torch
from torch import Tensor

from litho_dl.core.errors import KernelError
from litho_dl.optics.columns import Columns, clear_image, clear_intensity
from litho_dl.optics.film import Film
from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.modes import coherent_modes, tcc_modes
from litho_dl.optics.pupil import Pupil, pupil_function
from litho_dl.optics.source import Source
from litho_dl.optics.tcc import MOST_VALUES, Tcc

NO_COLUMNS = (
    "A spot writes without a mask and has no source or pupil to sum over; its image is that of `optics.spot`. Give a "
    'recipe with imaging = "scalar" or "vector".'
)
DARK = (
    "Expected a source whose light passes the lens, got none that does: a clear mask would be dark; check the source's "
    "sigmas and obscuration in [pupil]."
)
SCALAR_FILM = (
    "A film reflects the s and the p wave of a beam differently, which scalar imaging does not tell apart; "
    'set imaging = "vector" in [pupil].'
)


def passed_half(pupil: Pupil, sigma_max: float, field_nm: tuple[float, float]) -> tuple[int, int]:
    """The highest mask frequency on each axis that passes the pupil for some source point.

    Args:
        pupil: The lens.
        sigma_max: Distance of the outermost source point from the optical axis, in sigma units.
        field_nm: (height, width) of the periodic field.

    Returns:
        (h_y, h_x) in steps of 1 / field.
    """
    reach = (1 + sigma_max) * pupil.na / pupil.wavelength_nm
    return math.floor(reach * field_nm[0] + 1e-9), math.floor(reach * field_nm[1] + 1e-9)


def focus_columns(
    source: Source,
    pupil: Pupil,
    field_nm: tuple[float, float],
    *,
    film: Film | None = None,
    defocus_nm: float = 0.0,
) -> Columns:
    """The columns of A for one focus, after a check that they fit in memory.

    Args:
        source: Source points with the states of their light.
        pupil: The lens.
        field_nm: (height, width) of the periodic field.
        film: Films on the wafer; vector imaging only.
        defocus_nm: Distance of the image plane, or of the resist's top, from best focus.

    Raises:
        KernelError: The field needs more memory than is allowed, there is a film in scalar imaging, the pupil has a
            spot, or the lens blocks all of the source's light.
    """
    if pupil.imaging == "spot":
        raise KernelError(NO_COLUMNS)
    if film is not None and pupil.imaging == "scalar":
        raise KernelError(SCALAR_FILM)
    half = passed_half(pupil, source.sigma_max, field_nm)
    _require_memory(source, half, field_nm)
    if not float(clear_intensity(source, pupil) @ torch.from_numpy(source.weights)) > 0:
        raise KernelError(DARK)
    return Columns(source, pupil, field_nm, half, film, defocus_nm)


def _require_memory(source: Source, half: tuple[int, int], field_nm: tuple[float, float]) -> None:
    if len(source.points) * (2 * half[0] + 1) * (2 * half[1] + 1) > MOST_VALUES:
        raise KernelError(
            f"A field of {field_nm[0]:g} x {field_nm[1]:g} nm needs pupils of {2 * half[0] + 1} x {2 * half[1] + 1} "
            f"frequencies for {len(source.points)} source points, more than fits in memory; choose a smaller field."
        )


def shifted_pupils(source: Source, pupil: Pupil, field_nm: tuple[float, float], defocus_nm: float) -> Tensor:
    """P(f + s) of the scalar pupil for every source point s.

    Args:
        source: S source points.
        pupil: The lens.
        field_nm: (height, width) of the periodic field.
        defocus_nm: Distance of the image plane from best focus.

    Returns:
        (S, 2 h_y + 1, 2 h_x + 1) complex128, zero frequency in the centre, h as in `passed_half`.

    Raises:
        KernelError: The field needs more memory than is allowed.
    """
    half = passed_half(pupil, source.sigma_max, field_nm)
    _require_memory(source, half, field_nm)
    step = pupil.wavelength_nm / pupil.na
    rho_y, rho_x = (
        torch.arange(-h, h + 1, dtype=torch.float64) * step / side for h, side in zip(half, field_nm, strict=True)
    )
    shift_x, shift_y = torch.from_numpy(source.points).T[..., None, None]
    rho_x, rho_y = torch.broadcast_tensors(rho_x + shift_x, rho_y[:, None] + shift_y)
    return pupil_function(pupil, rho_x, rho_y, defocus_nm)


def build_socs(
    source: Source,
    pupil: Pupil,
    field_nm: tuple[float, float],
    *,
    film: Film | None = None,
    defocus_nm: float = 0.0,
    count: int | None = None,
    energy: float | None = None,
) -> SocsKernels:
    """SOCS kernels by the singular value decomposition of A, in complex128.

    Weights are rescaled so that a clear mask images to the same after truncation: to 1, or in a film to the energy that
    the resist sees per incident dose; `discarded_energy` is the share of the TCC's trace that was dropped.

    Args:
        source: Source points and weights.
        pupil: The lens.
        field_nm: (height, width) of the periodic field.
        film: Films on the wafer, whose resist holds the image; vector imaging only.
        defocus_nm: Distance of the image plane from best focus.
        count: Keep at most this many kernels, at least 1.
        energy: Keep the fewest kernels that hold this share, in (0, 1], of the TCC's trace.
            With neither `count` nor `energy`, every kernel of nonzero weight is kept.

    Returns:
        The kernels for this field, the one of largest weight first.

    Raises:
        KernelError: `count` < 1, `energy` outside (0, 1], a field that is not positive and finite, a defocus that is
            not finite, a film in scalar imaging, or a field that needs more memory than is allowed.

    Source: N. Cobb, PhD thesis, UC Berkeley (1998), ch. 3.
    """
    if not (all(0 < side < math.inf for side in field_nm) and math.isfinite(defocus_nm)):
        raise KernelError(f"Expected a positive field and a finite defocus, got {field_nm} nm and {defocus_nm} nm.")
    if count is not None and count < 1:
        raise KernelError(f"Expected a kernel count of at least 1, got {count}.")
    if energy is not None and not 0 < energy <= 1:
        raise KernelError(f"Expected an energy share in (0, 1], got {energy:g}.")
    columns = focus_columns(source, pupil, field_nm, film=film, defocus_nm=defocus_nm)
    kernels = leading_kernels(columns, count, energy)
    return kernels.scaled(clear_image(source, pupil, film) / kernels.open_frame)


def leading_kernels(
    columns: Columns, count: int | None = None, energy: float | None = None, *, tcc: Tcc | None = None
) -> SocsKernels:
    """The kernels of largest weight, on the scale of all kernels together; a tail (`optics.tail`) adds the others.

    Args:
        columns: The columns of A.
        count: As for `build_socs`.
        energy: As for `build_socs`.
        tcc: A A^H, if it is at hand.
    """
    modes, energies, passed, total = coherent_modes(columns, count) if tcc is None else tcc_modes(tcc, count)
    kept, share = len(energies), energies.cumsum(0) / total
    if energy is not None:
        kept = min(kept, int((share < energy - 1e-15).sum()) + 1)
    if count is not None:
        kept = min(kept, count)
    spectra = torch.zeros(kept, passed.numel(), dtype=modes.dtype)
    spectra[:, passed] = modes.T[:kept]
    clear = float(clear_intensity(columns.source, columns.pupil) @ torch.from_numpy(columns.source.weights))
    return SocsKernels(
        spectra.unflatten(1, [2 * h + 1 for h in columns.half]),
        energies[:kept] / clear,
        columns.field_nm,
        discarded_energy=max(0.0, 1 - float(share[kept - 1])),
    )


def tcc_matrix(kernels: SocsKernels) -> Tensor:
    """TCC[f1, f2] = sum_k w_k K_k(f1) K_k(f2)^*, as a square matrix over the flattened frequencies."""
    flat = kernels.spectra.flatten(1)
    return (flat.T * kernels.weights) @ flat.conj()
