"""Tilings of a chip."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from litho_dl.core.errors import LayoutError
from litho_dl.layout.layout import Box, require_window

STEP_NM = 512.0  # step of a tile's field: a whole number of pixels for all methods' levels and networks
SMALLEST_CORE_NM, LARGEST_CORE_NM = 1024.0, 5120.0  # larger cores would take a worker more than 2 GB
ASSIST_NM = 768.0  # largest margin around a layout for assist features
LARGEST_TILE_NM = 16384.0  # largest core that can be requested


class Tile(NamedTuple):
    """Row and column of a tile, counted from the lower left."""

    row: int
    column: int


@dataclass(frozen=True)
class Tiling:
    """Cores that cover an area without gaps, each with a halo around it.

    Attributes:
        wanted_nm: The box to write and score, in whole nm, or in whole pixels of a process of another scale.
        area_nm: The box in which the mask may have shapes; cores cover it, and the last ones may extend beyond it.
        core_nm: Side of a core.
        halo_nm: Width of the frame around a core.
    """

    wanted_nm: Box
    area_nm: Box
    core_nm: float
    halo_nm: float

    def __post_init__(self) -> None:
        require_window(self.area_nm)
        if not (self.core_nm > 0 and 0 <= self.halo_nm <= self.core_nm):
            raise LayoutError(
                f"Expected a tile whose core is at least as wide as its halo, got {self.core_nm:g} and "
                f"{self.halo_nm:g} nm; enlarge the tile."
            )

    def scaled(self, scale: float) -> "Tiling":
        """The tiling with all lengths times a factor."""
        wanted, area = (_times(box, scale) for box in (self.wanted_nm, self.area_nm))
        return self if scale == 1 else Tiling(wanted, area, self.core_nm * scale, self.halo_nm * scale)

    @property
    def field_nm(self) -> tuple[float, float]:
        """(height, width) of a tile's field, which is core and halo."""
        side = self.core_nm + 2 * self.halo_nm
        return side, side

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        x0, y0, x1, y1 = self.area_nm
        return math.ceil((y1 - y0) / self.core_nm - 1e-9), math.ceil((x1 - x0) / self.core_nm - 1e-9)

    @property
    def seams_nm(self) -> tuple[list[float], list[float]]:
        """x of the vertical and y of the horizontal seams between cores."""
        rows, columns = self.shape
        x0, y0, _, _ = self.area_nm
        return [x0 + n * self.core_nm for n in range(1, columns)], [y0 + n * self.core_nm for n in range(1, rows)]

    @property
    def tiles(self) -> list[Tile]:
        """All tiles, row by row."""
        rows, columns = self.shape
        return [Tile(row, column) for row in range(rows) for column in range(columns)]

    def tile_at(self, x_nm: float, y_nm: float) -> Tile:
        """The tile whose core contains a point.

        Args:
            x_nm: x of the point, in layout coordinates.
            y_nm: y of the point.

        Returns:
            The tile; for points outside the area the nearest one.
        """
        rows, columns = self.shape
        column, row = (
            int((place - low) // self.core_nm) for place, low in zip((x_nm, y_nm), self.area_nm[:2], strict=True)
        )
        return Tile(min(max(row, 0), rows - 1), min(max(column, 0), columns - 1))

    def core(self, tile: Tile) -> Box:
        """A tile's core, in layout coordinates."""
        x0, y0 = (self.area_nm[axis] + index * self.core_nm for axis, index in enumerate((tile.column, tile.row)))
        return x0, y0, x0 + self.core_nm, y0 + self.core_nm

    def window(self, tile: Tile) -> Box:
        """A tile's core and halo, in layout coordinates."""
        x0, y0, x1, y1 = self.core(tile)
        return x0 - self.halo_nm, y0 - self.halo_nm, x1 + self.halo_nm, y1 + self.halo_nm

    def inside(self, tile: Tile) -> Box:
        """The part of a tile's core that is written and scored; it may be empty."""
        x0, y0, x1, y1 = self.core(tile)
        low_x, low_y, high_x, high_y = self.wanted_nm
        left, bottom = max(x0, low_x), max(y0, low_y)
        return left, bottom, max(left, min(x1, high_x)), max(bottom, min(y1, high_y))

    def neighbours(self, tile: Tile) -> list[Tile]:
        """The tiles that touch a tile, itself included."""
        rows, columns = self.shape
        near = [(tile.row + down, tile.column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        return [Tile(row, column) for row, column in near if 0 <= row < rows and 0 <= column < columns]


def plan_tiling(
    layout_nm: Box,
    halo_nm: float,
    *,
    least_field_nm: float = 0.0,
    window_nm: Box | None = None,
    core_nm: float | None = None,
    scale: float = 1.0,
) -> Tiling:
    """The tiling with the smallest estimated computing time, halos included.

    Args:
        layout_nm: Bounding box of the layout. The mask may have assist features around it, within the smaller of a halo
            and `ASSIST_NM`: farther out they hardly change the print, and need more tiles.
        halo_nm: Smallest halo; it is rounded up to a multiple of half of `STEP_NM`.
        least_field_nm: Smallest side of core and halo together, which is the kernels' field.
        window_nm: The box to write and score; None: the layout and its assist features. Cores also cover the width of
            a halo around it, so that its print is that beside the rest of the chip.
        core_nm: Side of the cores, a multiple of `STEP_NM`, such as the pitch of an array; None: the best one.
        scale: Scale of the process, by which `STEP_NM` and all other lengths of this file are multiplied.

    Returns:
        The tiling.

    Raises:
        LayoutError: The core is not a multiple of `STEP_NM`, narrower than the halo, or too small for the field; or the
            window has no area.
    """
    if scale != 1:
        one = plan_tiling(
            _times(layout_nm, 1 / scale),
            halo_nm / scale,
            least_field_nm=least_field_nm / scale,
            window_nm=None if window_nm is None else _times(window_nm, 1 / scale),
            core_nm=None if core_nm is None else core_nm / scale,
        )
        return one.scaled(scale)
    halo = math.ceil(halo_nm / (STEP_NM / 2) - 1e-9) * STEP_NM / 2
    wanted = area = grown(layout_nm, min(halo, ASSIST_NM))
    if window_nm is not None:
        wanted = grown(window_nm, 0.0)
        area = _common(grown(wanted, halo), area)
    if core_nm is not None:
        if not 0 < core_nm <= LARGEST_TILE_NM or core_nm % STEP_NM:
            raise LayoutError(
                f"Expected a tile of a multiple of {STEP_NM:g} nm, up to {LARGEST_TILE_NM:g} nm, got {core_nm:g} nm."
            )
        least_nm = math.ceil(max(halo, least_field_nm - 2 * halo) / STEP_NM) * STEP_NM
        if core_nm < least_nm:
            raise LayoutError(
                f"Expected a tile of {least_nm:g} nm or more, as wide as its halo of {halo:g} nm and with a halo on "
                f"either side as wide as the kernels' field of {least_field_nm:g} nm, got {core_nm:g} nm."
            )
        return Tiling(wanted, area, core_nm, halo)
    least = math.ceil(max(halo, SMALLEST_CORE_NM, least_field_nm - 2 * halo) / STEP_NM)
    cores = [STEP_NM * n for n in range(least, max(least, round(LARGEST_CORE_NM / STEP_NM)) + 1)]
    return min((Tiling(wanted, area, core, halo) for core in cores), key=_cost)


def grown(box_nm: Box, margin_nm: float) -> Box:
    """A box enlarged by a margin.

    Args:
        box_nm: The box.
        margin_nm: Width to add on each side.

    Returns:
        The enlarged box, rounded outwards to whole nm.

    Raises:
        LayoutError: The box has no area.
    """
    x0, y0, x1, y1 = require_window(box_nm)
    return (
        math.floor(x0 - margin_nm),
        math.floor(y0 - margin_nm),
        math.ceil(x1 + margin_nm),
        math.ceil(y1 + margin_nm),
    )


def _times(box_nm: Box, factor: float) -> Box:
    x0, y0, x1, y1 = box_nm
    return x0 * factor, y0 * factor, x1 * factor, y1 * factor


def _common(box_nm: Box, other_nm: Box) -> Box:
    """The intersection of two boxes; the first box if it is empty."""
    x0, y0 = (max(box_nm[axis], other_nm[axis]) for axis in (0, 1))
    x1, y1 = (min(box_nm[axis], other_nm[axis]) for axis in (2, 3))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else box_nm


def _cost(tiling: Tiling) -> tuple[float, float]:
    """The sort key of a tiling: its estimated computing time, in fields of 2048 nm, then the size of its cores.

    A tile's time is proportional to its area, plus some 8 % at 6 um for matrix products.
    """
    rows, columns = tiling.shape
    side = tiling.field_nm[0] / 2048
    return rows * columns * side**2 * (1 + side / 36), tiling.core_nm
