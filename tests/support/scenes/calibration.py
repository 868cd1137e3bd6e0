"""Measurements of small scenes: lines through pitch, a trench, a slanted line; a recipe that is quick to image."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from litho_dl.calibration.images import Images
from litho_dl.calibration.keys import full_key, with_values
from litho_dl.calibration.measurement import COLUMNS, Measurement, read_measurements
from litho_dl.calibration.model import Model
from litho_dl.calibration.scene import Scenes
from litho_dl.layout.files import write_layout
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.optics.topography import EdgeLayers, Layer, Topography
from litho_dl.process.recipe import KernelSettings, Recipe, load_recipe

FIELD_NM = (480.0, 480.0)
WIDTH_NM = 60.0
IMAGES = Images(FIELD_NM)  # the same for all tests of one process
VALUES = {"mask.blur_nm": 5.0, "pupil.flare": 0.02, "pupil.focus_blur_nm": 15.0}


def quick_recipe(name: str = "duv193-immersion-annular", **values: float) -> Recipe:
    """A packaged recipe with few source cells, and other values by keys with `__` in place of dots."""
    recipe = load_recipe(name)
    settings = KernelSettings(field_nm=FIELD_NM[0], source_samples=21, energy=0.9999999)
    recipe = recipe.model_copy(update={"kernels": settings})
    return with_values(recipe, {full_key(key.replace("__", "."), recipe): value for key, value in values.items()})


def with_topography(recipe: Recipe) -> Recipe:
    """The recipe with boundary layers on its mask's edges."""
    layers = EdgeLayers(parallel=Layer(zeroth_nm=(-6.0, 1.0)), perpendicular=Layer(zeroth_nm=(-4.0, 2.0)))
    mask = recipe.mask.model_copy(update={"topography": Topography(x=layers)})
    return recipe.model_copy(update={"mask": mask})


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return Polygon(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float))


def write_scenes(folder: Path) -> None:
    """lines_120.gds, lines_160.gds, lines_480.gds, rows_160.gds, trench.gds and slanted.gds, which fill the field."""
    side, w = FIELD_NM[0], WIDTH_NM
    for pitch in (120.0, 160.0, 480.0):
        starts = np.arange(0, side, pitch) + (pitch - w) / 2
        boxes = [(start, 0.0, start + w, side) for start in starts]
        write_layout(folder / f"lines_{pitch:.0f}.gds", Layout("lines", tuple(rectangle(*own) for own in boxes)))
        if pitch == 160:
            turned = tuple(rectangle(y0, x0, y1, x1) for x0, y0, x1, y1 in boxes)
            write_layout(folder / "rows_160.gds", Layout("rows", turned))
    sides = rectangle(0, 0, 180, side), rectangle(300, 0, side, side)
    write_layout(folder / "trench.gds", Layout("trench", sides))
    middle, along, across = np.array([240.0, 240.0]), np.array([0.8, 0.6]), np.array([-0.6, 0.8])
    corners = [middle + a * 160 * along + b * 40 * across for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    write_layout(folder / "slanted.gds", Layout("slanted", (Polygon(np.array(corners)),)))


CUTS = {
    "dense_line": ("lines_120.gds", (140, 240, 220, 240), "line"),
    "dense_space": ("lines_120.gds", (200, 240, 280, 240), "space"),
    "semi_line": ("lines_160.gds", (190, 240, 290, 240), "line"),
    "row_line": ("rows_160.gds", (240, 200, 240, 280), "line"),
    "row_space": ("rows_160.gds", (240, 260, 240, 380), "space"),
    "iso_line": ("lines_480.gds", (190, 240, 290, 240), "line"),
    "trench_space": ("trench.gds", (170, 240, 310, 240), "space"),
    "slanted_line": ("slanted.gds", (270, 200, 210, 280), "line"),
}


def gauge_rows(doses: Sequence[float] = (0.95, 1.05), foci_nm: Sequence[float] = (-40, 0, 40)) -> list[dict]:
    """Rows of a gauge file, with a CD that is to be replaced."""
    rows = []
    for name, (layout, cut, kind) in CUTS.items():
        box = dict(zip(("x0", "y0", "x1", "y1"), cut, strict=True))
        rows += [
            {"name": name, "layout": layout, **box, "kind": kind, "cd_nm": 60, "sigma_nm": 0.5, "dose": dose}
            | {"defocus_nm": focus}
            for dose in doses
            for focus in foci_nm
        ]
    return rows


def write_rows(path: Path, rows: Sequence[dict], columns: Sequence[str] = COLUMNS) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def small_measurements(folder: Path, rows: Sequence[dict] | None = None) -> tuple[Measurement, ...]:
    write_scenes(folder)
    write_rows(folder / "gauges.csv", gauge_rows() if rows is None else rows)
    return read_measurements(folder / "gauges.csv", Scenes(FIELD_NM, 1.0))


def measured_by(recipe: Recipe, measurements: Sequence[Measurement], noise_nm: float = 0.0, seed: int = 0) -> list:
    """The measurements that print well, as a recipe makes them, with normal noise."""
    model = Model(measurements, IMAGES)
    noise = np.random.default_rng(seed).normal(0, noise_nm or 1e-300, len(measurements))
    values, well = model.predict(recipe).values_nm + noise, model.prints(recipe, 0.1)
    return [
        replace(own, value_nm=float(value)) for own, value, good in zip(measurements, values, well, strict=True) if good
    ]
