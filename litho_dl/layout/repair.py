"""Shapes that keep mask rules, in place of shapes that nearly do: outlines moved in and out by whole discs.

Shapely (GEOS) offsets polygons with round corners in milliseconds.
"""

import math
from collections.abc import Sequence

import numpy as np
import shapely

from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules
from litho_dl.layout.shapes import Shapes, parts, to_polygons, to_shapes

SLACK_NM = 0.3  # by which discs are larger than the rules', for what is rounded and simplified later
RADIUS_SLACK = 1.1  # times the least radius, as the cusps that closings leave are a little sharper
TOLERANCE_NM = 0.05  # of simplification
QUARTER = 6  # edges of a quarter of a disc,
ROUND_NM = 12.0  # of up to this radius, 0.1 nm from the arc; larger discs have more
KEPT = 0.75  # of the least width: narrower parts are removed, wider ones are widened
ROUNDS = 6
AREA_SLACK = 1.02  # smoothing, see `curves.evened`, takes up to 1 % of small shapes
NOISE_NM2, NOISE_NM = 2.0, 0.004  # area that rounding may cost a shape, and that for each nm of its outline,
NOISE_RADIUS_NM = 10.0  # with discs of up to this radius; chords of larger arcs cost more
SEEN_NM = 0.001  # area that an opening must cost, for each nm of the outline, for a search of narrow parts,
DEPTH_NM = 0.4  # that reach so far out of the disc
CUTS = 3  # rounds up to the first cut by a whole disc: narrow spaces need no more than a part of it
GROWTH_NM = 2.0  # by which a cut is wider in each round


def repaired(polygons: Sequence[Polygon], rules: MaskRules) -> tuple[Polygon, ...]:
    """Moves outlines until widths, spaces, areas and radii keep mask rules.

    An opening by a disc of the least width (or of twice the least radius, if that is more) removes what no disc fits
    into, except that parts of `KEPT` times the least width are widened to it; a closing likewise fills narrow spaces.
    So all corners become arcs. Where a closing makes a bridge that is too narrow, the two sides are moved apart
    instead. Shapes below the least area are left out. Where all rules are kept, outlines move by no more than the
    rounding of corners.

    Args:
        polygons: Polygons in nm, such as those of `contour_polygons`; they may overlap.
        rules: The rules; a rule of 0 is not kept.

    Returns:
        Merged polygons that keep the rules, unless `ROUNDS` rounds were not enough; with arcs as chords, to 0.1 nm.
    """
    wide, apart = (_radius_nm(limit_nm, rules) for limit_nm in (rules.min_width_nm, rules.min_space_nm))
    least_nm2 = rules.min_area_nm2 * AREA_SLACK
    shapes = _widened(parts(shapely.union_all(_simplified(to_shapes(polygons)))), wide)
    for growth in range(ROUNDS + 1):
        shapes = _of_area(_closed(shapes, apart), least_nm2)
        narrow = _narrow(shapes, wide)
        if not narrow or growth == ROUNDS:
            break
        for index, bridges in narrow.items():
            cut = _offset(bridges, apart * min(1.0, (growth + 1) / CUTS) + 1.0 + GROWTH_NM * growth)
            shapes[index] = shapely.difference(shapes[index], shapely.union_all(cut))
        shapes = _opened(parts(shapes), wide)
    return to_polygons(shapes)


def opened(shapes: Shapes, rules: MaskRules) -> Shapes:
    """The parts of shapes that are wide and large enough, with round corners; see `repaired`."""
    return _of_area(_opened(shapes, _radius_nm(rules.min_width_nm, rules)), rules.min_area_nm2 * AREA_SLACK)


def _radius_nm(limit_nm: float, rules: MaskRules) -> float:
    """Radius of the discs that keep a least width or space, and the least radius; 0: none is to be kept."""
    radius_nm = max(limit_nm / 2, RADIUS_SLACK * rules.min_radius_nm)
    return radius_nm + SLACK_NM if radius_nm > 0 else 0.0


def _simplified(shapes: Shapes) -> Shapes:
    """Valid shapes without vertices that move outlines by less than `TOLERANCE_NM`."""
    simple = shapely.simplify(shapes, TOLERANCE_NM, preserve_topology=False)  # ten times as fast as with
    invalid = ~shapely.is_valid(simple)
    simple[invalid] = shapely.make_valid(simple[invalid], method="structure", keep_collapsed=False)
    return simple


def _offset(shapes: Shapes, by_nm: float) -> Shapes:
    """Each shape, grown by a disc, or shrunk."""
    edges = math.ceil(QUARTER * math.sqrt(max(1.0, abs(by_nm) / ROUND_NM)))
    return shapely.buffer(shapes, by_nm, quad_segs=edges)


def _opened(shapes: Shapes, radius_nm: float) -> Shapes:
    """The parts of shapes that discs fit into."""
    if radius_nm == 0:
        return shapes
    return parts(_simplified(_offset(_offset(shapes, -radius_nm), radius_nm)))


def _widened(shapes: Shapes, radius_nm: float) -> Shapes:
    """The parts of shapes that discs fit into, and those that nearly do, widened; shapes may overlap then."""
    if radius_nm == 0:
        return shapes
    least_nm = KEPT * radius_nm
    core = _offset(shapes, -radius_nm)
    opened = _offset(core, radius_nm)
    lost = _loses(shapes, opened, radius_nm)
    # With mitred corners, so that corners of up to 60 degrees are not taken for narrow parts.
    reached = shapely.buffer(core[lost], radius_nm - least_nm + SLACK_NM, join_style="mitre", mitre_limit=2.0)
    narrow = shapely.difference(_offset(shapes[lost], -least_nm), reached)
    opened[lost] = shapely.union(opened[lost], _offset(narrow, radius_nm))
    return parts(_simplified(opened))


def _loses(shapes: Shapes, opened: Shapes, radius_nm: float) -> np.ndarray:
    """Which shapes lose more than rounding by an opening, (n,) bool."""
    larger = max(1.0, radius_nm / NOISE_RADIUS_NM)
    noise_nm2 = NOISE_NM2 * larger**2 + NOISE_NM * larger * shapely.length(shapes)
    return shapely.area(shapes) - shapely.area(opened) > noise_nm2


def _closed(shapes: Shapes, radius_nm: float) -> Shapes:
    """Shapes with the spaces between and in them filled that discs do not fit into."""
    if radius_nm == 0:
        return parts(shapely.union_all(shapes))
    grown = parts(shapely.union_all(_offset(shapes, radius_nm)))
    return parts(_simplified(_offset(grown, -radius_nm)))


def _of_area(shapes: Shapes, least_nm2: float) -> Shapes:
    """The shapes of at least so large an area."""
    return shapes[shapely.area(shapes) >= least_nm2]


def _narrow(shapes: Shapes, radius_nm: float) -> dict[int, Shapes]:
    """The parts that discs do not fit into, also sharp corners, by index of the shape; what is rounding is left out."""
    if radius_nm <= 0:
        return {}
    opened = _offset(_offset(shapes, -radius_nm), radius_nm)
    suspects = np.flatnonzero(shapely.area(shapes) - shapely.area(opened) > SEEN_NM * shapely.length(shapes))
    reached = _offset(opened[suspects], DEPTH_NM)
    lost = map(parts, shapely.difference(shapes[suspects], reached))
    return {int(index): pieces for index, pieces in zip(suspects, lost, strict=True) if len(pieces)}
