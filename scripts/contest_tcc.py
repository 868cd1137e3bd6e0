"""Matching optics to a TCC: parametric fits of a C-quad, and the best freeform source, scalar or vector.

The match of two TCCs is ||a T - T_c||_F / ||T_c||_F at the best scale a, from the factors T = A A^H, T_c = U U^H:
||A A^H||_F = ||A^H A||_F and <A A^H, U U^H> = ||A^H U||_F^2, so no TCC matrix is formed.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize, nnls
from torch import Tensor

from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.polarization import Polarization
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import build_socs, shifted_pupils
from litho_dl.optics.source import CQuad, Source, SourceSpec, sample_source

FIELD_NM = (2048.0, 2048.0)
HALF = 17  # the contest's kernels are 35 x 35
WAVELENGTH_NM = 193.0
FIT_SAMPLES = 25  # source cells per side while fitting
FREEFORM_SAMPLES, FREEFORM_SIGMA = 31, 0.45  # cells per side; no light inside this sigma
FREEFORM_NA = (0.77, 0.78, 0.79, 0.80, 0.81)
REGULARISATION = 1e-7  # of the mean diagonal of a Gram matrix, so that it has a Cholesky factor
# What is fitted: start (read off the plateaus of the TCC's diagonal) and first step of the simplex.
NAMES = ("na", "sigma_inner", "sigma_outer", "opening_deg", "blur_sigma", "defocus_nm", "Z3", "Z7")
START = np.array([0.79, 0.63, 0.82, 43.0, 0.07, -45.0, 0.0, 0.0])
STEP = np.array([0.01, -0.05, 0.05, 5.0, 0.02, -8.0, -0.02, -0.02])


class Match(NamedTuple):
    """How far a TCC is from the contest's: relative Frobenius error as it is, at the best scale, and that scale."""

    error: float
    error_scaled: float
    scale: float


class System(NamedTuple):
    """One optical system: illumination, lens, and the defocus of the contest's second kernel set."""

    source: SourceSpec
    pupil: Pupil
    defocus_nm: float


class Variant(NamedTuple):
    """One kind of lens and light to fit."""

    label: str
    immersion_index: float = 1.0
    obliquity: bool = True
    aberrations: bool = True
    polarization: Polarization | None = None  # None: scalar imaging


class Fit(NamedTuple):
    """What a variant came to: the parameters in the order of `NAMES`, and the full-rank matches by focus."""

    variant: Variant
    parameters: np.ndarray
    matches: dict[str, Match]


VARIANTS = (
    Variant("dry, with y-tilt and y-coma (packaged)"),
    Variant("dry, free of aberrations", aberrations=False),
    Variant("dry, no obliquity factor", obliquity=False),
    Variant("index 1.44", immersion_index=1.44),
)


def cropped(spectra: Tensor) -> Tensor:
    """Spectra (..., 2h+1, 2h+1) cut or padded with zeros to the contest's 35 x 35, as columns (1225, ...)."""
    margin = HALF - spectra.shape[-1] // 2
    return torch.nn.functional.pad(spectra, (margin,) * 4).flatten(-2).movedim(-1, 0)


def factor(kernels: SocsKernels) -> Tensor:
    """U (1225, K) complex128 with TCC = U U^H."""
    return cropped(kernels.weighted_spectra.to(torch.complex128))


def inner(a: Tensor, b: Tensor) -> float:
    """<A A^H, B B^H>_F = ||A^H B||_F^2."""
    return float((a.mH @ b).abs().square().sum())


def match(a: Tensor, contest: Tensor) -> Match:
    """Compares A A^H with U U^H."""
    narrow = a if a.shape[1] <= a.shape[0] else a.mH  # the smaller of the Gram matrices A^H A and A A^H
    aa, ac, cc = inner(narrow, narrow), inner(a, contest), inner(contest, contest)
    return Match((max(aa - 2 * ac + cc, 0.0) / cc) ** 0.5, max(1 - ac**2 / (aa * cc), 0.0) ** 0.5, ac / aa)


