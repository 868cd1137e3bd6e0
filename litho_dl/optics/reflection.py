"""What a film stack does to a clear field: reflectivity, swing curve, standing waves, best antireflective layer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from litho_dl.core.errors import LithoError
from litho_dl.optics.columns import clear_image, clear_profile
from litho_dl.optics.film import Film, reflection
from litho_dl.optics.pupil import Pupil, pupil_function
from litho_dl.optics.source import Source
from litho_dl.optics.vector import split

COARSE_STEPS = 200  # of a scan for the least reflectivity, which is then refined


class Barc(NamedTuple):
    """An antireflective layer under the resist.

    Attributes:
        thickness_nm: Its best thickness.
        reflectivity: The reflectivity at the resist's bottom with it, in [0, 1].
    """

    thickness_nm: float
    reflectivity: float


def normal_reflectivity(film: Film, pupil: Pupil, *, inside: bool = False) -> float:
    """The share of the power of a beam at normal incidence that the stack reflects; arguments as `reflectivity`."""
    found = reflection(
        film, pupil.wavelength_nm, pupil.immersion_index, torch.zeros(1, dtype=torch.float64), inside=inside
    )
    return float(found[0].abs().square())


def reflectivity(film: Film, pupil: Pupil, source: Source, *, inside: bool = False) -> float:
    """The share of a clear field's light that the stack reflects, averaged over the source as it is polarised.

    Args:
        film: The stack.
        pupil: The lens, with vector imaging.
        source: The source points with the states of their light.
        inside: Seen from the resist, at its bottom, instead of from the immersion medium: |u / d|^2 of the waves there.

    Returns:
        The reflectivity, in [0, 1].
    """
    x, y = torch.from_numpy(source.points).T
    rho = torch.hypot(x, y).clamp(max=1.0)
    light = split(pupil, torch.from_numpy(source.states), x, y)
    weights = torch.from_numpy(source.weights) * pupil_function(pupil, x, y).abs().square()
    s, p = (weights * part.abs().square().sum(1) for part in (light.s, light.p))
    found = reflection(film, pupil.wavelength_nm, pupil.immersion_index, pupil.na * rho, inside=inside).abs().square()
    return float((s @ found[0] + p @ found[1]) / (s + p).sum())


def swing_curve(film: Film, pupil: Pupil, source: Source, thicknesses_nm: Sequence[float] | np.ndarray) -> np.ndarray:
    """The intensity of a clear field in the resist against the resist's thickness, per incident dose.

    Its period at one angle is lambda / (2 n cos theta), with index and angle of the resist. An image at a depth
    is taken at the same share of every thickness.

    Args:
        film: The stack.
        pupil: The lens, with vector imaging.
        source: The source points with the states of their light.
        thicknesses_nm: Thicknesses of the resist, > 0.

    Returns:
        What a clear mask images to with each of them.

    Raises:
        LithoError: A thickness is not positive.
    """
    values = np.asarray(thicknesses_nm, dtype=float)
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise LithoError(f"Expected positive thicknesses of the resist, got {values.tolist()!s:.60}.")
    return np.array([clear_image(source, pupil, film.with_thickness(film.resist_place, t)) for t in values.tolist()])


def depth_profile(film: Film, pupil: Pupil, source: Source, depths_nm: Sequence[float] | np.ndarray) -> np.ndarray:
    """The intensity of a clear field at depths in the resist, per incident dose: the standing wave.

    Args:
        film: The stack.
        pupil: The lens, with vector imaging.
        source: The source points with the states of their light.
        depths_nm: Depths below the resist's top, within the resist.

    Returns:
        The intensities.

    Raises:
        LithoError: A depth lies outside the resist.
    """
    values = np.asarray(depths_nm, dtype=float)
    require_depths(film, values)
    return clear_profile(source, pupil, film, torch.from_numpy(values)).numpy()


def require_depths(film: Film, depths_nm: np.ndarray) -> None:
    """Checks that depths lie in the resist.

    Raises:
        LithoError: They do not.
    """
    thickness = film.resist.thickness_nm
    if not (depths_nm.ndim == 1 and len(depths_nm) and (depths_nm >= 0).all() and (depths_nm <= thickness).all()):
        raise LithoError(f"Expected depths from 0 to the resist's {thickness:g} nm, got {depths_nm.tolist()!s:.60}.")


def barc_place(film: Film) -> int | None:
    """Index of the layer right under the resist, which is to absorb what comes through; None if there is none."""
    place = film.resist_place + 1
    return place if place < len(film.layers) else None


def barc_reflectivities(
    film: Film, pupil: Pupil, source: Source, thicknesses_nm: Sequence[float] | np.ndarray
) -> np.ndarray:
    """The reflectivity at the resist's bottom against the thickness of the layer under the resist.

    Args:
        film: The stack.
        pupil: The lens, with vector imaging.
        source: The source points with the states of their light.
        thicknesses_nm: Thicknesses of that layer, >= 0.

    Returns:
        Averages over the source, as `reflectivity` with `inside`.

    Raises:
        LithoError: There is no layer under the resist.
    """
    place = barc_place(film)
    if place is None:
        raise LithoError(
            "Expected a layer under the resist, got the substrate; add an antireflective layer to the film."
        )
    values = np.asarray(thicknesses_nm, dtype=float).tolist()
    return np.array([reflectivity(film.with_thickness(place, t), pupil, source, inside=True) for t in values])


def longest_barc_nm(film: Film, pupil: Pupil) -> float:
    """Two periods of the reflectivity in the thickness of the layer under the resist, lambda / n; at least 1 nm."""
    place = barc_place(film)
    return max(1.0, pupil.wavelength_nm / (film.layers[place].n if place is not None else 1.0))


def best_barc(film: Film, pupil: Pupil, source: Source, *, most_nm: float | None = None) -> Barc:
    """The thickness of the layer under the resist with the least reflectivity at the resist's bottom.

    Args:
        film: The stack.
        pupil: The lens, with vector imaging.
        source: The source points with the states of their light.
        most_nm: The largest thickness; None: `longest_barc_nm`.

    Returns:
        The thickness and its reflectivity.

    Raises:
        LithoError: There is no layer under the resist.
    """
    from scipy.optimize import minimize_scalar  # imported here: it loads slowly

    scan = np.linspace(0, longest_barc_nm(film, pupil) if most_nm is None else most_nm, COARSE_STEPS + 1)
    values = barc_reflectivities(film, pupil, source, scan)
    best = int(values.argmin())
    bounds = scan[max(0, best - 1)], scan[min(COARSE_STEPS, best + 1)]
    found = minimize_scalar(
        lambda t: float(barc_reflectivities(film, pupil, source, [t])[0]), bounds=bounds, method="bounded"
    )
    candidates = [Barc(float(scan[best]), float(values[best])), Barc(float(found.x), float(found.fun))]
    return min(candidates, key=lambda barc: barc.reflectivity)
