"""What was measured on wafers: CDs at gauges and printed contours, from a CSV file."""

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from litho_dl.calibration.scene import Scene, Scenes
from litho_dl.core.errors import LithoError
from litho_dl.core.io import plain_file, unquoted
from litho_dl.layout.cutline import Kind
from litho_dl.layout.files import read_layout
from litho_dl.metrics.gauge import REACH_NM, Gauge, gauge_along

COLUMNS = ("name", "layout", "x0", "y0", "x1", "y1", "kind", "cd_nm", "sigma_nm", "dose", "defocus_nm")
CONTOUR = "contour"  # kind of rows of measured contours, and the optional column with their layout file
CONTOUR_STEP_NM = 10.0  # between points on a measured contour, times the recipe's scale
BORDER_NM = 1e-3
DOSES, LARGEST_DEFOCUS_NM = (0.01, 100.0), 1e5
SIGMAS_NM = (1e-6, 1e4)


class ContourPoint(NamedTuple):
    """A point of a printed contour.

    Attributes:
        point_nm: (x, y).
        normal: Unit vector (x, y) out of the printed shape.
    """

    point_nm: tuple[float, float]
    normal: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Measurement:
    """One number that was measured: the CD at a gauge, or where a printed contour lies at one point.

    Attributes:
        name: The gauge's name in reports.
        line: Line of the CSV file.
        scene: The drawn layout on its field.
        gauge: Where a CD was measured, on the field; None for a point of a contour.
        contour: A point of a measured contour, on the field; None for a CD.
        value_nm: The measured CD; 0 for a point of a contour, whose distance from the simulated edge is fitted.
        sigma_nm: Standard deviation of the measurement; > 0.
        dose: The tool's dose, as a factor on the nominal one; > 0.
        defocus_nm: The tool's focus, from the nominal one.
    """

    name: str
    line: int
    scene: Scene
    gauge: Gauge | None
    contour: ContourPoint | None
    value_nm: float
    sigma_nm: float
    dose: float
    defocus_nm: float

    @property
    def pattern(self) -> str:
        """The pattern class: what the name begins with, up to a digit, a dash or an underscore; else the layout's."""
        for text in (self.name, self.scene.name):
            if found := re.match(r"[^\W\d_]+", text):
                return found[0]
        return self.name

    @property
    def pitch_nm(self) -> float | None:
        """Drawn CD and mean distance to the neighbours; None where one is far, and for contours."""
        if self.gauge is None or max(self.gauge.reach_nm) >= REACH_NM:
            return None
        return self.gauge.target_nm + sum(self.gauge.reach_nm) / 2


def read_measurements(path: str | Path, scenes: Scenes) -> tuple[Measurement, ...]:
    """Reads and checks a CSV file of measurements, one a row.

    Columns are `COLUMNS`. A row of kind `line` or `space` has a cutline x0, y0, x1, y1 in nm, in its layout's own
    coordinates, across one drawn line or space. A row of kind `contour` has a file of measured polygons in a column
    `contour`, in the same coordinates; the box x0, y0, x1, y1, or none, says which part of them counts, and cd_nm stays
    empty.

    Args:
        path: The file; the paths of layouts in it are relative to it.
        scenes: Places layouts on the field.

    Raises:
        LithoError: The file cannot be read, or a row is wrong; the message names file and line.
    """
    path = plain_file(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise LithoError(f"{path}: no such file.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LithoError(f"{path}: expected a CSV file in UTF-8, cannot read it ({error}).") from error
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in (*COLUMNS, CONTOUR)]
    if missing or unknown or len(set(header)) < len(header):
        raise LithoError(
            f"{path}, line 1: expected the columns {', '.join(COLUMNS)} once each, and {CONTOUR} for contours; "
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(unknown) or 'none'}."
        )
    found: list[Measurement] = []
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            raise LithoError(f"{where}: expected {len(header)} cells, got {len(cells)}.")
        row = {name: unquoted(cell.strip()) for name, cell in zip(header, cells, strict=True)}
        try:
            found.extend(_measured(_Row(row, where), number, path.parent, scenes))
        except LithoError as error:
            raise type(error)(f"{where}: {str(error).removeprefix(f'{where}: ')}") from error
    if not found:
        raise LithoError(f"{path}: expected at least one measurement, got none; add rows below the header.")
    return tuple(found)


@dataclass(frozen=True)
class _Row:
    """One row of the file, and its name in messages."""

    cells: dict[str, str]
    where: str

    def text(self, column: str) -> str:
        value = self.cells.get(column, "")
        if not value:
            raise LithoError(f"{self.where}: {column}: expected a value, got an empty cell.")
        return value

    def number(self, column: str, fits: Callable[[float], bool], wanted: str) -> float:
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and fits(value)):
            raise LithoError(f"{self.where}: {column}: expected {wanted}, got {text[:40]!r}.")
        return value

    def box(self) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = (
            self.number(name, lambda value: abs(value) < 1e12, "a length in nm") for name in ("x0", "y0", "x1", "y1")
        )
        return x0, y0, x1, y1


