"""Matching optics to a TCC: parametric fits of a C-quad and the best freeform source, scalar or vector.

TCCs are matrices (1225, 1225) complex128 over the 35 x 35 frequencies of the contest's kernels.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize, nnls
from torch import Tensor

from litho_dl.optics.kernels import SocsKernels
from litho_dl.optics.polarization import Polarization, jones_states
from litho_dl.optics.pupil import Pupil
from litho_dl.optics.socs import focus_columns
from litho_dl.optics.source import CQuad, Source, SourceSpec, sample_source
from litho_dl.optics.tcc import hopkins_tcc

FIELD_NM = (2048.0, 2048.0)
HALF = 17  # the contest's kernels are 35 x 35
FREQUENCIES = (2 * HALF + 1) ** 2
WAVELENGTH_NM = 193.0
FIT_SAMPLES = 41  # source cells per side while fitting
FREEFORM_SAMPLES, FREEFORM_SIGMA = 31, 0.45  # cells per side; no light inside this sigma
FREEFORM_NA = (0.77, 0.78, 0.79, 0.80, 0.81, 0.82)
REGULARISATION = 1e-7  # of the mean diagonal of a Gram matrix, so that it has a Cholesky factor
# What is fitted: start (the plateaus of the TCC's diagonal show the C-quad) and first step of the simplex.
NAMES = ("na", "sigma_inner", "sigma_outer", "opening_deg", "blur_sigma", "defocus_nm", "Z3", "Z7")
START = np.array([0.8, 0.59, 0.81, 34.0, 0.07, -47.0, -0.0105, -0.006])
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
    polarization: Polarization | None = None  # None: scalar imaging
    immersion_index: float = 1.0
    obliquity: bool = True
    aberrations: bool = True


class Fit(NamedTuple):
    """What a variant came to: the parameters in the order of `NAMES`, and the full-rank matches by focus."""

    variant: Variant
    parameters: np.ndarray
    matches: dict[str, Match]


VARIANTS = (
    Variant("vector, TE (packaged)", "te"),
    Variant("vector, TE, free of aberrations", "te", aberrations=False),
    Variant("vector, TE, index 1.44", "te", immersion_index=1.44),
    Variant("vector, unpolarised", "unpolarized"),
    Variant("scalar", None),
    Variant("scalar, no obliquity factor", None, obliquity=False),
)


def cropped(values: Tensor, axes: int) -> Tensor:
    """Values whose last axes are frequencies -h to h, cut or padded with zeros to the contest's -17 to 17."""
    return torch.nn.functional.pad(values, (HALF - values.shape[-1] // 2,) * (2 * axes))


def kernel_tcc(kernels: SocsKernels) -> Tensor:
    """The TCC of truncated kernels."""
    spectra = cropped(kernels.weighted_spectra.to(torch.complex128), 2).flatten(1)
    return spectra.T @ spectra.conj()


def full_tcc(source: Source, pupil: Pupil, defocus_nm: float) -> Tensor:
    """The TCC at full rank, scaled as our kernels are: a clear mask images to 1."""
    found = hopkins_tcc(focus_columns(source, pupil, FIELD_NM, defocus_nm=defocus_nm))
    return cropped(found.values, 4).view(FREQUENCIES, FREQUENCIES) / found.clear


def inner(a: Tensor, b: Tensor) -> float:
    """<A, B>_F of Hermitian matrices."""
    return float(torch.vdot(a.flatten(), b.flatten()).real)


def match(tcc: Tensor, contest: Tensor) -> Match:
    """Compares a TCC with the contest's."""
    aa, ac, cc = inner(tcc, tcc), inner(tcc, contest), inner(contest, contest)
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


def full_rank_matches(chosen: System, contest: dict[str, Tensor], samples: int) -> dict[str, Match]:
    """The matches of the untruncated TCCs in focus and out of focus."""
    source = sample_source(chosen.source, samples)
    defocus = {"focus": 0.0, "defocus": chosen.defocus_nm}
    return {name: match(full_tcc(source, chosen.pupil, z), contest[name]) for name, z in defocus.items()}


def fit(variant: Variant, contest: dict[str, Tensor], samples: int, rounds: int) -> Fit:
    """Nelder-Mead on the mean square of both scaled errors; the result is measured with `samples` source cells.

    Args:
        variant: What is fitted.
        contest: The contest's TCCs.
        samples: Source cells per side of the result.
        rounds: Evaluations per free parameter.

    Returns:
        The fit.
    """
    free = len(NAMES) if variant.aberrations else len(NAMES) - 2

    def padded(v: np.ndarray) -> np.ndarray:
        return np.concatenate([v, np.zeros(len(NAMES) - free)])

    def cost(v: np.ndarray) -> float:
        try:
            found = full_rank_matches(system(padded(v), variant), contest, FIT_SAMPLES)
        except ValueError:
            return 1.0
        return sum(m.error_scaled**2 for m in found.values()) / 2

    simplex = START[:free] + np.vstack([np.zeros(free), np.diag(STEP[:free])])
    options = {"maxfev": rounds * free, "initial_simplex": simplex, "fatol": 1e-7}
    parameters = padded(minimize(cost, START[:free], method="Nelder-Mead", options=options).x)
    return Fit(variant, parameters, full_rank_matches(system(parameters, variant), contest, samples))


def freeform_grid() -> tuple[Source, np.ndarray]:
    """TE-polarised source cells that may carry light, and the matrix (orbits, S) that averages over equal cells.

    Cells are equal that the symmetries of the square take to each other.
    """
    centres = (np.arange(FREEFORM_SAMPLES) + 0.5) / FREEFORM_SAMPLES * 2 - 1
    points = np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 2)
    radius = np.hypot(*points.T)
    points = points[(radius >= FREEFORM_SIGMA) & (radius <= 1)]
    _, orbit = np.unique(np.sort(np.abs(points), axis=1).round(6), axis=0, return_inverse=True)
    members = (np.arange(orbit.max() + 1)[:, None] == orbit.ravel()).astype(float)
    light = np.ones(len(points))
    return Source(points, light, jones_states(points, {"te": light})), members / members.sum(1, keepdims=True)


def focus_fields(source: Source, pupil: Pupil) -> Tensor:
    """What each point of weight 1 images in focus, (S, Q, 1225): one field if scalar, else up to three."""
    columns = focus_columns(source, pupil, FIELD_NM)
    values, places, _ = columns.all()
    height, width = (2 * h + 1 for h in columns.half)
    spectra = values.new_zeros(*values.shape[:2], height * width)
    spectra.scatter_(2, places.flatten(1)[:, None].expand(-1, values.shape[1], -1), values.flatten(2))
    return cropped(spectra.unflatten(2, (height, width)), 2).flatten(2)


def freeform(fields: Tensor, members: np.ndarray, contest: Tensor) -> tuple[np.ndarray, float]:
    """The non-negative source that matches best: the TCC is linear in it.

    Args:
        fields: What the source's cells image, as `focus_fields` gives it.
        members: What averages over equal cells, (orbits, S).
        contest: The contest's TCC.

    Returns:
        The weights (S,) and the error.
    """
    count, components, _ = fields.shape
    rows = fields.flatten(0, 1)
    gram = (rows.conj() @ rows.T).abs().square().reshape(count, components, count, components).sum((1, 3)).numpy()
    target = (rows.conj() * (rows @ contest.T)).real.sum(1).reshape(count, components).sum(1).numpy()
    gram, target = members @ gram @ members.T, members @ target
    root = np.linalg.cholesky(gram + REGULARISATION * np.trace(gram) / len(gram) * np.eye(len(gram)))
    weights, _ = nnls(root.T, np.linalg.solve(root, target))
    norm = inner(contest, contest)
    error = max(weights @ gram @ weights - 2 * target @ weights + norm, 0.0) / norm
    return members.T @ weights, error**0.5


class Freeform(NamedTuple):
    """The freeform source of least error in focus, and the NA that goes with it."""

    error: float
    na: float
    source: Source


def best_freeform(pupil: Pupil, contest: Tensor) -> Freeform:
    """Scans NA for the freeform source of least error, TE-polarised if the pupil's imaging is vector."""
    grid, members = freeform_grid()
    scan = []
    for na in FREEFORM_NA:
        weights, error = freeform(focus_fields(grid, pupil.model_copy(update={"na": na})), members, contest)
        scan.append(Freeform(error, na, Source(grid.points, weights, grid.states)))
    return min(scan, key=lambda entry: entry.error)
