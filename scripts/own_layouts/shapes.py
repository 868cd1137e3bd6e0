"""Rectangles and what is built from them; a drawing is a list of rectangles whose union is the layout."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

Box = tuple[int, int, int, int]  # x, y of the lower-left corner, width, height; nm
Point = tuple[int, int]  # x, y; nm


def wire(width: int, *points: Point) -> list[Box]:
    """A Manhattan wire of `width` along its centre line; the ends reach half a width beyond the end points."""
    half = width // 2
    boxes = []
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 != x1 and y0 != y1:
            raise ValueError(f"Expected a horizontal or vertical segment, got ({x0}, {y0}) to ({x1}, {y1}).")
        boxes.append((min(x0, x1) - half, min(y0, y1) - half, abs(x1 - x0) + width, abs(y1 - y0) + width))
    return boxes


def squares(size: int, centres: Iterable[Point]) -> list[Box]:
    """Squares of `size` (even) around their centres."""
    return [(x - size // 2, y - size // 2, size, size) for x, y in centres]


def lattice(columns: int, rows: int, pitch: int) -> list[Point]:
    """Points of a square lattice from the origin, row by row."""
    return [(pitch * i, pitch * j) for j in range(rows) for i in range(columns)]


def positions(steps: Sequence[int]) -> list[int]:
    """0 and the running sums of `steps`: places along an axis from the distances between them."""
    places = [0]
    for step in steps:
        places.append(places[-1] + step)
    return places


def move(boxes: Iterable[Box], dx: int, dy: int) -> list[Box]:
    """The drawing shifted by (dx, dy)."""
    return [(x + dx, y + dy, w, h) for x, y, w, h in boxes]


def flip_y(boxes: Iterable[Box], height: int) -> list[Box]:
    """The drawing upside down within 0 <= y <= height."""
    return [(x, height - y - h, w, h) for x, y, w, h in boxes]


def turn(boxes: Iterable[Box], width: int, height: int) -> list[Box]:
    """The drawing turned by 180 degrees within 0 <= x <= width, 0 <= y <= height."""
    return [(width - x - w, height - y - h, w, h) for x, y, w, h in boxes]
