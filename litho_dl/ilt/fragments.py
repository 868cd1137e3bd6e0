"""Edge fragments of polygons, which move along their normals, as in classical OPC."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from litho_dl.ilt.assists import Assists
from litho_dl.layout.edges import Edge, drawn_edges
from litho_dl.layout.polygon import Polygon

FACING, PARALLEL = -0.5, 0.999  # cosines of the normals of edges that limit each other's moves
FLAT = 1e-3  # slope of segments that count as parallel to a fragment
NECK = 0.5**0.5  # share of a width in x and in y that keeps it between two corners
ROUNDING_NM = 1e-3  # of distances between slanted edges
SHARPEST_SINE = 0.5  # of the turn at a corner whose moved vertex is where its moved edges meet


@dataclass(frozen=True)
class FragmentRules:
    """How edges are cut into fragments.

    Attributes:
        corner_nm: Length of the fragments beside corners, and about that of those on curves.
        length_nm: Largest length of the fragments between them.
        end_nm: Largest length of a straight edge between two convex corners that counts as a line end, and is one
            fragment.
    """

    corner_nm: float = 40.0
    length_nm: float = 80.0
    end_nm: float = 100.0


UNCUT = FragmentRules(corner_nm=np.inf)  # one fragment to each edge


@dataclass(frozen=True, eq=False)
class Fragments:
    """The fragments of one clip, and the vertices of the polygons that they form.

    Attributes:
        sites: (n, 2) points (x, y) in nm on the drawn edge where the print is measured.
        normals: (n, 2) outward unit normals.
        middles: (n, 2) centres of the fragments in nm.
        halves: (n,) half lengths of the fragments in nm.
        edges: (n,) number of the drawn edge that each is a part of.
        vertices: (v, 2) drawn positions (x, y) in nm, outline by outline.
        owners: (v, 2) indices of the fragments that each vertex moves with; -1 for none.
        vectors: (v, 2, 2) its moves (x, y) in nm for moves of 1 nm of the one and the other.
        outlines: Number of vertices of the hull and of each hole, polygon by polygon.
        drawn: Number of fragments of drawn polygons, which come first; the others are sides of assist rectangles.
    """

    sites: np.ndarray
    normals: np.ndarray
    middles: np.ndarray
    halves: np.ndarray
    edges: np.ndarray
    vertices: np.ndarray
    owners: np.ndarray
    vectors: np.ndarray
    outlines: tuple[tuple[int, ...], ...]
    drawn: int

    @cached_property
    def following(self) -> np.ndarray:
        """(v,) index of the next vertex of each one's outline."""
        counts = np.array([count for counts in self.outlines for count in counts])
        following = np.arange(counts.sum()) + 1
        following[np.cumsum(counts) - 1] -= counts
        return following

    def polygons(self, vertices: np.ndarray) -> list[Polygon]:
        """The polygons with their vertices (v, 2) in other places."""
        loops = iter(np.split(vertices, np.cumsum([count for counts in self.outlines for count in counts])[:-1]))
        moved = ([next(loops) for _ in counts] for counts in self.outlines)
        return [Polygon(hull, tuple(holes)) for hull, *holes in moved]


def fragment(drawn: Sequence[Polygon], assists: Sequence[Polygon], rules: FragmentRules) -> Fragments:
    """Cuts the edges of polygons, hulls counter-clockwise and holes clockwise, into fragments.

    Args:
        drawn: Merged polygons whose edges are cut.
        assists: Rectangles, each edge of which is one fragment.
        rules: How to cut.

    Returns:
        The fragments, and the vertices of all polygons.
    """
    pieces: list[_Piece] = []
    corners: list[_Vertex] = []
    outlines, edge = [], 0
    cuts = [(polygon, rules) for polygon in drawn] + [(polygon, UNCUT) for polygon in assists]
    for polygon, how in cuts:
        counts = []
        for loop in polygon.loops:
            edges = drawn_edges(loop)
            own = [list(_cut(part, how, edge + index)) for index, part in enumerate(edges)]
            found = list(_vertices(own, first=len(pieces), closed=edges[0].closed))
            pieces += (piece for parts in own for piece in parts)
            corners += found
            counts.append(len(found))
            edge += len(edges)
        outlines.append(tuple(counts))
    return Fragments(
        sites=np.array([piece.site for piece in pieces]).reshape(-1, 2),
        normals=np.array([piece.normal for piece in pieces]).reshape(-1, 2),
        middles=np.array([piece.middle for piece in pieces]).reshape(-1, 2),
        halves=np.array([piece.half for piece in pieces]),
        edges=np.array([piece.edge for piece in pieces], dtype=np.int64),
        vertices=np.array([vertex.point for vertex in corners]).reshape(-1, 2),
        owners=np.array([vertex.owners for vertex in corners], dtype=np.int64).reshape(-1, 2),
        vectors=np.array([vertex.vectors for vertex in corners]).reshape(-1, 2, 2),
        outlines=tuple(outlines),
        drawn=len(pieces) - 4 * len(assists),
    )