def system(parameters: np.ndarray, variant: Variant) -> System:
    """The system of a parameter vector in the order of `NAMES`; pydantic raises ValueError out of range."""
    na, sigma_inner, sigma_outer, opening_deg, blur_sigma, defocus_nm, z3, z7 = map(float, parameters)
    source = CQuad(
        sigma_inner=sigma_inner,
        sigma_outer=sigma_outer,
        opening_deg=opening_deg,
        blur_sigma=blur_sigma,
        polarization=variant.polarization or "unpolarized",
    )
    pupil = Pupil(
        wavelength_nm=WAVELENGTH_NM,
        na=na,
        immersion_index=variant.immersion_index,
        obliquity=variant.obliquity,
        zernike_waves={3: z3, 7: z7} if variant.aberrations else {},
        imaging="scalar" if variant.polarization is None else "vector",
    )
    return System(source, pupil, defocus_nm)


def amplitudes(source: Source, pupil: Pupil, defocus_nm: float) -> Tensor:
    """A (1225, S) with A A^H the full-rank TCC, scaled as our kernels are: a clear mask images to 1.

    In vector imaging, which has several columns a source point, all kernels instead: the same A A^H.
    """
    if pupil.imaging == "vector":
        return factor(build_socs(source, pupil, FIELD_NM, defocus_nm=defocus_nm))
    a = cropped(shifted_pupils(source, pupil, FIELD_NM, defocus_nm)) * torch.from_numpy(source.weights).sqrt()
    return a / a[a.shape[0] // 2].norm()


def full_rank_matches(chosen: System, contest: dict[str, Tensor], samples: int) -> dict[str, Match]:
    """The matches of the untruncated TCCs in focus and out of focus."""
    source = sample_source(chosen.source, samples)
    defocus = {"focus": 0.0, "defocus": chosen.defocus_nm}
    return {name: match(amplitudes(source, chosen.pupil, z), contest[name]) for name, z in defocus.items()}


def fit(
    variant: Variant,
    contest: dict[str, Tensor],
    samples: int,
    *,
    start: np.ndarray = START,
    fit_samples: int = FIT_SAMPLES,
    rounds: int = 50,
) -> Fit:
    """Nelder-Mead on the mean square of both scaled errors; the result is measured with `samples` source cells.

    Args:
        variant: What is fitted.
        contest: The factors of the contest's TCCs.
        samples: Source cells per side of the result.
        start: Where to start, in the order of `NAMES`.
        fit_samples: Source cells per side while fitting.
        rounds: Evaluations per free parameter.

    Returns:
        The fit.
    """
    free = len(NAMES) if variant.aberrations else len(NAMES) - 2

    def padded(v: np.ndarray) -> np.ndarray:
        return np.concatenate([v, start[free:]])

    def cost(v: np.ndarray) -> float:
        try:
            found = full_rank_matches(system(padded(v), variant), contest, fit_samples)
        except ValueError:
            return 1.0
        return sum(m.error_scaled**2 for m in found.values()) / 2

    simplex = start[:free] + np.vstack([np.zeros(free), np.diag(STEP[:free])])
    options = {"maxfev": rounds * free, "initial_simplex": simplex, "fatol": 1e-7}
    parameters = padded(minimize(cost, start[:free], method="Nelder-Mead", options=options).x)
    return Fit(variant, parameters, full_rank_matches(system(parameters, variant), contest, samples))


def freeform_grid() -> tuple[Source, np.ndarray]:
    """Source cells that may carry light, and the matrix (orbits, S) that averages over cells equal by symmetry."""
    centres = (np.arange(FREEFORM_SAMPLES) + 0.5) / FREEFORM_SAMPLES * 2 - 1
    points = np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 2)
    radius = np.hypot(*points.T)
    points = points[(radius >= FREEFORM_SIGMA) & (radius <= 1)]
    _, orbit = np.unique(np.sort(np.abs(points), axis=1).round(6), axis=0, return_inverse=True)
    members = (np.arange(orbit.max() + 1)[:, None] == orbit.ravel()).astype(float)
    return Source(points, np.ones(len(points))), members / members.sum(1, keepdims=True)


