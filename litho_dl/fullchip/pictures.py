"""Tables and pictures of a full-chip run: seams, hot spots, times, and a map of the chip."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litho_dl.fullchip.chip_score import Sites
    from litho_dl.fullchip.plan import WorkerContext
    from litho_dl.fullchip.run import ChipRun
    from litho_dl.fullchip.tiling import Tiling
    from litho_dl.layout.layout import Box, Layout

PICTURED = 6  # hot spots with pictures of their prints
SPOT_VIEW_NM = 800.0
SPOT_LAYER, SPOT_BOX_NM = (1, 0), 40.0


def write_tables(folder: Path, run: "ChipRun", sites: "Sites") -> None:
    """Writes seams.csv, hotspots.csv, hotspots.oas, and timing.csv of the tiles that this call solved.

    Args:
        folder: The run's folder.
        run: The finished run.
        sites: Its EPE sites.

    Raises:
        OutputError: A file cannot be written.
    """
    from litho_dl.core.io import write_csv
    from litho_dl.fullchip.chip_score import hot_spots, seam_table
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

    from litho_dl.layout.layout import Layout
    from litho_dl.layout.polygon import Polygon

    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * SPOT_BOX_NM / 2
    return Layout("hotspots", tuple(Polygon(sites.xy_nm[index] + corners) for index in spots))


def draw_chip(path: Path, tiling: "Tiling", sites: "Sites", title: str) -> None:
    """Draws a map of the edge placement errors, with seams and hot spots, and the errors by distance to a seam.

    Args:
        path: The picture.
        tiling: The tiling.
        sites: The chip's EPE sites.
        title: Title of the picture.

    Raises:
        OutputError: The picture cannot be written.
    """
    from litho_dl.fullchip.chip_score import hot_spots, seam_table
    from litho_dl.viz.chip import chip_figure
    from litho_dl.viz.figure import save_figure

    bars = [(row.label, row.mean_abs_nm, row.sites) for row in seam_table(sites) if row.mean_abs_nm is not None]
    spots = hot_spots(sites)
    figure = chip_figure(sites.xy_nm, sites.epe_nm, spots, tiling.wanted_nm, tiling.seams_nm, bars, title=title)
    save_figure(figure, path)


def draw_spots(folder: Path, run: "ChipRun", sites: "Sites") -> None:
    """Draws the worst hot spots as they were scored: a picture and a layer file for each.

    Args:
        folder: The run's folder.
        run: The finished run.
        sites: Its EPE sites.

    Raises:
        DatasetError: A file of the run is damaged.
        OutputError: A file cannot be written.
    """
    from litho_dl.fullchip.chip_score import hot_spots
    from litho_dl.fullchip.plan import worker_context

    spots = hot_spots(sites, PICTURED)
    if not (spots and run.mask.polygons):
        return
    context = worker_context(str(folder.absolute()), run.plan.digest, "cpu")
    for number, index in enumerate(spots, start=1):
        _draw_spot(folder, f"spot_{number:02d}", context, run.mask, sites, index)


def _draw_spot(folder: Path, name: str, context: "WorkerContext", mask: "Layout", sites: "Sites", index: int) -> None:
    """Draws the surroundings of a site, from its tile's images."""
    from litho_dl.fullchip.score import PIXEL_NM, expose_tile, target_print
    from litho_dl.layout.contour import pixel_polygons
    from litho_dl.layout.layout import Layout
    from litho_dl.layout.stack import SUFFIX, write_stack
    from litho_dl.viz.clip import clip_figure
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.images import ClipImages

    x, y = (float(coordinate) for coordinate in sites.xy_nm[index])
    tiling = context.plan.tiling
    tile = tiling.tile_at(x, y)
    exposed = expose_tile(context, folder, tile, round(tiling.halo_nm / 2 / (PIXEL_NM * context.process.scale)))
    pixel_nm = exposed.pixel_nm
    box = _around(x, y, SPOT_VIEW_NM * context.process.scale, pixel_nm, tiling.wanted_nm, exposed.box_nm)
    cut, exposure = exposed.pixels(box), exposed.exposure
    aerial = exposure.aerial().cpu().numpy()
    prints = {corner: exposure.binary_print(corner)[cut].cpu().numpy() for corner in ("nominal", "outer", "inner")}
    images = ClipImages(
        pixel_nm,
        exposed.mask[cut],
        nominal=prints["nominal"],
        outer=prints["outer"],
        inner=prints["inner"],
        target=target_print(context.chip, box, pixel_nm),
        aerial=aerial[cut],
        origin_nm=box[:2],
        mask_field=exposure.mask_field,
    )
    inside = ((sites.xy_nm >= box[:2]) & (sites.xy_nm <= box[2:])).all(1)
    figure = clip_figure(
        images,
        threshold=exposure.resist.threshold,
        epe_sites_nm=sites.xy_nm[inside & (sites.violated > 0)],
        score={"EPE there (nm)": float(sites.epe_nm[index])},
        title=f"{name}: ({x:,.0f}, {y:,.0f}) nm",
    )
    save_figure(figure, folder / f"{name}.png")
    stack = {
        "target": context.chip.clipped(box),
        "mask": _clipped(mask, box),
        "nominal": Layout("nominal", pixel_polygons(prints["nominal"], pixel_nm)),
        "band": Layout("band", pixel_polygons(prints["outer"] ^ prints["inner"], pixel_nm)),
    }
    placed = {layer: layout.translated(box[0], box[1]) for layer, layout in stack.items()}
    write_stack(folder / f"{name}{SUFFIX}", placed, cell=name)


def _clipped(mask: "Layout", box: "Box") -> "Layout":
    """A mask cut to a box, shifted so that the box's lower left corner is (0, 0)."""
    from litho_dl.layout.layout import Layout

    spans = ((polygon, *polygon.hull.min(0), *polygon.hull.max(0)) for polygon in mask.polygons)
    near = (polygon for polygon, x0, y0, x1, y1 in spans if x0 < box[2] and y0 < box[3] and x1 > box[0] and y1 > box[1])
    return Layout(mask.name, tuple(near)).clipped(box).translated(-box[0], -box[1])


def _around(x_nm: float, y_nm: float, side_nm: float, pixel_nm: float, *limits_nm: "Box") -> "Box":
    """A square of whole pixels around a point, cut by boxes."""
    low_x, low_y, high_x, high_y = zip(*limits_nm, strict=True)
    left, bottom = (round((middle - side_nm / 2) / pixel_nm) * pixel_nm for middle in (x_nm, y_nm))
    return (
        max(left, *low_x),
        max(bottom, *low_y),
        min(left + side_nm, *high_x),
        min(bottom + side_nm, *high_y),
    )
