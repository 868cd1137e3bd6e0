"""Where a print has another topology than the drawing: shapes that are missing, stray, broken or joined, and holes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import shapely

from litho_dl.layout.layout import Box
from litho_dl.layout.medial import MedialAxis, medial_axis
from litho_dl.layout.outline import sampled_outline
from litho_dl.layout.shapes import Shapes, parts, to_polygons

LostKind = Literal["pinch", "bridge", "missing", "stray"]

SHARE = 0.05  # of the smaller of a print and a drawn shape that overlap, below which they only brush against each other
OPPOSITE = -0.57  # cosine between the ways from a disc's centre to two sides that face each other: 125 degrees or more
WIDEST = 1e-3  # of a stray print's size: tolerance of its largest disc


@dataclass(frozen=True)
class Lost:
    """A place where the topology differs.

    Attributes:
        kind: `missing` drawn shapes; `stray` prints; `pinch`, broken or with a hole; `bridge`, joined or a filled hole.
        box_nm: x0, y0, x1, y1.
        width_nm: Of a stray print, the diameter of the largest disc in it; otherwise 0.
    """

    kind: LostKind
    box_nm: Box
    width_nm: float = 0.0


@dataclass(frozen=True, eq=False)
class DrawnShapes:
    """Drawn shapes, to compare prints with.

    Attributes:
        shapes: shapely polygons (n,), merged.
        step_nm: Distance of samples along their outlines; well below their widths and spaces.
    """

    shapes: Shapes
    step_nm: float

    @cached_property
    def tree(self) -> shapely.STRtree:
        """The index of the shapes."""
        return shapely.STRtree(self.shapes)

    def lost(self, prints: Shapes) -> Iterator[Lost]:
        """The places where a print differs.

        A print belongs to the drawn shapes that it shares at least `SHARE` of its own area, or of theirs, with. Ends
        of lines that are pulled back, and notches filled from their ends, leave the topology as it is.

        Args:
            prints: shapely polygons (m,), merged.
        """
        which, of = self._owners(prints)
        for index in np.setdiff1d(np.arange(len(self.shapes)), of):
            yield Lost("missing", bounds(self.shapes[index]))
        touching = self.tree.query(prints, predicate="intersects")[0]
        for index in np.setdiff1d(np.arange(len(prints)), touching):
            yield Lost("stray", bounds(prints[index]), _widest_nm(prints[index]))
        for index in np.unique(of):
            over = prints[which[of == index]]
            yield from _gaps(over, self.step_nm)
            yield from self._holes(int(index), over)
        for index in np.unique(which):
            yield from self._joints(prints[index], of[which == index])

    def _owners(self, prints: Shapes) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a print and a drawn shape that it belongs to: indices (k,), (k,)."""
        which, of = self.tree.query(prints, predicate="intersects")
        common = shapely.area(shapely.intersection(prints[which], self.shapes[of]))
        kept = common >= SHARE * np.minimum(shapely.area(prints[which]), shapely.area(self.shapes[of]))
        return which[kept], of[kept]

    def _holes(self, index: int, over: Shapes) -> Iterator[Lost]:
        """Holes of prints in a drawn shape; the shape's own holes that are filled, or open to the outside."""
        shape, own, printed = self.shapes[index], _holes(self.shapes[index : index + 1]), _holes(over)
        inside = shapely.area(shapely.intersection(printed, shape)) > shapely.area(printed) / 2
        yield from (Lost("pinch", bounds(hole)) for hole in printed[inside])
        solid = shapely.union_all(over)
        left = shapely.area(shapely.difference(own, solid))
        filled = left < SHARE * shapely.area(own)
        yield from (Lost("bridge", bounds(hole)) for hole in own[filled])
        kept = shapely.intersects(own[:, None], printed[None]).any(1) if len(printed) else np.zeros(len(own), bool)
        if len(over) == 1 and (~kept & ~filled).any():
            chords = self._crossing(inside=True, which=np.array([index]), pairs="same")
            yield from _grouped("pinch", chords[~shapely.intersects(solid, chords)], self.step_nm)

    def _joints(self, printed: shapely.Polygon, of: np.ndarray) -> Iterator[Lost]:
        """Where one print joins drawn shapes, or two sides of one."""
        shapely.prepare(printed)
        if len(of) > 1:
            chords = self._crossing(inside=False, which=of, pairs="different")
            across = chords[shapely.covers(printed, chords)]
            if not len(across):
                first, second = self.shapes[of[0]], shapely.union_all(self.shapes[of[1:]])
                across = np.array([shapely.shortest_line(first, second)])
            yield from _grouped("bridge", across, self.step_nm)
            return
        printed_holes, hull = (
            _holes(np.array([printed])),
            shapely.Polygon(shapely.get_exterior_ring(self.shapes[of[0]])),
        )
        outside = shapely.area(shapely.difference(printed_holes, hull)) > shapely.area(printed_holes) / 2
        if outside.any():
            chords = self._crossing(inside=False, which=of, pairs="same")
            yield from _grouped("bridge", chords[shapely.covers(printed, chords)], self.step_nm)

    @cached_property
    def _axis(self) -> tuple[MedialAxis, np.ndarray]:
        """The medial axis of all shapes, and the number of the shape that each point of its outline belongs to."""
        polygons = to_polygons(self.shapes)
        loops = [loop for polygon in polygons for loop in polygon.loops]
        owner = np.repeat(np.arange(len(polygons)), [len(polygon.loops) for polygon in polygons])
        outline = sampled_outline(loops, self.step_nm)
        return medial_axis(outline, self._span_nm), owner[outline.loop]

    @cached_property
    def _span_nm(self) -> float:
        """The diagonal of the box around all shapes."""
        x0, y0, x1, y1 = shapely.total_bounds(self.shapes)
        return float(np.hypot(x1 - x0, y1 - y0))

    def _crossing(self, *, inside: bool, which: np.ndarray, pairs: Literal["same", "different"]) -> Shapes:
        """Lines from side to side, through the centres of discs that touch facing sides of shapes, or of one."""
        axis, owner = self._axis
        chosen = (axis.inside == inside) & np.isin(owner[axis.corners], which).all(1) & (axis.radii < self._span_nm)
        corners, centres = axis.corners[chosen], axis.centres[chosen]
        ways = axis.outline.points[corners] - centres[:, None]
        lines = []
        for k in range(3):
            a, b = k - 2, k - 1
            same = owner[corners[:, a]] == owner[corners[:, b]]
            opposite = (ways[:, a] * ways[:, b]).sum(1) < OPPOSITE * axis.radii[chosen] ** 2
            facing = ~same if pairs == "different" else same & opposite
            ends = axis.outline.points[corners[facing]]
            lines.append(np.stack((ends[:, a], centres[facing], ends[:, b]), axis=1))
        return np.asarray(shapely.linestrings(np.concatenate(lines)))


