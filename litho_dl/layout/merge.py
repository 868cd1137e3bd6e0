"""Checks before shapes of a file are merged: whether the union takes bounded time, and whether polygons are simple."""

from itertools import islice
from pathlib import Path

import klayout.db as db
import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.region import self_overlaps

FEW_SHAPES = 2000  # their union takes seconds however they overlap
SAMPLES = 1000
MOST_NEIGHBOURS = 5000  # counted around one shape
MOST_OVERLAPS = 5_000_000  # klayout's merge takes some microseconds for each
OVERLAPS_PER_SHAPE = 50
MANY_VERTICES = 1000
SAMPLED_EDGES = 8


def require_mergeable(shapes: db.Shapes, path: str | Path) -> None:
    """Refuses shapes whose union would take minutes, as each overlaps with very many others.

    The overlaps are estimated from up to 1000 of the shapes, taken at equal steps.

    Args:
        shapes: The shapes.
        path: Their file, for the message.

    Raises:
        LayoutError: The shapes overlap more than 50 times each and 5 million times in all.
    """
    count = shapes.size()
    if count <= FEW_SHAPES:
        return
    step = -(-count // SAMPLES)
    allowed = max(MOST_OVERLAPS, OVERLAPS_PER_SHAPE * count) / step
    found = 0.0
    for taken, shape in enumerate(islice(shapes.each(), 0, None, step), start=1):
        found += _neighbours(shape, shapes)
        if found > allowed:
            raise LayoutError(
                f"{path}: Expected shapes that overlap with few others, got {count:,}, of which many overlap with "
                f"{found / taken:,.0f} or more; check the arrays of the file, or read a window of it."
            )


def _neighbours(shape: db.Shape, shapes: db.Shapes) -> float:
    """How many shapes overlap with one, at most MOST_NEIGHBOURS: by their boxes, of many by some of their outlines."""
    near = list(islice(shapes.each_touching(shape.bbox()), MOST_NEIGHBOURS))
    if len(near) <= OVERLAPS_PER_SHAPE:
        return len(near)
    outline, some = shape.polygon, near[:: len(near) // OVERLAPS_PER_SHAPE]
    return len(near) * sum(outline.touches(other.polygon) for other in some) / len(some)


def self_crossing(polygons: db.Region) -> tuple[int, int] | None:
    """Where a polygon crosses or overlaps itself; touching does not count.

    Args:
        polygons: The polygons, not merged.

    Returns:
        One of the places, in the region's units; None: there is none.
    """
    large = [outline for outline in polygons.each() if outline.num_points() > MANY_VERTICES]
    for outline in large[:: len(large) // SAMPLES + 1]:
        place = _crossed_edge(np.array([(p.x, p.y) for p in outline.each_point_hull()], dtype=np.float64))
        if place is not None:
            return place
    found = self_overlaps(polygons)
    return None if found.is_empty() else (found.bbox().left, found.bbox().bottom)


def _crossed_edge(outline: np.ndarray) -> tuple[int, int] | None:
    """The lower left end of an edge that one of some edges crosses, which is quick to see in a large outline."""
    ends = np.roll(outline, -1, axis=0)
    for index in range(0, len(outline), len(outline) // SAMPLED_EDGES):
        a, b = outline[index], ends[index]
        apart = _side(a, b, outline) * _side(a, b, ends) < 0
        across = np.flatnonzero(apart & (_side(outline, ends, a) * _side(outline, ends, b) < 0))
        if len(across):
            x, y = np.minimum(outline, ends)[across[0]]
            return int(x), int(y)
    return None


def _side(a: np.ndarray, b: np.ndarray, point: np.ndarray) -> np.ndarray:
    """-1, 0 or 1: on which side of the line from a to b a point lies."""
    (along_x, along_y), (x, y) = (b - a).T, (point - a).T
    return np.sign(along_x * y - along_y * x)