def _measured(row: _Row, line: int, folder: Path, scenes: Scenes) -> Iterator[Measurement]:
    """The measurements of one row: one, or the points of a contour."""
    name, kind = row.text("name"), row.text("kind")
    if kind not in ("line", "space", CONTOUR):
        raise LithoError(f"kind: expected line, space or {CONTOUR}, got {kind[:40]!r}.")
    layout = folder / row.text("layout")
    sigma_nm = row.number("sigma_nm", lambda value: SIGMAS_NM[0] <= value <= SIGMAS_NM[1], "a length > 0 in nm")
    dose = row.number("dose", lambda value: DOSES[0] <= value <= DOSES[1], "a factor from 0.01 to 100")
    defocus_nm = row.number("defocus_nm", lambda value: abs(value) <= LARGEST_DEFOCUS_NM, "a focus up to 0.1 mm, in nm")
    if kind == CONTOUR:
        for point, scene in _contour(row, folder, layout, scenes):
            yield Measurement(name, line, scene, None, point, 0.0, sigma_nm, dose, defocus_nm)
        return
    cd_nm = row.number("cd_nm", lambda value: value > 0, "a length > 0 in nm")
    if row.cells.get(CONTOUR):
        raise LithoError(f"{CONTOUR}: expected no file for kind {kind}, got {row.cells[CONTOUR][:40]!r}.")
    box = row.box()
    scene = scenes.around(layout, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
    gauge = _gauge(scene, box, name, "line" if kind == "line" else "space")
    yield Measurement(name, line, scene, gauge, None, cd_nm, sigma_nm, dose, defocus_nm)


def _gauge(scene: Scene, box: tuple[float, float, float, float], name: str, kind: Kind) -> Gauge:
    dx, dy = scene.shift_nm
    height, width = scene.field_nm
    x0, y0, x1, y1 = box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy
    if not (min(x0, x1) >= 0 and max(x0, x1) <= width and min(y0, y1) >= 0 and max(y0, y1) <= height):
        raise LithoError(
            f"expected a cutline on the field, from ({-dx:g}, {-dy:g}) to ({width - dx:g}, {height - dy:g}) nm in the "
            f"coordinates of {scene.name}, got {', '.join(f'{value:g}' for value in box)}; choose a larger field."
        )
    gauge = gauge_along(scene.drawn, (x0, y0, x1, y1), name)
    if gauge.kind != kind:
        raise LithoError(f"kind: expected {gauge.kind}, which is what the cutline crosses, got {kind}.")
    return gauge


def _contour(row: _Row, folder: Path, layout: Path, scenes: Scenes) -> Iterator[tuple[ContourPoint, Scene]]:
    """Points along the measured contours, on the field, and the scene."""
    if row.cells["cd_nm"]:
        raise LithoError(f"cd_nm: expected an empty cell for a contour, got {row.cells['cd_nm'][:40]!r}.")
    polygons = read_layout(folder / row.text(CONTOUR)).merged().polygons
    given = [row.cells[name] for name in ("x0", "y0", "x1", "y1")]
    box = row.box() if any(given) else (-math.inf, -math.inf, math.inf, math.inf)
    low_x, high_x, low_y, high_y = *sorted((box[0], box[2])), *sorted((box[1], box[3]))
    parts = [_along(loop, CONTOUR_STEP_NM * scenes.scale) for polygon in polygons for loop in polygon.loops]
    points, normals = (np.concatenate(part) for part in zip(*parts, strict=True))
    inside = (
        (points > (low_x + BORDER_NM, low_y + BORDER_NM)) & (points < (high_x - BORDER_NM, high_y - BORDER_NM))
    ).all(1)
    if not inside.any():
        raise LithoError(f"{CONTOUR}: expected a contour in the box x0, y0, x1, y1, got none there.")
    points, normals = points[inside], normals[inside]
    centre = (points.min(0) + points.max(0)) / 2
    scene = scenes.around(layout, (float(centre[0]), float(centre[1])))
    placed, sides = points + np.array(scene.shift_nm), np.array(scene.field_nm[::-1])
    if (placed < 0).any() or (placed > sides).any():
        raise LithoError(f"{CONTOUR}: expected contours on the field of {sides[0]:g} x {sides[1]:g} nm; give a box.")
    for (x, y), (u, v) in zip(placed.tolist(), normals.tolist(), strict=True):
        yield ContourPoint((x, y), (u, v)), scene


def _along(loop: np.ndarray, step_nm: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 2) at equal steps along a closed loop, whose inside is on its left, and normals (P, 2) out of it."""
    sides = np.roll(loop, -1, axis=0) - loop
    lengths = np.hypot(*sides.T)
    ends = np.concatenate(([0.0], np.cumsum(lengths)))
    count = max(4, round(ends[-1] / step_nm))
    places = (np.arange(count) + 0.5) * ends[-1] / count
    side = np.clip(np.searchsorted(ends, places, side="right") - 1, 0, len(loop) - 1)
    share = ((places - ends[side]) / lengths[side])[:, None]
    along = sides[side] / lengths[side, None]
    return loop[side] + share * sides[side], np.stack((along[:, 1], -along[:, 0]), axis=1)
