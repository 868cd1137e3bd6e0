"""Edge fragments of Manhattan polygons, which move along their normals, as in classical OPC."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litho_dl.layout.polygon import Polygon

GUARD_NM = 20.0  # edges within this distance of a fragment's end also limit its move


@dataclass(frozen=True)
class FragmentRules:
    """How edges are cut into fragments.

    Attributes:
        corner_nm: Length of the fragments beside corners.
        length_nm: Largest length of the fragments between them.
        end_nm: Largest length of an edge between two convex corners that counts as a line end, and is one fragment.
    """

    corner_nm: float = 40.0
    length_nm: float = 120.0
    end_nm: float = 100.0


@dataclass(frozen=True, eq=False)
class Fragments:
    """The fragments of one clip, and the vertices of the polygons that they form.

    Attributes:
        sites: (n, 2) points (x, y) in nm on the drawn edge where the print is measured.
        normals: (n, 2) outward unit normals.
        middles: (n, 2) centres of the fragments in nm.
        halves: (n,) half lengths of the fragments in nm.
        vertices: (v, 2) drawn positions (x, y) in nm; a vertex moves in x with one fragment and in y with another.
        owners: (v, 2) indices of these fragments; -1 where a coordinate is fixed.
        signs: (v,) +1 or -1: the indicator of the union is the sum over vertices of sign H(x - x_v) H(y - y_v).
    """

    sites: np.ndarray
    normals: np.ndarray
    middles: np.ndarray
    halves: np.ndarray
    vertices: np.ndarray
    owners: np.ndarray
    signs: np.ndarray


def fragment(moving: Sequence[Polygon], fixed: Sequence[Polygon], rules: FragmentRules) -> Fragments:
    """Cuts the edges of Manhattan polygons, hulls counter-clockwise and holes clockwise, into fragments.

    Args:
        moving: Polygons whose edges are cut.
        fixed: Polygons that stay as they are.
        rules: How to cut.

    Returns:
        The fragments, and the vertices of all polygons.
    """
    parts: list[Fragments] = []
    for polygon in moving:
        for loop in polygon.loops:
            parts.append(_cut_loop(loop, rules, first=sum(len(part.sites) for part in parts)))
    nothing = np.zeros((0, 2))
    for polygon in fixed:
        for loop in polygon.loops:
            still = np.full(loop.shape, -1)
            parts.append(Fragments(nothing, nothing, nothing, nothing[:, 0], loop, still, _corner_signs(loop)))
    return Fragments(*(np.concatenate([getattr(part, name) for part in parts]) for name in Fragments.__annotations__))


def free_moves(clip: Fragments, polygons: list[Polygon], kept_nm: float, largest_nm: float) -> np.ndarray:
    """Limits on the moves of fragments that preserve a least width and space.

    An edge that faces a fragment, across its own shape or across the space before it, may move towards it as far as the
    fragment itself: each gets half of the distance that exceeds `kept_nm`, in whole nm.

    Args:
        clip: The fragments.
        polygons: All Manhattan polygons of the clip.
        kept_nm: Width and space that remain at least.
        largest_nm: Largest move.

    Returns:
        (n, 2) in nm: the largest moves inwards (zero or negative) and outwards.
    """
    loops = [loop for polygon in polygons for loop in polygon.loops]
    starts = np.concatenate(loops)
    ends = np.concatenate([np.roll(loop, -1, axis=0) for loop in loops])
    limits = np.empty((len(clip.sites), 2))
    for index, (site, normal, half) in enumerate(zip(clip.sites, clip.normals, clip.halves, strict=True)):
        axis = int(normal[1] != 0)  # the coordinate in which it moves
        facing = starts[:, axis] == ends[:, axis]
        low = np.minimum(starts[:, 1 - axis], ends[:, 1 - axis])
        high = np.maximum(starts[:, 1 - axis], ends[:, 1 - axis])
        middle = clip.middles[index, 1 - axis]
        beside = (high > middle - half - GUARD_NM) & (low < middle + half + GUARD_NM)
        ahead = (starts[facing & beside, axis] - site[axis]) * normal[axis]
        outwards, inwards = ahead[ahead > 0], -ahead[ahead < 0]
        for column, gaps, sign in ((0, inwards, -1), (1, outwards, 1)):
            nearest = gaps.min(initial=np.inf)
            limits[index, column] = sign * np.clip(np.floor((nearest - kept_nm) / 2), 0, largest_nm)
    return limits


def _corner_signs(loop: np.ndarray) -> np.ndarray:
    """+1 where a loop turns from a vertical to a horizontal edge, -1 where it turns from horizontal to vertical."""
    out = np.roll(loop, -1, axis=0) - loop
    return np.where(np.abs(out[:, 0]) > np.abs(out[:, 1]), 1, -1)


def _cut_loop(loop: np.ndarray, rules: FragmentRules, *, first: int) -> Fragments:
    """Fragments of a closed loop (n, 2) of alternating horizontal and vertical edges, numbered from `first`."""
    along = np.roll(loop, -1, axis=0) - loop
    directions, lengths = np.sign(along), np.abs(along).sum(1)
    into = np.roll(directions, 1, axis=0)
    convex = into[:, 0] * directions[:, 1] - into[:, 1] * directions[:, 0] > 0  # at each edge's start
    cuts = [
        _cut_edge(length, line_end=bool(a and b), rules=rules)
        for length, a, b in zip(lengths, convex, np.roll(convex, -1), strict=True)
    ]
    counts = np.array([len(places) for _, places in cuts])
    starts = first + np.cumsum(counts) - counts
    edge_of = np.repeat(np.arange(len(loop)), counts)
    borders = [np.array([0.0, *inner, length]) for (inner, _), length in zip(cuts, lengths, strict=True)]
    low, high = (np.concatenate([edge[part] for edge in borders]) for part in (slice(None, -1), slice(1, None)))
    places = np.concatenate([places for _, places in cuts])
    vertices, owners, signs = _vertices(loop, directions, borders, starts)
    return Fragments(
        sites=loop[edge_of] + places[:, None] * directions[edge_of],
        normals=np.stack([directions[edge_of, 1], -directions[edge_of, 0]], axis=1),
        middles=loop[edge_of] + ((low + high) / 2)[:, None] * directions[edge_of],
        halves=(high - low) / 2,
        vertices=vertices,
        owners=owners,
        signs=signs,
    )


def _vertices(
    loop: np.ndarray, directions: np.ndarray, borders: list[np.ndarray], starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, owners and signs: one vertex at the start of each edge, two at each border between its fragments."""
    last = starts + [len(edge) - 2 for edge in borders]
    vertices, owners, signs = [], [], []
    for edge, corner_sign in enumerate(_corner_signs(loop)):
        axis = int(directions[edge, 0] != 0)  # the coordinate in which its fragments move: y (1) if it runs along x
        pair = [0, 0]
        pair[axis], pair[1 - axis] = int(starts[edge]), int(last[edge - 1])
        vertices.append(loop[edge])
        owners.append(pair)
        signs.append(corner_sign)
        for piece, border in enumerate(borders[edge][1:-1]):
            for owner, sign in ((starts[edge] + piece, -corner_sign), (starts[edge] + piece + 1, corner_sign)):
                vertices.append(loop[edge] + border * directions[edge])
                owners.append([int(owner) if coordinate == axis else -1 for coordinate in (0, 1)])
                signs.append(sign)
    return np.array(vertices), np.array(owners), np.array(signs)


def _cut_edge(length: float, *, line_end: bool, rules: FragmentRules) -> tuple[list[float], list[float]]:
    """Borders between an edge's fragments, on whole nm, and their sites, as distances from the start of the edge.

    The site of a fragment beside a corner is its inner border, because no mask prints the corner itself.
    """
    if length <= 2 * rules.corner_nm or (line_end and length <= rules.end_nm):
        return [], [length / 2]
    middle = length - 2 * rules.corner_nm
    if middle <= rules.corner_nm:
        return [float(np.rint(length / 2))], [length / 4, 3 * length / 4]
    pieces = int(np.ceil(middle / rules.length_nm))
    borders = np.rint(rules.corner_nm + middle * np.arange(pieces + 1) / pieces)
    inner = (borders[:-1] + borders[1:]) / 2
    return borders.tolist(), [rules.corner_nm, *inner.tolist(), length - rules.corner_nm]