def free_moves(
    clip: Fragments, polygons: Sequence[Polygon], kept_nm: float, largest_nm: float, assists: Assists
) -> np.ndarray:
    """Limits on the moves of fragments that preserve a least width and space, and a least area of assist rectangles.

    An edge that faces a fragment, across its own shape or across the space before it, may move towards it as far as the
    fragment itself: each gets half of the distance that exceeds what is kept, in whole nm. Edges of the same direction
    farther on limit it likewise. Assist rectangles keep their clearance from drawn edges where these are drawn, and
    their space from where these move to; their longer sides remain as long as the area needs at the least width.

    Args:
        clip: The fragments.
        polygons: All polygons of the clip, drawn ones first.
        kept_nm: Width and space that remain at least.
        largest_nm: Largest move.
        assists: Least width, area, space and clearance of assist rectangles.

    Returns:
        (n, 2) in nm: the largest moves inwards (zero or negative) and outwards.
    """
    edges = [edge for polygon in polygons for loop in polygon.loops for edge in drawn_edges(loop)]
    starts, ends = (np.concatenate([edge.points[part] for edge in edges]) for part in (slice(None, -1), slice(1, None)))
    owners = np.repeat(np.arange(len(edges)), [len(edge.points) - 1 for edge in edges])
    along = (ends - starts) / np.hypot(*(ends - starts).T)[:, None]
    outwards = np.stack([along[:, 1], -along[:, 0]], axis=1)
    of_assist = owners >= len(edges) - (len(clip.sites) - clip.drawn)
    apart_nm = max(kept_nm, assists.space_nm)
    limits = np.empty((len(clip.sites), 2))
    for index, (normal, middle, half) in enumerate(zip(clip.normals, clip.middles, clip.halves, strict=True)):
        cosine = outwards @ normal
        facing = ((cosine < FACING) | (cosine > PARALLEL)) & (owners != clip.edges[index])
        own, other = index >= clip.drawn, of_assist[facing]
        least = np.where(own | other, apart_nm, kept_nm)
        clear = np.where(own & ~other, assists.clearance_nm, 0)
        guards = np.maximum(least, clear)
        ahead = _heights(starts[facing] - middle, ends[facing] - middle, normal, half, guards)
        shares = np.minimum(_share(np.abs(ahead), least), _whole(np.abs(ahead) - clear))
        limits[index] = [sign * shares[sign * ahead > 0].min(initial=largest_nm) for sign in (-1, 1)]
    _bound_beside_corners(limits, clip, kept_nm)
    shrinkage = _shrinkage(clip, max(kept_nm, assists.narrowest_nm), assists.smallest_nm2)
    limits[clip.drawn :, 0] = -np.minimum(shrinkage, largest_nm)
    return limits


def _bound_beside_corners(limits: np.ndarray, clip: Fragments, kept_nm: float) -> None:
    """Bounds moves that would leave less of a fragment across a corner of a drawn polygon than is kept.

    Inward moves shorten it at a convex corner, outward moves at a concave one. Those of the next fragments but one, on
    either edge, leave a neck between them, or a gap.
    """
    corners = clip.owners[(clip.owners >= 0).all(1) & (clip.owners < clip.drawn).all(1)]
    before, after = clip.normals[corners].swapaxes(0, 1)
    convex = before[:, 0] * after[:, 1] > before[:, 1] * after[:, 0]
    for (own, other), step in ((corners.T, -1), (corners.T[::-1], 1)):
        for moved, least in ((own, kept_nm), (own + step, NECK * kept_nm)):
            room = _whole(2 * clip.halves[other] - least)
            same = clip.edges[moved % len(clip.edges)] == clip.edges[own]
            np.maximum.at(limits[:, 0], moved[convex & same], -room[convex & same])
            np.minimum.at(limits[:, 1], moved[~convex & same], room[~convex & same])