def scalar_fields(source: Source, pupil: Pupil) -> Tensor:
    """One field component per source point: (S, 1225, 1)."""
    return cropped(shifted_pupils(source, pupil, FIELD_NM, 0.0)).T[..., None]


def vector_fields(source: Source, pupil: Pupil) -> Tensor:
    """The three components of the image field, (S, 1225, 3), for XY polarisation: TE in each pole's direction.

    A wave of azimuth phi and polar angle theta turns the entering polarisation e into
    (e . t) t + (e . r) p, with r = (cos phi, sin phi), t = (-sin phi, cos phi, 0), p = (cos theta r, -sin theta).

    Source: D. G. Flagello, T. Milster, A. E. Rosenbluth, J. Opt. Soc. Am. A 13, 53 (1996).
    """
    scale = pupil.wavelength_nm / pupil.na / FIELD_NM[0]
    f = torch.arange(-HALF, HALF + 1, dtype=torch.float64) * scale
    f_y, f_x = (axis.flatten() for axis in torch.meshgrid(f, f, indexing="ij"))
    s_x, s_y = torch.from_numpy(source.points).T[..., None]
    x, y = f_x + s_x, f_y + s_y
    rho = torch.hypot(x, y).clamp(min=1e-12)
    cos_phi, sin_phi = x / rho, y / rho
    sin_theta = (pupil.na * rho / pupil.immersion_index).clamp(max=1.0)
    cos_theta = (1 - sin_theta.square()).sqrt()
    along_y = (s_x.abs() > s_y.abs()).double()  # the poles on the x axis are polarised along y
    te = along_y * cos_phi - (1 - along_y) * sin_phi
    tm = along_y * sin_phi + (1 - along_y) * cos_phi
    field = (tm * cos_theta * cos_phi - te * sin_phi, tm * cos_theta * sin_phi + te * cos_phi, -tm * sin_theta)
    return scalar_fields(source, pupil) * torch.stack(field, -1)


def freeform(fields: Tensor, members: np.ndarray, contest: Tensor) -> tuple[np.ndarray, float]:
    """The non-negative source that matches best: the TCC is linear in it. Returns weights (S,) and the error."""
    count, _, components = fields.shape
    columns = fields.transpose(1, 2).flatten(0, 1).T  # (1225, S * components)
    gram = (columns.mH @ columns).abs().square().reshape(count, components, count, components).sum((1, 3)).numpy()
    target = (columns.mH @ contest).abs().square().sum(1).reshape(count, components).sum(1).numpy()
    gram, target = members @ gram @ members.T, members @ target
    root = np.linalg.cholesky(gram + REGULARISATION * np.trace(gram) / len(gram) * np.eye(len(gram)))
    weights, _ = nnls(root.T, np.linalg.solve(root, target))
    norm = inner(contest, contest)
    error = max(weights @ gram @ weights - 2 * target @ weights + norm, 0.0) / norm
    return members.T @ weights, error**0.5


def best_freeform(
    fields: Callable[[Source, Pupil], Tensor], pupil: Pupil, contest: Tensor
) -> tuple[float, Source, float]:
    """Scans NA for the freeform source of least error; returns error, source, NA."""
    source, members = freeform_grid()
    scan = []
    for na in FREEFORM_NA:
        weights, error = freeform(fields(source, pupil.model_copy(update={"na": na})), members, contest)
        scan.append((error, Source(source.points, weights), na))
    return min(scan, key=lambda entry: entry[0])
