"""Polarisation of the illumination: the incoherent Jones states of source points."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

Polarization = Literal["unpolarized", "x", "y", "te", "tm"]
CENTRE = 1e-9  # sigma below which a point has no tangent
VANISHING = 1e-14  # of a point's light; weaker states are rounding noise


def coherency(polarization: Polarization, points: np.ndarray) -> np.ndarray:
    """<E E^T> of a polarisation at source points; real, as all of them are linear or unpolarised.

    TE is tangential and TM radial at the source point; on the optical axis, where neither is defined, both are
    unpolarised light.

    Args:
        polarization: The polarisation.
        points: (S, 2) sigma_x, sigma_y.

    Returns:
        (S, 2, 2) with trace 1.
    """
    radius = np.hypot(*points.T)
    radial = points / np.maximum(radius, CENTRE)[:, None]
    match polarization:
        case "x" | "y":
            direction = np.tile([1.0, 0.0] if polarization == "x" else [0.0, 1.0], (len(points), 1))
        case "te":
            direction = np.stack((-radial[:, 1], radial[:, 0]), axis=1)
        case "tm":
            direction = radial
        case _:
            return np.tile(np.eye(2) / 2, (len(points), 1, 1))
    matrices = direction[:, :, None] * direction[:, None, :]
    if polarization in ("te", "tm"):
        matrices[radius < CENTRE] = np.eye(2) / 2
    return matrices


def jones_states(points: np.ndarray, brightness: Mapping[Polarization, np.ndarray]) -> np.ndarray:
    """The fewest incoherent states of source points that may hold light of several polarisations.

    The states are the columns of the square root of the brightness-weighted mean of `coherency`.

    Args:
        points: (S, 2) sigma_x, sigma_y.
        brightness: The light (S,) >= 0 of each polarisation; every point has some.

    Returns:
        (S, P, 2) of (E_x, E_y), P = 1 or 2; the squared norms of a point's states sum to 1.
    """
    total = np.sum(list(brightness.values()), axis=0)
    mean = sum(coherency(kind, points) * (light / total)[:, None, None] for kind, light in brightness.items())
    energies, directions = np.linalg.eigh(mean)
    energies = np.where(energies > VANISHING, energies, 0.0)[:, ::-1]
    states = np.sqrt(energies / energies.sum(1, keepdims=True))[..., None] * directions.transpose(0, 2, 1)[:, ::-1]
    return states if energies[:, 1].any() else states[:, :1]
