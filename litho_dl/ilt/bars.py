"""Rule-based assist features: bars of one width, at one distance beside the drawn edges, kept apart."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import shapely

from litho_dl.ilt.assists import Bars
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.shapes import to_polygons, to_shapes

SLACK_NM = 1e-6  # by which shapes may be closer than said, for rounding


def assist_bars(polygons: Sequence[Polygon], bars: Bars, field_nm: tuple[float, float]) -> list[Polygon]:
    """Bars along the edges of drawn shapes, at any angle.

    The bars of all first rows come before those of second rows, and those of long edges before those of short ones. A
    bar is cut, all across, where it would be too close to a drawn shape, to a bar before it, or within half a spacing
    to the field's border; its parts are bars, if they are long enough.

    Args:
        polygons: The drawn shapes in nm, which may touch.
        bars: The rules.
        field_nm: (height, width) of the field.

    Returns:
        The bars, in field coordinates.
    """
    drawn = shapely.union_all(to_shapes(polygons))
    near = shapely.buffer(drawn, bars.distance_nm - SLACK_NM, quad_segs=16)
    border = bars.spacing_nm / 2
    inside = shapely.box(border, border, field_nm[1] - border, field_nm[0] - border)
    placed: list[shapely.Polygon] = []
    edges = _edges(drawn)
    for row in range(bars.rows):
        offset = bars.distance_nm + row * (bars.width_nm + bars.spacing_nm)
        for start, end in edges:
            strip = _strip(start, end, bars.pullback_nm, offset, bars.width_nm)
            if strip is None:
                continue
            others = [other for other in placed if shapely.distance(strip, other) < bars.spacing_nm - SLACK_NM]
            kept_off = shapely.buffer(np.array(others, dtype=object), bars.spacing_nm - SLACK_NM, quad_segs=16)
            taken = [shapely.intersection(strip, np.append(kept_off, near)), [shapely.difference(strip, inside)]]
            parts = [part for part in shapely.get_parts(np.concatenate(taken)) if part.area > 0]
            placed += free_parts(strip, parts, bars.shortest_nm)
    return list(to_polygons(np.array(placed, dtype=object)))


def _edges(drawn: shapely.Geometry) -> list[tuple[np.ndarray, np.ndarray]]:
    """Start and end of the edges of shapes, which are on their left, longest first."""
    edges: list[tuple[np.ndarray, np.ndarray]] = []
    for ring in shapely.get_rings(shapely.orient_polygons(shapely.get_parts(shapely.simplify(drawn, SLACK_NM)))):
        corners = shapely.get_coordinates(ring)
        edges += pairwise(corners)
    return sorted(edges, key=lambda edge: (-round(float(np.hypot(*(edge[1] - edge[0]))), 3), *edge[0].tolist()))


def _strip(
    start: np.ndarray, end: np.ndarray, pullback_nm: float, offset_nm: float, width_nm: float
) -> shapely.Polygon | None:
    """The bar beside a whole edge, counter-clockwise, its first side along the edge; None if the edge is too short."""
    length = float(np.hypot(*(end - start)))
    if length <= 2 * pullback_nm:
        return None
    along = (end - start) / length
    out = np.array([along[1], -along[0]])
    far, near = (offset_nm + width_nm) * out, offset_nm * out
    first, last = start + pullback_nm * along, end - pullback_nm * along
    return shapely.Polygon([first + far, last + far, last + near, first + near])


def free_parts(
    strip: shapely.Polygon, taken: Sequence[shapely.Geometry], shortest_nm: float
) -> Iterator[shapely.Polygon]:
    """The parts of a bar of whole breadth that nothing is in, if they are long enough; they end on whole nm of it."""
    first, last, _, near = shapely.get_coordinates(strip)[:4]
    length = float(np.hypot(*(last - first)))
    along = (last - first) / length
    spans = [(shapely.get_coordinates(part) - first) @ along for part in taken]
    free_from = 0.0
    for low, high in sorted([(float(span.min()), float(span.max())) for span in spans] + [(length, length)]):
        begin, end = np.ceil(free_from - SLACK_NM), low if low == length else np.floor(low + SLACK_NM)
        if end - begin >= shortest_nm - SLACK_NM:
            sides = first + begin * along, first + end * along
            yield shapely.Polygon([*sides, sides[1] + near - first, sides[0] + near - first])
        free_from = max(free_from, high)
