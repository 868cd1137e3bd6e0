"""Mask rules: least width, space, area and curvature radius of mask polygons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.bezier import GRID_NM, BezierOutline
from litho_dl.layout.curvature import tight_bends, tight_curves
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.medial import SAMPLES_PER_LIMIT, Places, medial_axis, narrow_places
from litho_dl.layout.outline import neighbours, sampled_outline
from litho_dl.layout.polygon import Polygon

if TYPE_CHECKING:
    import klayout.db as db

UNITS = {"width": "nm", "space": "nm", "area": "nm²", "radius": "nm"}
LARGEST_LIMIT_NM = 1e6
STEP_PIXELS = 1.5  # longer edges are not steps of a staircase


@dataclass(frozen=True)
class MaskRules:
    """Lower limits of a mask shop; a feature exactly at the limit passes, and 0 switches a rule off.

    Attributes:
        min_width_nm: Least width of a feature, >= 0.
        min_space_nm: Least space between features, >= 0.
        min_area_nm2: Least area of a feature, >= 0.
        min_radius_nm: Least radius of curvature, >= 0.

    Raises:
        LayoutError: A limit is negative, or beyond 1 mm (1 mm^2).
    """

    min_width_nm: float
    min_space_nm: float
    min_area_nm2: float
    min_radius_nm: float = 0.0

    def __post_init__(self) -> None:
        limits = tuple(self.limits.values())
        most = (LARGEST_LIMIT_NM, LARGEST_LIMIT_NM, LARGEST_LIMIT_NM**2, LARGEST_LIMIT_NM)
        if not all(isinstance(limit, Real) and 0 <= limit <= top for limit, top in zip(limits, most, strict=True)):
            raise LayoutError(
                f"Expected mask rules of zero or more, up to 1 mm, got {', '.join(self.limits)} = {limits}."
            )

    @property
    def limits(self) -> dict[str, float]:
        """The limits by rule, in `UNITS`."""
        values = (self.min_width_nm, self.min_space_nm, self.min_area_nm2, self.min_radius_nm)
        return dict(zip(UNITS, values, strict=True))

    def scaled(self, scale: float) -> "MaskRules":
        """The rules with all lengths times a factor, and the area times its square."""
        return MaskRules(
            self.min_width_nm * scale,
            self.min_space_nm * scale,
            self.min_area_nm2 * scale**2,
            self.min_radius_nm * scale,
        )

    def __str__(self) -> str:
        """The limits that are on, in words."""
        limits = (f"{rule} {limit:,g} {UNITS[rule]}" for rule, limit in self.limits.items() if limit)
        return ", ".join(limits) or "no rule"


@dataclass(frozen=True, eq=False, repr=False)
class RuleViolations:
    """The places that violate mask rules.

    Attributes:
        places: Places by rule: `width` and `space` with the least distance in nm, `area` in nm^2, and `radius` with the
            least radius in nm, negative where the mask is concave.
    """

    places: dict[str, Places]

    def __repr__(self) -> str:
        return f"RuleViolations({', '.join(f'{rule} {count}' for rule, count in self.counts.items())})"

    @property
    def width(self) -> np.ndarray:
        """Boxes (n, 4) of width violations, x0, y0, x1, y1 in nm."""
        return self.places["width"].boxes_nm

    @property
    def space(self) -> np.ndarray:
        """Boxes (n, 4) of space violations, x0, y0, x1, y1 in nm."""
        return self.places["space"].boxes_nm

    @property
    def area(self) -> np.ndarray:
        """Boxes (n, 4) of area violations, x0, y0, x1, y1 in nm."""
        return self.places["area"].boxes_nm

    @property
    def radius(self) -> np.ndarray:
        """Boxes (n, 4) of radius violations, x0, y0, x1, y1 in nm."""
        return self.places["radius"].boxes_nm

    @property
    def counts(self) -> dict[str, int]:
        """Number of violations by rule."""
        return {rule: len(places.values) for rule, places in self.places.items()}

    @property
    def total(self) -> int:
        """Number of violations of all rules."""
        return sum(self.counts.values())


def check_rules(polygons: Sequence[Polygon], rules: MaskRules, *, smooth_nm: float = 0.0) -> RuleViolations:
    """Checks the union of polygons (any angle) against mask rules.

    Width is the diameter of discs that fit into the mask; space is that of discs that fit between its parts, in notches
    and in holes. A place counts where two sides face each other, or where the mask is a dot (see
    `medial.narrow_places`), so that dots, necks, line ends and facing corners are measured alike at every angle. A
    corner counts only if it is sharper than 70 degrees; nicks and steps less deep than a fifth of the limit do not
    count. Results are right to 1 % of the limit if circles are drawn with at least 32 edges. The radius is that of
    `curvature.tight_bends`.

    The corners of a pixel staircase are not corners of the mask. For polygons along pixel edges, give their pixel as
    `smooth_nm`: corners beside a step of one pixel are then cut by half a pixel, close to the contour at 0.5 between
    pixel centres, and widths and spaces are right to one pixel. `contour_polygons` do not need it.

    Args:
        polygons: Mask polygons in nm.
        rules: The limits.
        smooth_nm: Pixel of a staircase outline; 0 leaves the polygons as they are. Areas are always those of the
            polygons themselves.

    Returns:
        The violations.

    Raises:
        LayoutError: A polygon lies beyond 1 m.
    """
    from litho_dl.layout import region

    units = region.units_per_nm(polygons)
    mask = region.to_region(polygons, units).merged(True, 0)
    loops = [loop for polygon in region.from_region(mask, units) for loop in polygon.loops]
    if loops and smooth_nm > 0:
        loops = _cut_corners(loops, smooth_nm)
    width, space = _distances(loops, rules, smooth_nm)
    radius = tight_bends(loops, rules.min_radius_nm, smooth_nm=smooth_nm) if rules.min_radius_nm > 0 else Places.none()
    return RuleViolations(
        {"width": width, "space": space, "area": _small(mask, rules.min_area_nm2, units), "radius": radius}
    )


def check_curves(
    outlines: Sequence[BezierOutline], rules: MaskRules, *, window_nm: Box | None = None
) -> RuleViolations:
    """Checks Bezier outlines against mask rules.

    Args:
        outlines: The outlines, which do not overlap.
        rules: The limits.
        window_nm: x0, y0, x1, y1, to check only what lies inside; None: everything.

    Returns:
        The violations: radii of the curves themselves (see `curvature.tight_curves`), widths, spaces and areas of
        polygons within 0.1 nm of them, as `check_rules` finds them.

    Raises:
        LayoutError: A curve lies beyond 1 m.
    """
    drawn = Layout("curves", tuple(outline.flattened(GRID_NM) for outline in outlines))
    drawn = drawn if window_nm is None else drawn.clipped(window_nm)
    found = check_rules(drawn.polygons, replace(rules, min_radius_nm=0.0)).places
    if rules.min_radius_nm > 0:
        tight = tight_curves([loop for outline in outlines for loop in outline.loops], rules.min_radius_nm)
        if window_nm is not None:
            x0, y0, x1, y1 = tight.boxes_nm.T
            near = (x1 > window_nm[0]) & (y1 > window_nm[1]) & (x0 < window_nm[2]) & (y0 < window_nm[3])
            tight = Places(tight.boxes_nm[near], tight.values[near])
        found = {**found, "radius": tight}
    return RuleViolations(found)


def _distances(loops: list[np.ndarray], rules: MaskRules, smooth_nm: float) -> tuple[Places, Places]:
    """Places that are too narrow, and places that are too close together."""
    limits = (rules.min_width_nm, rules.min_space_nm)
    wanted = [limit for limit in limits if limit > 0]
    if not loops or not wanted:
        return Places.none(), Places.none()
    axis = medial_axis(sampled_outline(loops, min(wanted) / SAMPLES_PER_LIMIT), max(wanted))
    width, space = (
        narrow_places(axis, limit, inside=inside, slack_nm=smooth_nm) if limit > 0 else Places.none()
        for limit, inside in zip(limits, (True, False), strict=True)
    )
    return width, space


def _cut_corners(loops: Sequence[np.ndarray], pixel_nm: float) -> list[np.ndarray]:
    """Replaces staircase corners by a point half a pixel before and one behind them, at most half an edge away.

    Corners between two edges of two pixels or more are the mask's own, and stay.
    """
    vertices, counts = np.concatenate(loops), np.array([len(loop) for loop in loops])
    previous, following = neighbours(counts)
    into, out = vertices - vertices[previous], vertices[following] - vertices
    before, after = np.hypot(*into.T), np.hypot(*out.T)
    cut = np.where(np.minimum(before, after) > STEP_PIXELS * pixel_nm, 0, pixel_nm / 2)
    shares = np.minimum(cut / before, 0.5)[:, None], np.minimum(cut / after, 0.5)[:, None]
    points = np.stack([vertices - into * shares[0], vertices + out * shares[1]], axis=1).reshape(-1, 2)
    kept = np.abs(points - points[neighbours(2 * counts)[0]]).max(1) > 1e-6 * pixel_nm
    return [part[stay] for part, stay in zip(_split(points, 2 * counts), _split(kept, 2 * counts), strict=True)]


def _split(values: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """The values of each loop."""
    return np.split(values, np.cumsum(counts)[:-1])


def _small(mask: "db.Region", limit_nm2: float, units: int) -> Places:
    """Polygons below an area limit, and their areas."""
    shapes = list(mask.with_area(None, math.ceil(limit_nm2 * units**2), False).each())
    boxes = [(box.left, box.bottom, box.right, box.top) for box in (shape.bbox() for shape in shapes)]
    areas = np.array([shape.area() for shape in shapes], dtype=np.float64)
    return Places(np.array(boxes, dtype=np.float64).reshape(-1, 4) / units, areas / units**2)
