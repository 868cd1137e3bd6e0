"""EPE sites in a tile's window, placed on whole edges, so that all tiles have the same sites on an edge they share."""

import math

import numpy as np

from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.epe import EpeRule, EpeSites, site_offsets


def edge_sites(polygons: tuple[Polygon, ...], rule: EpeRule, shape: tuple[int, int], pixel_nm: float) -> EpeSites:
    """The sites of `metrics.epe.find_sites` in a window, on the horizontal and vertical edges of polygons.

    Args:
        polygons: Merged polygons, hulls counter-clockwise and holes clockwise, in the window's coordinates; they may
            extend beyond it.
        rule: How edges are sampled, in pixels; must not have `from_low_end`.
        shape: (H, W) of the window in pixels; sites beyond it are left out.
        pixel_nm: Pixel, to which edges are rounded.

    Returns:
        The sites; slanted edges have none.
    """
    assert not rule.from_low_end
    found: list[np.ndarray] = []
    for polygon in polygons:
        for loop in polygon.loops:
            corners = loop / pixel_nm
            steps = np.roll(corners, -1, axis=0) - corners
            for axis in (0, 1):  # along x, along y
                straight = np.flatnonzero((steps[:, 1 - axis] == 0) & (steps[:, axis] != 0))
                found += [_sites(corners[i], float(steps[i, axis]), axis, rule) for i in straight]
    rows = np.concatenate(found) if found else np.zeros((0, 4), dtype=np.int64)
    inside = (rows[:, :2] >= 0).all(1) & (rows[:, 0] < shape[0]) & (rows[:, 1] < shape[1])
    return EpeSites(rows[inside, :2], rows[inside, 2:])


def _sites(corner: np.ndarray, step: float, axis: int, rule: EpeRule) -> np.ndarray:
    """Sites (n, 4) as row, column and outward normal on one edge, with the polygon to the left of its direction.

    Pixels that are covered by one half count as covered, as in a raster with threshold 1/2.
    """
    first = math.ceil(min(corner[axis], corner[axis] + step) - 0.5)
    last = math.floor(max(corner[axis], corner[axis] + step) + 0.5) - 1
    if last < first:
        return np.zeros((0, 4), dtype=np.int64)
    along = first + np.array(site_offsets(last - first, rule), dtype=np.int64)
    outwards = int(-np.sign(step) if axis == 0 else np.sign(step))  # to the right of the edge
    place = corner[1 - axis]
    inner = math.floor(place + 0.5) - 1 if outwards > 0 else math.ceil(place - 0.5)
    across, normal, zero = np.full_like(along, inner), np.full_like(along, outwards), np.zeros_like(along)
    if axis == 0:
        return np.stack((across, along, normal, zero), axis=1)
    return np.stack((along, across, zero, normal), axis=1)
