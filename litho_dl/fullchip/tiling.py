"""Where the tiles of a chip lie."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from litho_dl.core.errors import LayoutError
from litho_dl.layout.layout import require_window

Box = tuple[float, float, float, float]

STEP_NM = 512.0  # of a tile's field: whole pixels of every method's levels, and what networks can halve
SMALLEST_CORE_NM, LARGEST_CORE_NM = 1024.0, 5120.0  # larger ones would take a worker more than 2 GB
ASSIST_NM = 768.0  # around a layout, at most, there may be assist features
LARGEST_TILE_NM = 16384.0  # that may be asked for


class Tile(NamedTuple):
    """A tile's place, from the lower left."""

    row: int
    column: int


@dataclass(frozen=True)
class Tiling:
    """Cores that cover an area without gaps, each with a halo around it.

    Attributes:
        wanted_nm: (x0, y0, x1, y1), what shall be written and scored, in whole nm.
        area_nm: Where the mask may be open. The cores cover it, and the last ones may reach beyond it.
        core_nm: Side of a core.
        halo_nm: Width of the frame around it.
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

    @property
    def field_nm(self) -> tuple[float, float]:
        """(height, width) of a tile's field: core and halo."""
        side = self.core_nm + 2 * self.halo_nm
        return side, side

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        x0, y0, x1, y1 = self.area_nm
        return math.ceil((y1 - y0) / self.core_nm - 1e-9), math.ceil((x1 - x0) / self.core_nm - 1e-9)

    @property
    def seams_nm(self) -> tuple[list[float], list[float]]:
        """x of the vertical and y of the horizontal lines between cores."""
        rows, columns = self.shape
        x0, y0, _, _ = self.area_nm
        return [x0 + n * self.core_nm for n in range(1, columns)], [y0 + n * self.core_nm for n in range(1, rows)]

    @property
    def tiles(self) -> list[Tile]:
        """All of them, row by row."""
        rows, columns = self.shape
        return [Tile(row, column) for row in range(rows) for column in range(columns)]

    def tile_at(self, x_nm: float, y_nm: float) -> Tile:
        """The tile whose core holds a point of the area."""
        rows, columns = self.shape
        column, row = (
            int((place - low) // self.core_nm) for place, low in zip((x_nm, y_nm), self.area_nm[:2], strict=True)
        )
        return Tile(min(max(row, 0), rows - 1), min(max(column, 0), columns - 1))

    def core(self, tile: Tile) -> Box:
        """(x0, y0, x1, y1) of a tile's core, in layout coordinates."""
        x0, y0 = (self.area_nm[axis] + index * self.core_nm for axis, index in enumerate((tile.column, tile.row)))
        return x0, y0, x0 + self.core_nm, y0 + self.core_nm

    def window(self, tile: Tile) -> Box:
        """Its core and halo."""
        x0, y0, x1, y1 = self.core(tile)
        return x0 - self.halo_nm, y0 - self.halo_nm, x1 + self.halo_nm, y1 + self.halo_nm

    def inside(self, tile: Tile) -> Box:
        """What of its core is wanted; it may be nothing."""
        x0, y0, x1, y1 = self.core(tile)
        low_x, low_y, high_x, high_y = self.wanted_nm
        left, bottom = max(x0, low_x), max(y0, low_y)
        return left, bottom, max(left, min(x1, high_x)), max(bottom, min(y1, high_y))

    def neighbours(self, tile: Tile) -> list[Tile]:
        """The tiles that touch it, itself included."""
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
) -> Tiling:
    """The tiling with the least to compute, halos included.

    Args:
        layout_nm: Bounding box of the layout; the mask may have assist features around it, as far as a halo or
            `ASSIST_NM`, whichever is less: farther out they hardly change its print, and cost more tiles.
        halo_nm: The least halo; rounded up so that halves of `STEP_NM` fit.
        least_field_nm: Of core and halo together: the kernels' own field, which they cannot leave for a smaller one.
        window_nm: Only this is wanted; cores then also cover a halo's width around it, so that what is written prints
            as it will beside the rest of the chip.
        core_nm: Side of the cores, a multiple of `STEP_NM`, such as the pitch of an array; by default the best.

    Raises:
        LayoutError: The core is no such multiple, narrower than the halo or too small for the least field; the window
            has no area.
    """
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
    """A box of whole nm around another, with a margin."""
    x0, y0, x1, y1 = require_window(box_nm)
    return (
        math.floor(x0 - margin_nm),
        math.floor(y0 - margin_nm),
        math.ceil(x1 + margin_nm),
        math.ceil(y1 + margin_nm),
    )


def _common(box_nm: Box, other_nm: Box) -> Box:
    """What two boxes have in common; the first, if they have nothing."""
    x0, y0 = (max(box_nm[axis], other_nm[axis]) for axis in (0, 1))
    x1, y1 = (min(box_nm[axis], other_nm[axis]) for axis in (2, 3))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else box_nm


def _cost(tiling: Tiling) -> tuple[float, float]:
    """What there is to compute, in fields of 2048 nm; of equal ones the smaller tiles.

    A tile takes as long as its area, and longer by some 8 % at 6 um for its products of matrices.
    """
    rows, columns = tiling.shape
    side = tiling.field_nm[0] / 2048
    return rows * columns * side**2 * (1 + side / 36), tiling.core_nm