def _shrinkage(clip: Fragments, narrowest_nm: float, smallest_nm2: float) -> np.ndarray:
    """Inward moves of the sides of assist rectangles that preserve their least width and area."""
    sides = 2 * clip.halves[clip.drawn :].reshape(-1, 4)
    across = np.roll(sides, 1, axis=1)
    least = np.where(across >= sides, max(narrowest_nm, smallest_nm2 / narrowest_nm), narrowest_nm)
    return _share(across, least).ravel()


def _share(distance: np.ndarray, kept_nm: np.ndarray) -> np.ndarray:
    """Half of what distances exceed those that are kept by, in whole nm."""
    return _whole((distance - kept_nm) / 2)


def _whole(room: np.ndarray) -> np.ndarray:
    """Moves in whole nm for the room in nm, none where it is negative."""
    return np.maximum(np.floor(room + ROUNDING_NM), 0)


def moves_to_border(clip: Fragments, field_nm: tuple[float, float], margins_nm: tuple[float, float]) -> np.ndarray:
    """Outward moves (n,), in whole nm, that leave vertices a margin from the field's border.

    Args:
        clip: The fragments.
        field_nm: Height and width of the field.
        margins_nm: The margins of drawn polygons and of assist rectangles.
    """
    free = np.full(len(clip.sites) + 1, np.inf)  # the last one is of vertices' missing owners
    margins = np.array(margins_nm)[(clip.owners[:, 0] >= clip.drawn).astype(int), None]
    for room, sign in ((clip.vertices, -1), (np.array(field_nm[::-1]) - clip.vertices, 1)):
        pushed = np.maximum(sign * clip.vectors, 0)  # (v, 2 owners, 2)
        share = (room - margins)[:, None] / np.maximum(pushed.sum(1, keepdims=True), FLAT)
        np.minimum.at(free, clip.owners, np.where(pushed > FLAT, share, np.inf).min(2))
    return _whole(free[:-1])


def _heights(
    starts: np.ndarray, ends: np.ndarray, normal: np.ndarray, half: float, guards_nm: np.ndarray
) -> np.ndarray:
    """Distances (2, m) of segments from a line through the origin, at both ends of their parts beside it; signed.

    Beside it is up to the segment's guard from its ends; and, for segments that are parallel to it, as far as they are
    ahead: of what is farther to the side, edges at right angles limit the moves. Distances of segments that are not
    parallel to the line are taken at right angles to them; those of segments that are not beside it are NaN.
    """
    tangent = np.array([-normal[1], normal[0]])
    (low, high), (first, last) = (
        np.stack([points @ direction for points in (starts, ends)]) for direction in (tangent, normal)
    )
    slope = (last - first) / (high - low)  # facing segments are not parallel to the normal
    reach = half + np.where(np.abs(slope) < FLAT, np.maximum(np.abs(first), guards_nm), guards_nm)
    beside = (np.maximum(low, high) >= -reach) & (np.minimum(low, high) <= reach)
    heights = np.stack([first + slope * (np.clip(end, -reach, reach) - low) for end in (low, high)])
    return np.where(beside, heights / np.hypot(1, slope), np.nan)


@dataclass(frozen=True, eq=False)
class _Piece:
    """One fragment, and its part of the outline, whose inner vertices move along bisectors."""

    edge: int
    site: np.ndarray
    normal: np.ndarray
    middle: np.ndarray
    half: float
    points: np.ndarray
    moves: np.ndarray


@dataclass(frozen=True, eq=False)
class _Vertex:
    point: np.ndarray
    owners: tuple[int, int]
    vectors: np.ndarray


