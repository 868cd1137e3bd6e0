"""Small chips, on optics of a small field, that the tests of full-chip runs share."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from litho_dl.fullchip.chip import Chip
from litho_dl.fullchip.job import Job
from litho_dl.fullchip.run import ChipRun, run_fullchip
from litho_dl.layout.layout import Box, Layout
from litho_dl.layout.polygon import Polygon
from scenes.ilt import SIMPLE, changed, small_simulator, with_levels
from scenes.shapes import box

CORE_NM, HALO_NM = 512.0, 256.0
FEW = with_levels(changed(SIMPLE.levels[1], steps=6, learning_rate=0.3), objective={"l2": 1.0, "pvb": 1.0, "epe": 1.0})
WIRES = (
    box(0, 0, 900, 120),
    box(0, 300, 120, 900),
    box(300, 300, 420, 900),
    Polygon(box(560, 300, 900, 800).hull, (box(680, 420, 780, 680).hull[::-1],)),
)


def chip(*polygons: Polygon) -> Chip:
    return Chip(Layout("chip", polygons))


@cache
def wires() -> Chip:
    """Bars and a ring; tiles of 512 nm cut all of them."""
    return chip(*WIRES)


def array(rows: int, columns: int, pitch_nm: float = CORE_NM) -> Chip:
    """A hook, again and again."""
    steps = [np.array([x * pitch_nm, y * pitch_nm]) for y in range(rows) for x in range(columns)]
    hook = Polygon(np.array([(0, 0), (280, 0), (280, 100), (100, 100), (100, 300), (0, 300)], dtype=float))
    return chip(*(hook.mapped(lambda xy, step=step: xy + step) for step in steps))


def job(layer: Chip, **changes: Any) -> Job:
    """A few steps with the small simulator's optics on tiles of 512 nm and a halo of 256 nm."""
    settings: dict[str, Any] = {
        "chip": layer,
        "process": small_simulator().process,
        "method": FEW,
        "generator": None,
        "steps": None,
        "passes": 1,
        "batch": 1,
        "window_nm": None,
        "core_nm": CORE_NM,
        "tolerance": 1e-3,
        "labels": {"layout": "chip.gds"},
    }
    return Job(**settings | changes)


def run(made: Job, folder: Path, **options: Any) -> ChipRun:
    """In FOLDER/run, to FOLDER/mask.oas."""
    return run_fullchip(made, folder / "run", folder / "mask.oas", **options)


def mask_digest(folder: Path) -> str:
    """Of the bytes that `run` wrote."""
    return hashlib.sha256((folder / "mask.oas").read_bytes()).hexdigest()


def random_boxes(seed: int, window_nm: Box, count: int = 14, grid_nm: int = 4) -> tuple[Polygon, ...]:
    """Boxes on a grid that overlap, touch, and leave holes."""
    random = np.random.default_rng(seed)
    low, high = np.array(window_nm[:2]), np.array(window_nm[2:])
    begin = np.rint(random.uniform(low, high - 40, (count, 2)) / grid_nm) * grid_nm
    end = np.minimum(begin + np.rint(random.uniform(20, 300, (count, 2)) / grid_nm) * grid_nm, high)
    return tuple(box(*a, *b) for a, b in zip(begin.tolist(), end.tolist(), strict=True))
