"""What litho-dl fullchip writes beside the mask: tables, the chip in one picture, and its worst places."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litho_dl.fullchip.chip import Chip
    from litho_dl.fullchip.run import ChipRun, Job
    from litho_dl.fullchip.summary import Sites
    from litho_dl.fullchip.tiling import Tiling
    from litho_dl.layout.layout import Layout

PICTURED = 6  # hot spots drawn with their prints
SPOT_LAYER, SPOT_BOX_NM = (1, 0), 40.0


def write_tables(folder: Path, run: "ChipRun", sites: "Sites") -> None:
    """seams.csv, hotspots.csv, hotspots.oas, and timing.csv of the tiles that this run solved."""
    from litho_dl.core.io import write_csv
    from litho_dl.fullchip.summary import hot_spots, seam_table
    from litho_dl.layout.gds import write_layers

    spots = hot_spots(sites)
    worst = [
        {
            "x_nm": float(sites.xy_nm[index][0]),
            "y_nm": float(sites.xy_nm[index][1]),
            "epe_nm": "" if math.isnan(sites.epe_nm[index]) else round(float(sites.epe_nm[index]), 3),
            "violations": int(sites.violated[index]),
            "seam_distance_nm": round(float(sites.seam_nm[index]), 1) if math.isfinite(sites.seam_nm[index]) else "",
        }
        for index in spots
    ]
    timing = [
        {"row": tile.row, "column": tile.column, "seconds": round(value, 3)}
        for tile, value in sorted(run.tile_seconds.items())
    ]
    tables = {"seams": [asdict(row) for row in seam_table(sites)], "hotspots": worst, "timing": timing}
    for name, rows in tables.items():
        if rows:
            write_csv(folder / f"{name}.csv", rows)
    write_layers(folder / "hotspots.oas", {SPOT_LAYER: _boxes(sites, spots)}, cell="hotspots", merged=False)


def _boxes(sites: "Sites", spots: list[int]) -> "Layout":
    import numpy as np

    from litho_dl.layout.layout import Layout, Polygon

    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * SPOT_BOX_NM / 2
    return Layout("hotspots", tuple(Polygon(sites.xy_nm[index] + corners) for index in spots))


def draw_chip(path: Path, tiling: "Tiling", sites: "Sites", title: str) -> None:
    """The map of the edge placement, the seams, the worst sites, and what the seams cost."""
    from litho_dl.fullchip.summary import hot_spots, seam_table
    from litho_dl.viz.chip import chip_figure
    from litho_dl.viz.figure import save_figure

    bars = [(row.label, row.mean_abs_nm, row.sites) for row in seam_table(sites) if row.mean_abs_nm is not None]
    spots = hot_spots(sites)
    figure = chip_figure(sites.xy_nm, sites.epe_nm, spots, tiling.wanted_nm, tiling.seams_nm, bars, title=title)
    save_figure(figure, path)


def draw_spots(folder: Path, job: "Job", run: "ChipRun", sites: "Sites") -> None:
    """For each of the worst places a picture and a layer file."""
    from litho_dl.fullchip.chip import Chip
    from litho_dl.fullchip.summary import hot_spots

    if run.mask.polygons:
        mask = Chip(run.mask)
        for number, index in enumerate(hot_spots(sites, PICTURED), start=1):
            _draw_spot(folder, f"spot_{number:02d}", job, mask, sites.xy_nm[index])


def _draw_spot(folder: Path, name: str, job: "Job", mask: "Chip", xy_nm: Any) -> None:
    """The surroundings of a place, imaged on the kernels' own field."""
    import torch

    from litho_dl.cli.pictures import clip_images, draw_clip, write_layers
    from litho_dl.clips import MASK_FILE_PIXEL_NM, Clip
    from litho_dl.core.grid import Grid
    from litho_dl.evaluate import PROTOCOLS, evaluate
    from litho_dl.layout.raster import rasterize
    from litho_dl.simulator import Simulator

    height, width = job.process.field_nm
    x0, y0 = round(float(xy_nm[0]) - width / 2), round(float(xy_nm[1]) - height / 2)
    window = (x0, y0, x0 + width, y0 + height)
    around = mask.clipped(window)
    clip = Clip(name, job.chip.clipped(window), (-float(x0), -float(y0)), job.process.field_nm)
    drawn = torch.from_numpy(rasterize(around, Grid.of_field(clip.field_nm, MASK_FILE_PIXEL_NM)) >= 0.5)
    evaluation = evaluate(drawn, MASK_FILE_PIXEL_NM, clip.placed, Simulator(job.process), PROTOCOLS["default"])
    title = f"{name}: ({float(xy_nm[0]):,.0f}, {float(xy_nm[1]):,.0f}) nm"
    draw_clip(folder / f"{name}.png", clip_images(evaluation, drawn), evaluation, job.process.resist.threshold, title)
    write_layers(folder, clip, around.polygons, evaluation)
