"""Printed edges along straight rays, to rounding: where an image crosses its level, and how fast it changes there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from litho_dl.core.dft import PointWaves, point_waves, synthesise_at

NEWTON_STEPS = 60
SAME_NM = 1e-11  # steps of the search that are rounding noise

Excess = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Ray:
    """A straight way from inside a printed (or unprinted) feature to beyond its edge.

    Attributes:
        origin_nm: (x, y) of its start, on the field.
        direction: Unit vector (x, y).
        length_nm: Its length.
        sign: +1 where the feature prints, as a drawn line does, and -1 where it is what does not, a space.
        near_nm: The distance from the origin near which the edge is wanted; None: the first edge.
    """

    origin_nm: tuple[float, float]
    direction: tuple[float, float]
    length_nm: float
    sign: int
    near_nm: float | None = None

    def points_nm(self, distances_nm: np.ndarray) -> np.ndarray:
        """(..., 2) points (x, y) at distances (...) from the origin."""
        return np.array(self.origin_nm) + distances_nm[..., None] * np.array(self.direction)


def bracket(excess: np.ndarray, near: float | None) -> int | None:
    """Where a profile falls from >= 0 to below 0.

    Args:
        excess: (P,) samples along a ray, >= 0 inside the feature.
        near: The sample, between samples if need be, near which the edge is wanted; None: the ray begins inside, and
            the first edge counts.

    Returns:
        Index of the last sample inside; None if there is no such edge.
    """
    inside = excess >= 0
    falls = np.flatnonzero(inside[:-1] & ~inside[1:])
    if not len(falls) or (near is None and not inside[0]):
        return None
    return int(falls[0] if near is None else falls[np.abs(falls + 0.5 - near).argmin()])


def refined(excess: Excess, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The zeros of falling functions, by Newton's method inside shrinking brackets.

    Args:
        excess: Values and slopes (R,) of all functions at distances (R,), which it is given with their indices.
        low: (R,) distances where the functions are >= 0.
        high: (R,) distances where they are < 0.

    Returns:
        Distances (R,) of the zeros, and the slopes there.
    """
    every = np.arange(len(low))
    at = (low + high) / 2
    for _ in range(NEWTON_STEPS):
        value, slope = excess(at, every)
        low, high = np.where(value >= 0, at, low), np.where(value >= 0, high, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = at - value / slope
        following = np.where((step >= low) & (step <= high), step, (low + high) / 2)
        done = np.abs(following - at).max(initial=0.0) <= SAME_NM
        at = following
        if done:
            break
    return at, excess(at, every)[1]


def directional(waves: PointWaves, spectrum: Tensor, directions: Tensor, field_nm: tuple[float, float]) -> Tensor:
    """The derivative of an image at points along a direction of each.

    Args:
        waves: Those of the points.
        spectrum: Half spectrum, (2 h_y + 1, h_x + 1).
        directions: Unit vectors (P, 2), as (x, y).
        field_nm: (height, width) of the field.

    Returns:
        Values (P,), per nm.
    """
    half_y, half_x = spectrum.shape[-2] // 2, spectrum.shape[-1] - 1
    f_y = torch.arange(-half_y, half_y + 1, dtype=torch.float64) / field_nm[0]
    f_x = torch.arange(half_x + 1, dtype=torch.float64) / field_nm[1]
    along_y = synthesise_at(2j * torch.pi * f_y[:, None] * spectrum, waves)
    along_x = synthesise_at(2j * torch.pi * f_x * spectrum, waves)
    return directions[:, 0] * along_x + directions[:, 1] * along_y


def waves_of(points_nm: np.ndarray, spectrum: Tensor, field_nm: tuple[float, float]) -> PointWaves:
    """The waves of points (P, 2) for a half spectrum."""
    return point_waves(torch.from_numpy(points_nm), spectrum, field_nm)
