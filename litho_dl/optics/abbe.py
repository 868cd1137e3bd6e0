"""Abbe's summation over source points: the reference for SOCS, exact for any source and differentiable in it.

Each source point passes only a disc of mask frequencies. Shifting that disc only changes the phase of the field E_s,
which |E_s|^2 does not depend on. So each pupil is cropped to its own disc, and its field needs a grid with four times
fewer samples than that of the whole band.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from litho_dl.optics.columns import Columns, PointPupils
from litho_dl.optics.film import Film
from litho_dl.optics.imaging import fft_length, low_frequencies
from litho_dl.optics.mask import MaskType
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import focus_columns
from litho_dl.optics.source import Source
from litho_dl.optics.topography import channel_columns

THIN = MaskType()
FIELDS_AT_ONCE = 64  # fields of source points in one chunk; limits memory
KEPT_VALUES = 2**25  # field values (0.25 GiB) kept for the backward pass; with more, chunks are computed again


def points_intensity_spectrum(spectrum: Tensor, points: PointPupils, weights: Tensor) -> Tensor:
    """I = sum_{s,q} J_s |F^-1{S(f) H_q(f + s)}|^2 / sum_s J_s c_s, differentiable in S and J.

    c_s is what a clear field gets from the point without films: |P(s)|^2 in scalar imaging.

    Args:
        spectrum: Mask spectrum (..., 2 h_y + 1, 2 h_x + 1), zero frequency in the centre; of C channels
            (..., C, 2 h_y + 1, 2 h_x + 1), whose fields add up.
        points: The fields of S source points for the same band, on the spectrum's device; (S, Q, C, n_y, n_x) values
            for channels.
        weights: J_s >= 0 of any scale, (S,) real.

    Returns:
        Half spectrum of the intensity, (..., 2 n_y - 1, n_x) for cropped pupils of n_y x n_x frequencies.
    """
    half = points.values.shape[-2] - 1, points.values.shape[-1] - 1
    size = fft_length(2 * half[0] + 1), fft_length(2 * half[1] + 1)
    weights, flat = weights / (weights * points.clear).sum(), spectrum.flatten(-2)
    fields = flat.numel() // flat.shape[-1] * points.values[..., 0, 0].numel() * size[0] * size[1]
    again = torch.is_grad_enabled() and fields > KEPT_VALUES
    together = max(1, FIELDS_AT_ONCE // points.values.shape[1])
    chunks = zip(*(part.split(together) for part in (points.values, points.places, weights)), strict=True)
    parts = (
        checkpoint(_intensity, flat, values, places, part, size, use_reentrant=False)
        if again
        else _intensity(flat, values, places, part, size)
        for values, places, part in chunks
    )
    total = next(parts)
    for part in parts:
        total = total + part
    return low_frequencies(total, half)


def _intensity(flat: Tensor, values: Tensor, places: Tensor, weights: Tensor, size: tuple[int, int]) -> Tensor:
    """sum_{s,q} J_s |E_{s,q}|^2 over one period, (..., *size)."""
    if values.ndim == 5:
        driven = torch.einsum("...csyx,sqcyx->...sqyx", flat[..., places], values)
    else:
        driven = flat[..., places].unsqueeze(-3) * values
    fields = torch.fft.ifft2(driven, s=size, norm="forward")
    return torch.einsum("s,...sqyx->...yx", weights, fields.real.square() + fields.imag.square())


def abbe_intensity_spectrum(
    spectrum: Tensor,
    source: Source,
    pupil: Pupil,
    field_nm: tuple[float, float],
    *,
    film: Film | None = None,
    defocus_nm: float = 0.0,
    mask: MaskType = THIN,
) -> Tensor:
    """I = sum_{s,q} J_s |F^-1{S(f) H_q(f + s)}|^2 / sum_s J_s c_s, as `points_intensity_spectrum`.

    Args:
        spectrum: Mask spectrum (..., 2 h_y + 1, 2 h_x + 1) with h = `socs.passed_half`, complex128; of a mask with
            boundary layers (..., 4, 2 h_y + 1, 2 h_x + 1), with the densities of its edges.
        source: Source points and weights.
        pupil: The lens.
        field_nm: (height, width) of the periodic field.
        film: Films on the wafer, whose resist holds the image; vector imaging only.
        defocus_nm: Distance of the image plane, or of the resist's top, from best focus.
        mask: The mask technology, for its boundary layers.

    Returns:
        Half spectrum of the intensity, (..., 4 h_y + 1, 2 h_x + 1).

    Raises:
        KernelError: The field needs more memory for the pupils than is allowed, or there is a film in scalar imaging.
    """
    return columns_intensity_spectrum(
        spectrum, focus_columns(source, pupil, field_nm, film=film, defocus_nm=defocus_nm), mask
    )


def columns_intensity_spectrum(spectrum: Tensor, columns: Columns, mask: MaskType = THIN) -> Tensor:
    """`abbe_intensity_spectrum` of the columns of one focus.

    Args:
        spectrum: Mask spectrum (..., 2 h_y + 1, 2 h_x + 1) on the columns' frequencies; of a mask with boundary layers
            (..., 4, 2 h_y + 1, 2 h_x + 1).
        columns: The columns of A.
        mask: The mask technology.

    Returns:
        Half spectrum of the intensity, (..., 4 h_y + 1, 2 h_x + 1).
    """
    values, places, clear = mask_points(columns, mask)
    points = PointPupils(
        values.to(spectrum), places.to(spectrum.device), clear.to(spectrum.device, spectrum.real.dtype)
    )
    image = points_intensity_spectrum(spectrum, points, torch.from_numpy(columns.source.weights).to(points.clear))
    rows, more = spectrum.shape[-2] - 1 - image.shape[-2] // 2, spectrum.shape[-1] - image.shape[-1]
    return pad(image, (0, more, rows, rows))


def mask_points(columns: Columns, mask: MaskType) -> PointPupils:
    """The fields of all source points; for a mask with boundary layers those of each channel, (S, Q, 4, n_y, n_x)."""
    points = columns.all()
    if mask.topography is None:
        return points
    return points._replace(values=torch.stack(list(channel_columns(columns, mask.topography, mask.contrast)), 2))
