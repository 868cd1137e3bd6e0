"""EPE sites on the drawn edges of polygons, at any angle, and the drawn width at each."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from litho_dl.layout.cutline import distances_to
from litho_dl.layout.edges import Edge, drawn_edges
from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.epe import EpeRule, EpeSites, site_offsets

BORDER_NM = 1e-6
INSET_NM = 1e-3  # by which rays start inside an edge, so that they do not meet it


def field_edges(polygons: Iterable[Polygon], field_nm: tuple[float, float] | None = None) -> list[Edge]:
    """The drawn edges of merged polygons.

    Args:
        polygons: Merged polygons, hulls counter-clockwise and holes clockwise.
        field_nm: (height, width) of the periodic field: where polygons continue across its border there is no edge.
            None: not periodic.

    Returns:
        The edges.
    """
    edges = [edge for polygon in polygons for loop in polygon.loops for edge in drawn_edges(loop)]
    if field_nm is None:
        return edges
    for axis, side in ((0, field_nm[1]), (1, field_nm[0])):
        low, high = ([edge for edge in edges if _lies_at(edge, axis, place)] for place in (0.0, side))
        if low and high:
            kept = [edge for edge in edges if not any(edge is other for other in (*low, *high))]
            edges = [*kept, *_uncovered(low, high, 1 - axis), *_uncovered(high, low, 1 - axis)]
    return edges


def _lies_at(edge: Edge, axis: int, place: float) -> bool:
    return edge.straight and bool((np.abs(edge.points[:, axis] - place) <= BORDER_NM).all())


def _uncovered(edges: list[Edge], others: list[Edge], axis: int) -> list[Edge]:
    """The parts of edges along an axis that others on the opposite border do not cover."""
    parts = []
    for edge in edges:
        start, end = edge.points[:, axis]
        free = [(min(start, end), max(start, end))]
        for other in others:
            first, last = sorted(other.points[:, axis].tolist())
            free = [
                piece
                for low, high in free
                for piece in ((low, min(high, first)), (max(low, last), high))
                if piece[1] - piece[0] > BORDER_NM
            ]
        for piece in free:
            points = edge.points.copy()
            points[:, axis] = piece if end > start else piece[::-1]
            parts.append(Edge(points, np.array([0.0, piece[1] - piece[0]]), closed=False, convex=edge.convex))
    return parts


def drawn_sites(
    edges: Sequence[Edge], rule: EpeRule, pixel_nm: float, shape: tuple[int, int], *, on_pixels: bool = False
) -> EpeSites:
    """Samples drawn edges as `metrics.epe.find_sites` samples those of pixels, curves by their arc length.

    Args:
        edges: The edges, in field coordinates; they may extend beyond the field.
        rule: How edges are sampled, in pixels.
        pixel_nm: The pixel.
        shape: (H, W) of the field in pixels; sites whose inner pixel lies beyond it are left out.
        on_pixels: Whether edges along x and y are rounded to pixels, as a raster with threshold 1/2 rounds them.

    Returns:
        The sites. Outlines without corners get them in equal steps of about `rule.spacing_px`.
    """
    found = [_sites(edge, rule, pixel_nm, on_pixels=on_pixels) for edge in edges]
    rows = np.concatenate(found) if found else np.zeros((0, 5))
    sites = EpeSites(rows[:, :2], rows[:, 2:4], rows[:, 4] > 0)
    row, column = sites.pixels.T
    return sites.where((row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1]))


def _sites(edge: Edge, rule: EpeRule, pixel_nm: float, *, on_pixels: bool) -> np.ndarray:
    """Sites (n, 5) on one edge: row, column, outward normal (row, column), and 1 for a curve."""
    if on_pixels and edge.straight and (edge.points[0] == edge.points[1]).any():
        return _pixel_sites(edge.points / pixel_nm, rule)
    arcs = _arcs(edge, rule, pixel_nm) * pixel_nm
    points, normals = edge.at(arcs) / pixel_nm, edge.normals(arcs)
    return np.column_stack((points[:, ::-1], normals[:, ::-1], np.full(len(arcs), not edge.straight)))


def _arcs(edge: Edge, rule: EpeRule, pixel_nm: float) -> np.ndarray:
    """Distances of the sites from the edge's start, in pixels."""
    length = edge.length_nm / pixel_nm
    if edge.closed:
        count = max(1, round(length / rule.spacing_px))
        return (np.arange(count) + 0.5) * length / count
    longer = int(rule.from_low_end and not edge.convex[0])  # by the pixel in the corner that it starts from
    pixels = math.floor(length + 0.5) + longer
    if pixels == 0:
        return np.zeros(0)
    along = np.array(site_offsets(pixels - 1, rule)) + 0.5
    dx, dy = edge.points[-1] - edge.points[0]
    forwards = dx > BORDER_NM or (abs(dx) <= BORDER_NM and dy > 0)
    return np.clip(along - longer if forwards else length - along, 0, length)


