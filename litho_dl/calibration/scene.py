"""Drawn layouts on the field on which they are imaged."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from litho_dl.core.grid import Grid
from litho_dl.layout.clips import file_stem
from litho_dl.layout.files import read_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize


@dataclass(frozen=True, eq=False)
class Scene:
    """A layout, or a window of a large one, in the middle of the field.

    Attributes:
        name: The file's name without its suffix.
        drawn: The polygons, on the field.
        coverage: Their exact area coverage, (H, W) float64.
        pixel_nm: Its pixel.
        shift_nm: (dx, dy) from the layout's own coordinates to the field's.
        field_nm: (height, width) of the field.
    """

    name: str
    drawn: Layout
    coverage: Tensor
    pixel_nm: float
    shift_nm: tuple[float, float]
    field_nm: tuple[float, float]


@dataclass(eq=False)
class Scenes:
    """Reads layouts, each once, and places them: centred if they fit on the field, else a window around a gauge.

    Attributes:
        field_nm: (height, width) of the field.
        pixel_nm: Pixel of the coverage.
        scale: The recipe's scale.
        layer: Layer of the files; None: the only one.
        cell: Their cell; None: the only top cell.
    """

    field_nm: tuple[float, float]
    pixel_nm: float
    scale: float = 1.0
    layer: str | None = None
    cell: str | None = None
    _layouts: dict[Path, Layout] = field(default_factory=dict)
    _scenes: dict[tuple[Path, tuple[float, float]], Scene] = field(default_factory=dict)

    def around(self, path: Path, middle_nm: tuple[float, float]) -> Scene:
        """The scene of a layout file.

        Args:
            path: The file.
            middle_nm: (x, y) in its own coordinates of what is measured, in the middle of which a large layout is cut.

        Raises:
            LayoutError: The file cannot be read, or holds nothing there.
        """
        if path not in self._layouts:
            self._layouts[path] = read_layout(path, layer=self.layer, cell=self.cell)
        layout, (height, width) = self._layouts[path], self.field_nm
        x0, y0, x1, y1 = layout.bbox_nm
        if x1 - x0 <= width and y1 - y0 <= height:
            shift = layout.centring_shift(self.field_nm)
        else:
            left, low = (round(middle - side / 2) for middle, side in zip(middle_nm, (width, height), strict=True))
            shift = float(-left), float(-low)
        if (path, shift) not in self._scenes:
            placed = layout.translated(*shift).clipped((0.0, 0.0, width, height))
            grid = Grid.of_field(self.field_nm, self.pixel_nm)
            coverage = torch.from_numpy(rasterize(placed, grid)).double()
            self._scenes[path, shift] = Scene(file_stem(path), placed, coverage, self.pixel_nm, shift, self.field_nm)
        return self._scenes[path, shift]
