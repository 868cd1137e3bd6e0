"""Design rules of a drawn layer, and the check of a layout against them; recipes/rules holds the packaged ones."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from scipy.spatial import KDTree

from litho_dl.core.errors import LayoutError
from litho_dl.core.grid import whole_ratio
from litho_dl.core.settings import Fraction, Settings, load_settings
from litho_dl.layout.layout import Layout

if TYPE_CHECKING:
    import klayout.db as db

LONGEST_NM = 1e6
Length = Annotated[float, Field(gt=0, le=LONGEST_NM)]
UNITS_PER_NM = 100  # of the check; a grid is a whole number of 0.01 nm


class DesignRules(Settings):
    """Limits of one drawn layer; a value exactly at its limit passes, and lengths are whole multiples of the grid.

    Attributes:
        description: The process that the rules stand for, in one line.
        layer: "metal": rectilinear wires. "via": squares of one size.
        grid_nm: Grid of the vertices; itself a multiple of 0.01 nm.
        width_nm: Least width, corner to corner (Euclidean); for vias their side.
        max_width_nm: Largest width: no larger square fits into a polygon; for vias their side.
        space_nm: Least space, between polygons and in notches, corner to corner (Euclidean).
        tip_to_tip_nm: Least distance of two tips that face each other.
        tip_width_nm: Longest edge between two convex corners that counts as a tip.
        area_nm2: Least area of a polygon; for vias their area.
        pitch_nm: For metal, edges that face each other over more than the tip width are at least pitch - width apart;
            for vias, least distance of two centres.
        density: Least and largest covered share of the extent.
    """

    description: str
    layer: Literal["metal", "via"]
    grid_nm: Length
    width_nm: Length
    max_width_nm: Length
    space_nm: Length
    tip_to_tip_nm: Length
    tip_width_nm: Length
    area_nm2: Annotated[float, Field(gt=0, le=LONGEST_NM**2)]
    pitch_nm: Length
    density: tuple[Fraction, Fraction]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if whole_ratio(self.grid_nm, 1 / UNITS_PER_NM) is None:
            raise ValueError(f"grid_nm must be a multiple of {1 / UNITS_PER_NM} nm, got {self.grid_nm:g}")
        for name in ("width_nm", "max_width_nm", "space_nm", "tip_to_tip_nm", "tip_width_nm", "pitch_nm"):
            if whole_ratio(getattr(self, name), self.grid_nm) is None:
                raise ValueError(
                    f"{name} must be a multiple of grid_nm = {self.grid_nm:g}, got {getattr(self, name):g}"
                )
        low, high = self.density
        needed = {
            "max_width_nm must be at least width_nm": self.max_width_nm >= self.width_nm,
            "tip_width_nm must be at least width_nm": self.tip_width_nm >= self.width_nm,
            "tip_to_tip_nm must lie from space_nm to width_nm + 2 space_nm": self.space_nm
            <= self.tip_to_tip_nm
            <= self.width_nm + 2 * self.space_nm,
            "pitch_nm must lie from width_nm + space_nm to twice that": self.width_nm + self.space_nm
            <= self.pitch_nm
            <= 2 * (self.width_nm + self.space_nm),
            "density must rise": low < high,
            "area_nm2 must be at least width_nm squared": self.area_nm2 >= self.width_nm**2,
        }
        if self.layer == "via":
            needed["max_width_nm of a via must be width_nm"] = self.max_width_nm == self.width_nm
            needed["area_nm2 of a via must be width_nm squared"] = self.area_nm2 == self.width_nm**2
        for message, holds in needed.items():
            if not holds:
                raise ValueError(message)
        return self


def load_rules(name_or_path: str | Path) -> DesignRules:
    """Loads packaged design rules by name (m1-45, via-45, ...), or a file ending in .toml.

    Raises:
        RecipeError: Unknown name, missing file, broken TOML, unknown key or value out of range.
    """
    return load_settings(DesignRules, "rules", name_or_path)


def check_design(layout: Layout, rules: DesignRules, extent_nm: float) -> dict[str, int]:
    """Counts the violations of each rule in the union of a layout, by klayout's own checks.

    Args:
        layout: Polygons that should lie in the square [0, extent] x [0, extent].
        rules: The limits.
        extent_nm: Side of the square in nm; the density is the covered share of its area.

    Returns:
        Violations by rule: "extent" (polygons that leave it), "grid" (vertices), "density" (0 or 1), "width",
        "max_width", "space", "tip_to_tip", "pitch" (pairs) and "area" (polygons); for vias also "square" (polygons that
        are not squares of the width).

    Raises:
        LayoutError: The extent is not positive, or a coordinate lies beyond 10 mm.
    """
    import klayout.db as db

    from litho_dl.layout import region

    extent = require_extent(extent_nm)
    if region.units_per_nm(layout.polygons) < UNITS_PER_NM:
        raise LayoutError("Expected coordinates within 10 mm, got larger ones; check a window of the layout.")
    drawn = region.to_region(layout.polygons, UNITS_PER_NM).merged(True, 0)
    frame = db.Box(0, 0, _units(extent), _units(extent))
    share = drawn.area() / UNITS_PER_NM**2 / extent**2
    grid = _units(rules.grid_nm)
    euclidean = db.Region.Euclidian
    counts = {
        "extent": sum(not polygon.bbox().inside(frame) for polygon in drawn.each()),
        "grid": drawn.grid_check(grid, grid).count(),
        "density": int(not rules.density[0] <= share <= rules.density[1]),
        "width": drawn.width_check(_units(rules.width_nm), metrics=euclidean).count(),
        "max_width": drawn.sized(-_units(rules.max_width_nm / 2), 2).count(),
        "space": drawn.space_check(_units(rules.space_nm), metrics=euclidean).count(),
        "tip_to_tip": _facing_tips(drawn, rules),
        "pitch": _dense_runs(drawn, rules) if rules.layer == "metal" else _near_centres(drawn, rules.pitch_nm),
        "area": drawn.with_area(None, math.ceil(rules.area_nm2 * UNITS_PER_NM**2), False).count(),
    }
    if rules.layer == "via":
        side = _units(rules.width_nm)
        counts["square"] = sum(
            not (shape.is_box() and shape.bbox().width() == shape.bbox().height() == side) for shape in drawn.each()
        )
    return counts


def require_extent(extent_nm: float) -> float:
    """Checks that an extent is a positive number of nm, and returns it.

    Raises:
        LayoutError: It is not positive and finite.
    """
    if not (math.isfinite(extent_nm) and extent_nm > 0):
        raise LayoutError(f"Expected a positive extent in nm, got {extent_nm}.")
    return extent_nm


def _units(length_nm: float) -> int:
    return round(length_nm * UNITS_PER_NM)


def _facing_tips(drawn: "db.Region", rules: DesignRules) -> int:
    """The number of pairs of facing tips that are too close."""
    import klayout.db as db

    tips = drawn.edges(db.EdgeMode.Convex).with_length(0, _units(rules.tip_width_nm) + 1, False)
    return tips.space_check(_units(rules.tip_to_tip_nm), metrics=db.Region.Projection).count()


def _dense_runs(drawn: "db.Region", rules: DesignRules) -> int:
    """The number of pairs of edges that run side by side, too close, over more than the tip width."""
    import klayout.db as db

    longer = _units(rules.tip_width_nm) + 1
    return drawn.space_check(
        _units(rules.pitch_nm - rules.width_nm), metrics=db.Region.Projection, min_projection=longer
    ).count()


def _near_centres(drawn: "db.Region", pitch_nm: float) -> int:
    """The number of pairs of polygons whose centres are closer than the pitch."""
    boxes = np.array([(box.left, box.bottom, box.right, box.top) for box in (shape.bbox() for shape in drawn.each())])
    if not len(boxes):
        return 0
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return len(KDTree(centres).query_pairs(np.nextafter(_units(pitch_nm), 0)))
