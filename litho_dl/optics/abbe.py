"""Abbe's source-point summation: the reference that SOCS must equal, and exact for any source."""

import torch
from torch import Tensor

from litho_dl.optics.imaging import intensity_spectrum
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import open_frame_intensity, shifted_pupils
from litho_dl.optics.source import Source

POINTS_AT_ONCE = 64  # bounds the memory of one chunk of source points


def abbe_intensity_spectrum(
    spectrum: Tensor, source: Source, pupil: Pupil, field_nm: tuple[float, float], *, defocus_nm: float = 0.0
) -> Tensor:
    """I = sum_s J_s |F^-1{S(f) P(f + s)}|^2 / sum_s J_s |P(s)|^2.

    Args:
        spectrum: Mask spectrum (..., 2 h_y + 1, 2 h_x + 1) with h = `socs.passed_half`, complex128.
        source: Sampled illumination.
        pupil: The lens.
        field_nm: (height, width) of the periodic field.
        defocus_nm: Image plane's distance from best focus.

    Returns:
        Half spectrum of the intensity, (..., 4 h_y + 1, 2 h_x + 1).
    """
    weights = torch.from_numpy(source.weights) / open_frame_intensity(source, pupil)
    pupils = shifted_pupils(source, pupil, field_nm, defocus_nm) * weights.sqrt()[:, None, None]
    chunks = pupils.to(spectrum).split(POINTS_AT_ONCE)
    return torch.stack([intensity_spectrum(spectrum, points) for points in chunks]).sum(0)