def bounds(shape: shapely.Geometry) -> Box:
    """The bounding box of a shape."""
    x0, y0, x1, y1 = shapely.bounds(shape).tolist()
    return x0, y0, x1, y1


def _holes(shapes: Shapes) -> Shapes:
    """The holes of polygons, as polygons (n,)."""
    rings = [ring for shape in shapes for ring in shapely.get_rings(shape)[1:]]
    return np.array([shapely.Polygon(ring) for ring in rings], dtype=object)


def _widest_nm(shape: shapely.Polygon) -> float:
    """The diameter of the largest disc in a shape."""
    tolerance_nm = WIDEST * float(np.sqrt(shapely.area(shape)))
    return 2 * float(shapely.length(shapely.maximum_inscribed_circle(shape, tolerance_nm)))


def _gaps(prints: Shapes, step_nm: float) -> Iterator[Lost]:
    """The gaps between the pieces (n,) of a broken shape: the n - 1 shortest that connect all."""
    reached, left = prints[:1], prints[1:]
    while len(left):
        distances = shapely.distance(reached[:, None], left[None])
        one, other = np.unravel_index(distances.argmin(), distances.shape)
        pair, reach_nm = np.array([reached[one], left[other]]), float(distances.min()) + step_nm
        ends = shapely.intersection(pair, shapely.buffer(pair[::-1], reach_nm))  # what faces the other piece
        yield Lost("pinch", bounds(shapely.union_all(ends)))
        reached, left = np.append(reached, left[other]), np.delete(left, other)


def _grouped(kind: LostKind, lines: Shapes, step_nm: float) -> Iterator[Lost]:
    """One place for all lines (n,) that lie side by side."""
    strips = parts(np.array([shapely.union_all(shapely.buffer(lines, 2 * step_nm))]))
    yield from (Lost(kind, bounds(shapely.buffer(strip, -step_nm))) for strip in strips)
