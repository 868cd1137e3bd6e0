"""The pupil of vector imaging: from the polarisation of a source point to the components of the image's field."""

from typing import NamedTuple

import torch
from torch import Tensor

from litho_dl.optics.film import Film, Response, resist_response
from litho_dl.optics.jones import jones_matrices, read_jones
from litho_dl.optics.pupil import Pupil, pupil_function


class Split(NamedTuple):
    """States of light behind the lens, as s and p waves.

    Attributes:
        cosine: cos(phi) of the wave's azimuth, (S, ...); phi = 0 on the axis.
        sine: sin(phi).
        s: Amplitudes along (-sin phi, cos phi), (S, P, ...) complex128.
        p: Amplitudes along (cos phi, sin phi).
    """

    cosine: Tensor
    sine: Tensor
    s: Tensor
    p: Tensor


def split(pupil: Pupil, states: Tensor, rho_x: Tensor, rho_y: Tensor) -> Split:
    """The s and p amplitudes of Jones states at normalised frequencies, behind the Jones pupil if there is one.

    On the axis, where every direction is s as well as p, a state stays as it came.

    Args:
        pupil: The lens.
        states: (S, P, 2) of (E_x, E_y), real or complex.
        rho_x: Normalised frequencies along x for each source point, float64 (S, ...).
        rho_y: The same along y.

    Returns:
        The amplitudes.
    """
    radius = torch.hypot(rho_x, rho_y)
    axial = radius == 0
    cosine = torch.where(axial, 1.0, rho_x / radius)
    sine = torch.where(axial, 0.0, rho_y / radius)
    e_x, e_y = (part.view(*part.shape, *[1] * (rho_x.ndim - 1)) for part in states.to(torch.complex128).unbind(-1))
    if pupil.jones is not None:
        jones = jones_matrices(read_jones(pupil.jones), rho_x, rho_y).unsqueeze(3)
        e_x, e_y = (jones[out, 0] * e_x + jones[out, 1] * e_y for out in (0, 1))
    cos_phi, sin_phi = cosine.unsqueeze(1), sine.unsqueeze(1)
    return Split(cosine, sine, -sin_phi * e_x + cos_phi * e_y, cos_phi * e_x + sin_phi * e_y)


def medium_response(pupil: Pupil, rho: Tensor) -> Response:
    """The field of s and p waves of amplitude 1 in the immersion medium: 1, cos(theta) and -sin(theta), (1, ...)."""
    sine = (pupil.na * rho / pupil.immersion_index).unsqueeze(0)
    return Response(torch.ones_like(sine), (1 - sine.square()).sqrt(), -sine)


def film_response(pupil: Pupil, film: Film, rho: Tensor, depths_nm: Tensor) -> Response:
    """The field of s and p waves of amplitude 1 in the medium, at depths in the resist, (Z, ...) complex128."""
    wave = resist_response(film, pupil.wavelength_nm, pupil.immersion_index, pupil.na * rho, depths_nm)
    into = medium_response(pupil, rho).p
    return Response(wave.s, wave.p * into, wave.axial * into)


def vector_pupil(
    pupil: Pupil, states: Tensor, rho_x: Tensor, rho_y: Tensor, *, film: Film | None = None, defocus_nm: float = 0.0
) -> Tensor:
    """The field that each incoherent state of a source point has in the image, at normalised frequencies.

    In the medium, with sin(theta) = NA rho / n, it is the scalar pupil (obliquity, aberrations and defocus) times

        E_s (-sin phi, cos phi, 0) + E_p (cos phi cos theta, sin phi cos theta, -sin theta);

    in a film, the s and the p wave continue as `optics.film.resist_response` says.

    Args:
        pupil: The lens.
        states: (S, P, 2) Jones states of S source points.
        rho_x: Normalised frequencies along x of each point, float64 (S, ...).
        rho_y: The same along y.
        film: Films on the wafer; None: the field in the immersion medium.
        defocus_nm: Distance of the image plane, or of the resist's top, from best focus.

    Returns:
        (S, P Z 3, ...) complex128: for each state and depth the components x, y and z, times the root of the depth's
        weight.

    Source: D. G. Flagello, T. Milster, A. E. Rosenbluth, J. Opt. Soc. Am. A 13, 53 (1996).
    """
    rho = torch.hypot(rho_x, rho_y).clamp(max=1.0)
    if film is None:
        response = medium_response(pupil, rho)
    else:
        depths, weights = film.depths(pupil.wavelength_nm)
        roots = weights.sqrt().view(-1, *[1] * rho.ndim)
        response = Response(*(roots * part for part in film_response(pupil, film, rho, depths)))
    light = split(pupil, states, rho_x, rho_y)
    cosine, sine = light.cosine[:, None, None], light.sine[:, None, None]
    s, p, axial = (part.transpose(0, 1).unsqueeze(1) for part in response)  # (S, 1, Z, ...)
    e_s, e_p = light.s.unsqueeze(2), light.p.unsqueeze(2)  # (S, P, 1, ...)
    across, along = s * e_s, p * e_p
    field = torch.stack((cosine * along - sine * across, sine * along + cosine * across, axial * e_p), dim=3)
    scalar = pupil_function(pupil, rho_x, rho_y, defocus_nm)
    return scalar.unsqueeze(1) * field.flatten(1, 3)