def _pixel_sites(ends: np.ndarray, rule: EpeRule) -> np.ndarray:
    """Sites (n, 5) on an edge along x or y between two points (2, 2) in pixels.

    Pixels that are covered by one half count as covered, as in a raster with threshold 1/2.
    """
    axis = int(ends[0, 0] == ends[1, 0])  # along x, along y
    step = ends[1, axis] - ends[0, axis]
    first, last = math.ceil(ends[:, axis].min() - 0.5), math.floor(ends[:, axis].max() + 0.5) - 1
    if last < first:
        return np.zeros((0, 5))
    along = first + 0.5 + np.array(site_offsets(last - first, rule))
    outwards = -np.sign(step) if axis == 0 else np.sign(step)  # to the right of the edge
    place = ends[0, 1 - axis]
    across = np.full_like(along, math.floor(place + 0.5) if outwards > 0 else math.ceil(place - 0.5))
    normal, zero = np.full_like(along, outwards), np.zeros_like(along)
    if axis == 0:
        return np.column_stack((across, along, normal, zero, zero))
    return np.column_stack((along, across, zero, normal, zero))


def drawn_widths_nm(
    edges: Sequence[Edge], sites: EpeSites, pixel_nm: float, field_nm: tuple[float, float]
) -> np.ndarray:
    """The drawn width (n,) in nm at each site.

    It is the distance to the opposite edge; on straight edges also the length of the shape along the edge, if that is
    smaller: at the end of a line, the line's width.

    Args:
        edges: The edges that the sites are on, of a periodic field (see `field_edges`).
        sites: The sites.
        pixel_nm: Their pixel.
        field_nm: (height, width) of the field.
    """
    segments = np.concatenate([np.hstack((edge.points[:-1], edge.points[1:])) for edge in edges] or [np.zeros((0, 4))])
    if edges and _reaches_border(segments, field_nm):
        shifts = [(x * field_nm[1], y * field_nm[0]) for x in (-1, 0, 1) for y in (-1, 0, 1)]
        segments = np.concatenate([segments + np.tile(shift, 2) for shift in shifts])
    points, outwards = sites.positions_nm(pixel_nm), sites.normals[:, ::-1]
    across = INSET_NM + distances_to(segments, points - INSET_NM * outwards, -outwards)
    straight = ~sites.on_curves
    inside, along = (points - pixel_nm / 2 * outwards)[straight], outwards[straight][:, ::-1] * (1, -1)
    lengths = distances_to(segments, inside, along) + distances_to(segments, inside, -along)
    across[straight] = np.minimum(across[straight], lengths)
    return np.minimum(across, max(field_nm))


def _reaches_border(segments: np.ndarray, field_nm: tuple[float, float]) -> bool:
    places = segments.reshape(-1, 2)
    return bool((places <= BORDER_NM).any() or (places >= np.array(field_nm[::-1]) - BORDER_NM).any())
