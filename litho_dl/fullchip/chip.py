"""A chip's layer, flat and merged, from which tiles take the shapes in their windows."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from litho_dl.core.grid import Grid
from litho_dl.fullchip.tiling import LARGEST_TILE_NM
from litho_dl.layout.files import read_layout, write_layout
from litho_dl.layout.layout import Box, Layout, require_window
from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.drawn_sites import drawn_sites, field_edges
from litho_dl.metrics.epe import OPENILT

if TYPE_CHECKING:
    import klayout.db as db

SITE_STEPS = 1000  # per nm, to which sites are compared
LARGEST_WINDOW_NM = 3 * LARGEST_TILE_NM  # core and halo
CONTEXT_NM = 2 * LARGEST_WINDOW_NM  # margin around a window within which shapes are read; longer edges end there


class Chip:
    """The merged polygons of a layer, with a spatial index.

    Args:
        layout: The layer; overlapping polygons are merged.
    """

    def __init__(self, layout: Layout) -> None:
        import klayout.db as db

        from litho_dl.layout import region

        self.name, self.bbox_nm, self.unit_nm = layout.name, layout.bbox_nm, layout.unit_nm
        self._frame = region.Frame.of(layout.polygons, margin_nm=LARGEST_WINDOW_NM)
        self._units = self._frame.units
        self._shapes = db.Shapes()
        self._shapes.insert(self._frame.region(layout.polygons).merged(True, 0))

    def __repr__(self) -> str:
        x0, y0, x1, y1 = self.bbox_nm
        return f"Chip({self.name}, {x1 - x0:,g} x {y1 - y0:,g} nm)"

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        layer: str | None = None,
        cell: str | None = None,
        window_nm: Box | None = None,
        allow_missing: bool = False,
    ) -> "Chip":
        """Reads a layer of a layout file.

        Args:
            path: The layout file.
            layer: Layer as for `--layer`; None: the only one.
            cell: Cell; None: the top cell.
            window_nm: Only shapes within `CONTEXT_NM` of this window are read; None: all.
            allow_missing: Read on where cells are missing.

        Returns:
            The chip.

        Raises:
            LayoutError: As `layout.files.read_layout`.
        """
        if window_nm is not None:
            x0, y0, x1, y1 = require_window(window_nm)
            window_nm = (x0 - CONTEXT_NM, y0 - CONTEXT_NM, x1 + CONTEXT_NM, y1 + CONTEXT_NM)
        return cls(read_layout(path, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing))

    def write(self, path: Path) -> None:
        """Writes the merged layer."""
        write_layout(path, self.layout())

    def layout(self) -> Layout:
        """The whole merged layer."""
        return Layout(self.name, self._frame.polygons(self._found(self._shapes.each())), self.unit_nm)

    def whole(self, window_nm: Box) -> tuple[Polygon, ...]:
        """The whole polygons that touch a window, shifted so that the window's lower left corner is (0, 0)."""
        from litho_dl.layout import region

        return region.from_region(self._touching(window_nm), self._units)

    def clipped(self, window_nm: Box) -> Layout:
        """The layer cut to a window, shifted so that the window's lower left corner is (0, 0)."""
        import klayout.db as db

        from litho_dl.layout import region

        side = (round((window_nm[axis + 2] - window_nm[axis]) * self._units) for axis in (0, 1))
        frame = db.Region(db.Box(0, 0, *side))
        inside = (self._touching(window_nm) & frame).merged(True, 0)
        return Layout(self.name, region.from_region(inside, self._units))

    def shape_digest(self, window_nm: Box) -> str:
        """SHA-256 of the polygons in a window, hexadecimal; empty if there are none."""
        digest = hashlib.sha256()
        loops = [loop for polygon in self.clipped(window_nm).polygons for loop in polygon.loops]
        for text in sorted(np.rint(loop * self._units).astype(">i8").tobytes() for loop in loops):
            digest.update(text + b";")
        return digest.hexdigest() if loops else ""

    def content_digest(self, window_nm: Box, scale: float = 1.0) -> str:
        """SHA-256 of the polygons and EPE sites in a window, hexadecimal: equal for windows with equal contents.

        Args:
            window_nm: The window, in layout coordinates.
            scale: Scale of the process, on whose pixels the sites are found.
        """
        digest = hashlib.sha256(self.shape_digest(window_nm).encode())
        grid = Grid.of_field((window_nm[3] - window_nm[1], window_nm[2] - window_nm[0]), scale)
        sites = drawn_sites(field_edges(self.whole(window_nm)), OPENILT, scale, grid.shape)
        rows = np.rint(SITE_STEPS * np.concatenate((sites.points, sites.normals), axis=1)).astype(">i8")
        digest.update(rows[np.lexsort(rows.T)].tobytes())
        return digest.hexdigest()

    def _touching(self, window_nm: Box) -> "db.Region":
        import klayout.db as db

        if any(window_nm[i] > self.bbox_nm[i + 2] or window_nm[i + 2] < self.bbox_nm[i] for i in (0, 1)):
            return db.Region()  # its coordinates may exceed klayout's integers
        x, y = self._frame.x, self._frame.y
        left, bottom, right, top = (
            round(edge * self._units) - at for edge, at in zip(window_nm, (x, y) * 2, strict=True)
        )
        return self._found(self._shapes.each_touching(db.Box(left, bottom, right, top))).moved(-left, -bottom)

    @staticmethod
    def _found(shapes: Iterator["db.Shape"]) -> "db.Region":
        import klayout.db as db

        region = db.Region()
        for shape in shapes:
            region.insert(shape.polygon)
        return region
