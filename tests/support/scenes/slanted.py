"""Slanted and curved shapes."""

from collections.abc import Sequence

import numpy as np

from litho_dl.layout.polygon import Polygon


def rotated(points: np.ndarray, angle_deg: float, grid_nm: float) -> np.ndarray:
    """Points (n, 2) turned to the left about the origin, on a grid."""
    angle = np.deg2rad(angle_deg)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.rint(points @ matrix.T / grid_nm) * grid_nm


def turned(polygons: Sequence[Polygon], angle_deg: float, grid_nm: float) -> tuple[Polygon, ...]:
    """Polygons turned likewise."""
    return tuple(polygon.mapped(lambda points: rotated(points, angle_deg, grid_nm)) for polygon in polygons)


def circle(centre: tuple[float, float], radius: float, points: int, grid_nm: float) -> np.ndarray:
    """A regular polygon (n, 2), on a grid, without repeated points."""
    angles = 2 * np.pi * (np.arange(points) + 0.37) / points
    loop = np.array(centre) + radius * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    loop = np.rint(loop / grid_nm) * grid_nm
    return loop[(loop != np.roll(loop, 1, axis=0)).any(1)]
