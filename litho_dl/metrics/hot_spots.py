"""Hot spots: where printed shapes are nearly or quite broken, joined, absent, or print where nothing is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from litho_dl.core.errors import LithoError
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.medial import medial_axis, narrow_places
from litho_dl.layout.outline import sampled_outline
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.shapes import Shapes, parts, to_polygons, to_shapes
from litho_dl.metrics.print_topology import DrawnShapes, Lost, LostKind

SAMPLES_PER_LIMIT = 10
LARGEST_LIMIT_NM = 1e6
REACH = 0.5  # of the field: how far it is continued across its border, where anything is near that
SNAP_NM = 1e-6


@dataclass(frozen=True)
class PrintLimits:
    """What printed shapes are compared with.

    Attributes:
        width_nm: A drawn shape that prints narrower than this pinches; > 0.
        space_nm: Prints that are closer together than this bridge; > 0.

    Raises:
        LithoError: A limit is not positive, or beyond 1 mm.
    """

    width_nm: float
    space_nm: float

    def __post_init__(self) -> None:
        if not all(0 < limit <= LARGEST_LIMIT_NM for limit in (self.width_nm, self.space_nm)):
            raise LithoError(
                f"Expected limits of printed width and space above 0, up to 1 mm, got {self.width_nm:g} and "
                f"{self.space_nm:g} nm."
            )

    def of(self, kind: LostKind) -> float:
        """The limit that a kind of hot spot is measured against."""
        return self.space_nm if kind == "bridge" else self.width_nm


@dataclass(frozen=True)
class HotSpot:
    """One place of one print that is wrong, or nearly so.

    Attributes:
        kind: `pinch`, a drawn shape prints too narrow, is broken or has a hole; `bridge`, prints are too close, or
            joined; `missing`, a drawn shape does not print; `stray`, a print touches nothing drawn.
        corner: The process condition.
        width_nm: Of a pinch, the printed width; of a bridge, the printed space; of a stray print, the diameter of the
            largest disc in it; 0 where shapes are broken, joined or missing.
        box_nm: x0, y0, x1, y1 of the place, on the field.
        place: Number of the place, from 1 by severity; the same place has the same number at all corners.
    """

    kind: LostKind
    corner: str
    width_nm: float
    box_nm: Box
    place: int = 0

    @property
    def lost(self) -> bool:
        """Whether something is broken, joined, missing or stray, and not only narrow."""
        return self.width_nm == 0 or self.kind == "stray"

    @property
    def extent_nm(self) -> float:
        """The longer side of the box."""
        x0, y0, x1, y1 = self.box_nm
        return max(x1 - x0, y1 - y0)

    @property
    def centre_nm(self) -> tuple[float, float]:
        """(x, y) of the middle of the box."""
        x0, y0, x1, y1 = self.box_nm
        return (x0 + x1) / 2, (y0 + y1) / 2


def find_hot_spots(
    prints: Mapping[str, Sequence[Polygon]],
    drawn: Sequence[Polygon],
    limits: PrintLimits,
    field_nm: tuple[float, float],
) -> tuple[HotSpot, ...]:
    """The hot spots of prints at several corners.

    Widths and spaces are distances between the sides of printed polygons, as `layout.medial.narrow_places` measures
    them, at any angle and to 1 % of the limit. Whether a narrow place is a width of something drawn, or a space, is
    decided by what is drawn there. Ends of lines are edge placement, however they taper. What is broken, joined,
    missing or stray is found by `metrics.print_topology`.

    Args:
        prints: Printed polygons by corner, merged, on the field.
        drawn: The drawn polygons, merged, on the field.
        limits: The limits.
        field_nm: (height, width) of the periodic field.

    Returns:
        The hot spots: first what is lost, by falling size, then by rising ratio of width to limit.
    """
    near_nm = max(limits.width_nm, limits.space_nm)
    continued = _reaches_border([*drawn, *(polygon for own in prints.values() for polygon in own)], field_nm, near_nm)
    step_nm = min(limits.width_nm, limits.space_nm) / SAMPLES_PER_LIMIT
    target = DrawnShapes(_continued(drawn, field_nm) if continued else to_shapes(drawn), step_nm)
    found = []
    for corner, polygons in prints.items():
        shapes = _continued(polygons, field_nm) if continued else to_shapes(polygons)
        for place in (*target.lost(shapes), *_narrow(shapes, target, limits)):
            spot = HotSpot(place.kind, corner, place.width_nm, place.box_nm)
            x, y = spot.centre_nm
            if 0 <= x < field_nm[1] and 0 <= y < field_nm[0]:
                found.append(spot)
    ranked = sorted(
        found, key=lambda spot: (not spot.lost, spot.width_nm / limits.of(spot.kind) * (not spot.lost), -spot.extent_nm)
    )
    return _numbered(ranked, limits)


def _narrow(prints: Shapes, drawn: DrawnShapes, limits: PrintLimits) -> list[Lost]:
    """Where prints are too narrow on drawn shapes, and too close to each other beside them."""
    if not len(prints):
        return []
    loops = [loop for polygon in to_polygons(prints) for loop in polygon.loops]
    axis = medial_axis(sampled_outline(loops, drawn.step_nm), max(limits.width_nm, limits.space_nm))
    found = []
    kinds: tuple[tuple[bool, LostKind], ...] = ((True, "pinch"), (False, "bridge"))
    for inside, kind in kinds:
        places = narrow_places(axis, limits.of(kind), inside=inside, tapering=False)
        centres = (places.boxes_nm[:, :2] + places.boxes_nm[:, 2:]) / 2
        on_drawn = np.zeros(len(centres), dtype=bool)
        on_drawn[drawn.tree.query(shapely.points(centres), predicate="intersects")[0]] = True
        for n in np.flatnonzero(on_drawn == inside):
            x0, y0, x1, y1 = places.boxes_nm[n].tolist()
            found.append(Lost(kind, (x0, y0, x1, y1), float(places.values[n])))
    return found


def _reaches_border(polygons: Sequence[Polygon], field_nm: tuple[float, float], near_nm: float) -> bool:
    """Whether anything lies as near to the border of the field as half of a place may be wide."""
    far = np.array(field_nm[::-1]) - near_nm
    return any((loop < near_nm).any() or (loop > far).any() for loop in (polygon.hull for polygon in polygons))


def _continued(polygons: Sequence[Polygon], field_nm: tuple[float, float]) -> Shapes:
    """Polygons of a periodic field, continued beyond its border by `REACH` of it."""
    height, width = field_nm
    own = Layout("field", tuple(polygons))
    copies = [own.translated(x * width, y * height).polygons for x in (-1, 0, 1) for y in (-1, 0, 1)]
    whole = shapely.union_all(to_shapes([polygon for copy in copies for polygon in copy]), grid_size=SNAP_NM)
    x, y = REACH * width, REACH * height
    return parts(np.array([shapely.clip_by_rect(whole, -x, -y, width + x, height + y)]))


def _numbered(spots: Sequence[HotSpot], limits: PrintLimits) -> tuple[HotSpot, ...]:
    """Hot spots with the numbers of their places, which the worst at each gives: those of other corners that are near.

    A shape may pinch at one corner and be missing at another.
    """
    kinds = np.array([spot.kind if spot.kind != "missing" else "pinch" for spot in spots])
    corners, boxes = np.array([spot.corner for spot in spots]), np.array([spot.box_nm for spot in spots]).reshape(-1, 4)
    near_nm = min(limits.width_nm, limits.space_nm) / 2
    numbers: list[int] = []
    for n in range(len(spots)):
        low, high = boxes[n, :2] - near_nm, boxes[n, 2:] + near_nm
        near = ((boxes[:n, 2:] >= low) & (boxes[:n, :2] <= high)).all(1)
        same = np.flatnonzero(near & (kinds[:n] == kinds[n]) & (corners[:n] != corners[n])).tolist()
        numbers.append(numbers[same[0]] if same else max(numbers, default=0) + 1)
    return tuple(replace(spot, place=number) for spot, number in zip(spots, numbers, strict=True))
