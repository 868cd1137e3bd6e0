"""Abbe's summation over source points: the reference for SOCS, exact for any source and differentiable in it.

Each source point passes only a disc of mask frequencies. Shifting that disc only changes the phase of the field E_s,
which |E_s|^2 does not depend on. So each pupil is cropped to its own disc, and its field needs a grid with four times
fewer samples than that of the whole band.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from litho_dl.optics.imaging import fft_length, low_frequencies
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import shifted_pupils
from litho_dl.optics.source import Source

POINTS_AT_ONCE = 64  # source points in one chunk; limits memory
KEPT_VALUES = 2**25  # field values (0.25 GiB) kept for the backward pass; with more, chunks are computed again


class PointPupils(NamedTuple):
    """The pupil of every source point, cropped to the frequencies it passes.

    Attributes:
        values: P(f + s), (S, n_y, n_x) complex.
        places: Indices of these frequencies in the flattened mask spectrum, (S, n_y, n_x) int64.
        clear: |P(s)|^2, (S,): each point's contribution to the intensity of a clear field.
    """

    values: Tensor
    places: Tensor
    clear: Tensor


def cut_pupils(pupils: Tensor) -> PointPupils:
    """Crops shifted pupils (S, 2 h_y + 1, 2 h_x + 1), zero frequency in the centre, to the smallest common size."""
    passed = pupils.abs() > 0
    rows, columns = _intervals(passed.any(2)), _intervals(passed.any(1))
    places = rows[:, :, None] * pupils.shape[2] + columns[:, None, :]
    centre = pupils[:, pupils.shape[1] // 2, pupils.shape[2] // 2]
    return PointPupils(pupils.flatten(1).gather(1, places.flatten(1)).view(places.shape), places, centre.abs().square())


def _intervals(passed: Tensor) -> Tensor:
    """Consecutive indices (S, n) that include every True of each row of (S, N), with one n for all rows."""
    count = passed.shape[1]
    first = passed.byte().argmax(1)
    last = count - 1 - passed.flip(1).byte().argmax(1)
    length = int((last - first).max()) + 1
    return first.clamp(max=count - length)[:, None] + torch.arange(length, device=passed.device)


def points_intensity_spectrum(spectrum: Tensor, points: PointPupils, weights: Tensor) -> Tensor:
    """I = sum_s J_s |F^-1{S(f) P(f + s)}|^2 / sum_s J_s |P(s)|^2, differentiable in S and J.

    Args:
        spectrum: Mask spectrum (..., 2 h_y + 1, 2 h_x + 1), zero frequency in the centre.
        points: Result of `cut_pupils` for pupils of the same band, on the spectrum's device.
        weights: J_s >= 0 of any scale, (S,) real.

    Returns:
        Half spectrum of the intensity, (..., 2 n_y - 1, n_x) for cropped pupils of n_y x n_x frequencies.
    """
    half = points.values.shape[1] - 1, points.values.shape[2] - 1
    size = fft_length(2 * half[0] + 1), fft_length(2 * half[1] + 1)
    weights, flat = weights / (weights * points.clear).sum(), spectrum.flatten(-2)
    fields = flat.numel() // flat.shape[-1] * len(weights) * size[0] * size[1]
    again = torch.is_grad_enabled() and fields > KEPT_VALUES
    chunks = zip(
        points.values.split(POINTS_AT_ONCE),
        points.places.split(POINTS_AT_ONCE),
        weights.split(POINTS_AT_ONCE),
        strict=True,
    )
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
    """sum_s J_s |E_s|^2 over one period, (..., *size)."""
    fields = torch.fft.ifft2(flat[..., places] * values, s=size, norm="forward")
    return torch.einsum("s,...syx->...yx", weights, fields.real.square() + fields.imag.square())


def abbe_intensity_spectrum(
    spectrum: Tensor, source: Source, pupil: Pupil, field_nm: tuple[float, float], *, defocus_nm: float = 0.0
) -> Tensor:
    """I = sum_s J_s |F^-1{S(f) P(f + s)}|^2 / sum_s J_s |P(s)|^2.

    Args:
        spectrum: Mask spectrum (..., 2 h_y + 1, 2 h_x + 1) with h = `socs.passed_half`, complex128.
        source: Source points and weights.
        pupil: The lens.
        field_nm: (height, width) of the periodic field.
        defocus_nm: Distance of the image plane from best focus.

    Returns:
        Half spectrum of the intensity, (..., 4 h_y + 1, 2 h_x + 1).

    Raises:
        KernelError: The field needs more memory for the pupils than is allowed.
    """
    points = cut_pupils(shifted_pupils(source, pupil, field_nm, defocus_nm).to(spectrum))
    image = points_intensity_spectrum(spectrum, points, torch.from_numpy(source.weights).to(points.clear))
    rows, columns = spectrum.shape[-2] - 1 - image.shape[-2] // 2, spectrum.shape[-1] - image.shape[-1]
    return pad(image, (0, columns, rows, rows))
