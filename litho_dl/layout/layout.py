"""Layouts: named sets of polygons in nm."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from litho_dl.core.errors import LayoutError
from litho_dl.layout.polygon import Polygon

FIT_TOLERANCE_NM = 1e-6
LARGEST_BIAS_NM = 1e6

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in nm


@dataclass(frozen=True, eq=False, repr=False)
class Layout:
    """A named set of polygons; where they overlap, the union counts.

    Attributes:
        name: The layout's name, such as its cell's.
        polygons: The polygons.
        unit_nm: Database unit of the file that it was read from; None: unknown, or not that of a file.
    """

    name: str
    polygons: tuple[Polygon, ...]
    unit_nm: float | None = None

    def __repr__(self) -> str:
        count = len(self.polygons)
        if not count:
            return f"Layout({self.name}: empty)"
        x0, y0, x1, y1 = self.bbox_nm
        shapes = f"{count} {'polygons' if count > 1 else 'polygon'}"
        return f"Layout({self.name}: {shapes} from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) nm)"

    @property
    def bbox_nm(self) -> Box:
        """Bounding box (x0, y0, x1, y1) in nm.

        Raises:
            LayoutError: The layout is empty.
        """
        if not self.polygons:
            raise LayoutError(
                f"Expected a layout with polygons, got '{self.name}' without any; check layer and window."
            )
        low = np.min([polygon.hull.min(axis=0) for polygon in self.polygons], axis=0)
        high = np.max([polygon.hull.max(axis=0) for polygon in self.polygons], axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def centroid_nm(self) -> tuple[float, float]:
        """(x, y) of the centre of the union's area.

        Raises:
            LayoutError: The layout has no area.
        """
        if not self.area_nm2:
            raise LayoutError(f"Expected a layout with an area, got '{self.name}' without any.")
        start = np.concatenate([loop for polygon in self.merged().polygons for loop in polygon.loops])
        end = np.concatenate([np.roll(loop, -1, 0) for polygon in self.merged().polygons for loop in polygon.loops])
        origin = start[0]
        start, end = start - origin, end - origin
        twice = start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]
        x, y = origin + ((start + end) * twice[:, None]).sum(0) / (3 * twice.sum())
        return float(x), float(y)

    @property
    def area_nm2(self) -> float:
        """Area of the union in nm^2."""
        from litho_dl.layout import region

        frame = region.Frame.of(self.polygons)
        return frame.region(self.polygons).area() / frame.units**2

    def merged(self) -> "Layout":
        """The union as polygons that do not overlap, holes kept; polygons that meet in a corner stay apart."""
        from litho_dl.layout import region

        frame = region.Frame.of(self.polygons)
        return Layout(self.name, frame.polygons(frame.region(self.polygons).merged(True, 0)))

    def clipped(self, window_nm: Box) -> "Layout":
        """The part of the union inside a window x0, y0, x1, y1 in nm; coordinates stay as they are.

        Raises:
            LayoutError: The window has no area.
        """
        import klayout.db as db

        from litho_dl.layout import region

        require_window(window_nm)
        frame = region.Frame.of(self.polygons)
        inside = frame.region(self.polygons) & db.Region(frame.box(window_nm))
        return Layout(self.name, frame.polygons(inside.merged(True, 0)))

    def biased(self, bias_nm: float) -> "Layout":
        """The union with every edge moved outwards by `bias_nm`, inwards if negative; right angles stay sharp.

        Raises:
            LayoutError: A coordinate lies beyond 1 m, or the bias is not a number up to 1 mm.
        """
        from litho_dl.layout import region

        if not -LARGEST_BIAS_NM <= bias_nm <= LARGEST_BIAS_NM:
            raise LayoutError(f"Expected a bias from -{LARGEST_BIAS_NM:g} to {LARGEST_BIAS_NM:g} nm, got {bias_nm:g}.")
        frame = region.Frame.of(self.polygons, margin_nm=abs(bias_nm))
        union = frame.region(self.polygons).merged(True, 0)
        return Layout(self.name, frame.polygons(union.sized(round(bias_nm * frame.units), 2).merged(True, 0)))

    def translated(self, dx_nm: float, dy_nm: float) -> "Layout":
        """The layout, shifted.

        Args:
            dx_nm: Shift along x.
            dy_nm: Shift along y.

        Returns:
            The shifted layout.
        """
        shift = np.array([dx_nm, dy_nm])
        return Layout(self.name, tuple(polygon.mapped(lambda xy: xy + shift) for polygon in self.polygons))

    def centred(self, field_nm: tuple[float, float], snap_nm: float = 1.0) -> "Layout":
        """The layout, shifted by `centring_shift`.

        Args:
            field_nm: (height, width) of the field in nm.
            snap_nm: Step of the placement; > 0.

        Returns:
            The shifted layout.

        Raises:
            LayoutError: The layout is empty or larger than the field.
        """
        return self.translated(*self.centring_shift(field_nm, snap_nm))

    def centring_shift(self, field_nm: tuple[float, float], snap_nm: float = 1.0) -> tuple[float, float]:
        """The shift that centres the bounding box on the field [0, width] x [0, height].

        The lower left corner of the box is placed on a whole multiple of `snap_nm`, rounded towards the origin, as for
        the published ICCAD 2013 masks.

        Args:
            field_nm: (height, width) of the field in nm.
            snap_nm: Step of the placement; > 0.

        Returns:
            (dx, dy) in nm.

        Raises:
            LayoutError: The layout is empty or larger than the field, or the step is not positive.
        """
        x0, y0, x1, y1 = self.bbox_nm
        height, width = field_nm
        if not snap_nm > 0:
            raise LayoutError(f"Expected a positive snap, got {snap_nm:g} nm.")
        if x1 - x0 > width + FIT_TOLERANCE_NM or y1 - y0 > height + FIT_TOLERANCE_NM:
            raise LayoutError(
                f"Expected a layout that fits into the field of {width:g} x {height:g} nm (width x height), got "
                f"'{self.name}' of {x1 - x0:.12g} x {y1 - y0:.12g} nm; take a part by window_nm "
                f"(--window X0,Y0,X1,Y1 in nm), "
                f"or all of it by litho-dl fullchip, or check the layer and the file's database unit."
            )
        return (
            _snapped_down((width - (x1 - x0)) / 2, snap_nm) - x0,
            _snapped_down((height - (y1 - y0)) / 2, snap_nm) - y0,
        )


def _snapped_down(margin_nm: float, snap_nm: float) -> float:
    """`margin_nm` rounded down to a whole number of steps, up to floating-point noise."""
    return max(0, math.floor(margin_nm / snap_nm + FIT_TOLERANCE_NM)) * snap_nm


def nothing_inside(
    path: str | Path,
    window_nm: Box,
    bbox_nm: Box,
    *,
    where: str = "",
) -> LayoutError:
    """The error for a window without shapes; the caller raises it.

    Args:
        path: The layout's file.
        window_nm: The window.
        bbox_nm: Bounding box of all shapes.
        where: The layer, for the message, such as ` on layer 1/0`.

    Returns:
        The error.
    """
    window, extent = (",".join(f"{value:.12g}" for value in box) for box in (window_nm, bbox_nm))
    return LayoutError(
        f"{path}: Expected shapes{where} inside the window {window} nm, got none; all shapes lie in {extent} nm."
    )


def require_window(window_nm: Box) -> Box:
    """Checks a window x0, y0, x1, y1 in nm, and returns it.

    Raises:
        LayoutError: The window is not finite or has no area.
    """
    if len(window_nm) != 4:
        raise LayoutError(f"Expected a window x0,y0,x1,y1 in nm, got {len(window_nm)} numbers.")
    x0, y0, x1, y1 = window_nm
    if not (math.isfinite(x1 - x0) and math.isfinite(y1 - y0) and x0 < x1 and y0 < y1):
        raise LayoutError(
            f"Expected a window x0,y0,x1,y1 in nm with x0 < x1 and y0 < y1, got {x0:g},{y0:g},{x1:g},{y1:g}."
        )
    return x0, y0, x1, y1