def _cut(edge: Edge, rules: FragmentRules, number: int) -> Iterator[_Piece]:
    """The fragments of one edge."""
    if edge.straight:
        inner, places = _cut_straight(edge.length_nm, line_end=all(edge.convex), rules=rules)
    else:
        count = max(3 if edge.closed else 1, round(edge.length_nm / rules.corner_nm))
        inner = (edge.length_nm * np.arange(1, count) / count).tolist()
        places = (edge.length_nm * (np.arange(count) + 0.5) / count).tolist()
    borders = [0.0, *inner, edge.length_nm]
    sites, normals = edge.at(np.array(places)), edge.normals(np.array(places))
    middles = edge.at((np.array(borders[:-1]) + borders[1:]) / 2)
    for index, (low, high) in enumerate(pairwise(borders)):
        within = edge.arcs[(edge.arcs > low + 1e-6) & (edge.arcs < high - 1e-6)]
        arcs = np.array([low, *within, high])
        points = np.array([*edge.at(arcs[:-1]), edge.points[-1] if high == edge.length_nm else edge.at(arcs[-1:])[0]])
        yield _Piece(number, sites[index], normals[index], middles[index], (high - low) / 2, points, _moves(points))


def _moves(points: np.ndarray) -> np.ndarray:
    """Moves (m, 2) of a polyline's vertices that move each of its segments outwards by 1 nm."""
    along = np.diff(points, axis=0)
    normals = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
    before, after = np.vstack([normals[:1], normals]), np.vstack([normals, normals[-1:]])
    return (before + after) / (1 + (before * after).sum(1))[:, None]


def _vertices(edges: list[list[_Piece]], first: int, *, closed: bool) -> Iterator[_Vertex]:
    """The vertices of an outline: one at each corner, two at each border between fragments of an edge."""
    last = first + sum(len(parts) for parts in edges) - 1
    before, number = edges[-1][-1], first
    for parts in edges:
        for index, piece in enumerate(parts):
            previous = last if number == first else number - 1
            if index == 0 and not closed:
                yield _corner(before, piece, (previous, number))
            else:
                yield _Vertex(before.points[-1], (previous, -1), np.array([before.moves[-1], (0, 0)]))
                yield _Vertex(piece.points[0], (number, -1), np.array([piece.moves[0], (0, 0)]))
            for point, move in zip(piece.points[1:-1], piece.moves[1:-1], strict=True):
                yield _Vertex(point, (number, -1), np.array([move, (0, 0)]))
            before, number = piece, number + 1


def _corner(before: _Piece, after: _Piece, owners: tuple[int, int]) -> _Vertex:
    """The vertex between two edges: where the moved edges meet, or, if they are nearly parallel, between both."""
    (ax, ay), (bx, by) = before.moves[-1], after.moves[0]
    sine, cosine = ax * by - ay * bx, ax * bx + ay * by
    if abs(sine) > SHARPEST_SINE:
        vectors = np.array([[by, -bx], [-ay, ax]]) / sine
    else:
        vectors = np.array([[ax + bx, ay + by]] * 2) / 2 / max(1 + cosine, SHARPEST_SINE)
    return _Vertex(after.points[0], owners, vectors)


def _cut_straight(length: float, *, line_end: bool, rules: FragmentRules) -> tuple[list[float], list[float]]:
    """Borders between a straight edge's fragments, on whole nm, and their sites, as distances from its start.

    The site of a fragment beside a corner is its inner border, because no mask prints the corner itself.
    """
    whole, length = round(length), round(length, 3)  # the ends of slanted edges are rounded to the database unit
    if whole <= 2 * rules.corner_nm or (line_end and whole <= rules.end_nm):
        return [], [length / 2]
    middle = length - 2 * rules.corner_nm
    if whole <= 3 * rules.corner_nm:
        return [float(np.rint(length / 2))], [length / 4, 3 * length / 4]
    pieces = int(np.ceil(round(middle) / rules.length_nm))
    borders = np.rint(rules.corner_nm + middle * np.arange(pieces + 1) / pieces)
    inner = (borders[:-1] + borders[1:]) / 2
    return borders.tolist(), [rules.corner_nm, *inner.tolist(), length - rules.corner_nm]
