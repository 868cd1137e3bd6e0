"""A run's folder made by hand: two clips, one with a name that would do harm, and a picture of each kind."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from litho_dl.core.io import write_csv, write_png
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.stack import write_stack

HOSTILE = "<img src=x onerror=alert(1)>&amp; {{ 7 * 7 }}"
SITE = {"x_nm": 100.0, "y_nm": 40.0, "epe_nm": -16.25}


def square(x0: float, y0: float, side: float) -> Polygon:
    return Polygon(np.array([(x0, y0), (x0 + side, y0), (x0 + side, y0 + side), (x0, y0 + side)]))


def score(name: str, l2_nm2: float, pvb_nm2: float, epe: int, sites: list[dict]) -> dict:
    return {
        **{"clip": name, "mask_oas": f"secret/{name}.mask.oas", "protocol": "iccad13/2", "raster": "exact"},
        **{
            "l2_nm2": l2_nm2,
            "pvb_nm2": pvb_nm2,
            "epe_violations": epe,
            "shots": 10,
            "vertices": 40,
            "edges": {"nils": l2_nm2 / 1e4},
        },
        **{"solve_seconds_per_clip": 0.5, "worst_sites": sites},
    }


def write_run(folder: Path) -> Path:
    """Writes the folder and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = [score("plain", 30_000.0, 40_000.0, 0, []), score(HOSTILE, 9_000.0, 50_000.0, 1, [SITE])]
    run = {"command": "litho-dl optimize", "optics": "made-up", "method": "none", "solve_seconds": 1.0, "clips": clips}
    (folder / "scores.json").write_text(json.dumps(run))
    for index, clip in enumerate(clips):
        stack = {
            "target": Layout("t", (square(0, 0, 100),)),
            "mask": Layout("m", (square(-20, -20, 140 + index), square(300, 300, 50))),
            "nominal": Layout("n", (square(2, 2, 96),)),
            "band": Layout("b", (square(98, 0, 4),)),
        }
        write_stack(folder / f"{clip['clip']}.layers.oas", stack, cell="TOP")
    steps = [{"step": step, "objective": 1000.0 / (step + 1), "l2": "" if step < 2 else 5.0} for step in range(40)]
    write_csv(folder / "convergence.csv", steps)
    write_csv(folder / "zones.csv", [{"zone": n, "gap_nm": n % 7} for n in range(250)])
    write_png(folder / "raster.png", np.arange(64, dtype=np.uint8).reshape(8, 8))
    for name in ("gallery", "convergence"):
        Image.new("RGB", (640, 320), (230, 90, 20)).save(folder / f"{name}.png")
    return folder
