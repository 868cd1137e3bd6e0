"""litho-dl simulate: a layout or a mask, exposed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from litho_dl.cli.evaluate import as_lines
from litho_dl.cli.options import (
    built,
    device_option,
    json_option,
    layout_options,
    optics_option,
    out_option,
    report_option,
    write_summary,
)

if TYPE_CHECKING:
    from torch import Tensor

    from litho_dl.simulation.simulator import Exposure

LAYOUT_PIXEL_NM = 1.0


@click.command()
@click.argument("layout", type=click.Path(path_type=Path))
@optics_option
@out_option
@layout_options
@click.option("--pixel", "pixel_nm", type=float, help="Pixel of the images in nm. Default: 1; a mask image's own.")
@device_option
@report_option
@json_option
def simulate(
    layout: Path,
    optics: str,
    field_nm: float | None,
    out: Path,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    pixel_nm: float | None,
    device: str,
    as_json: bool,
) -> None:
    """Expose LAYOUT as drawn (.glp, .gds, .oas), or a mask image of the whole field (.png, .npy, .csv).

    Writes OUT/NAME.aerial.npy (intensity at nominal conditions, first row = lowest y), OUT/NAME.CORNER.png (what prints
    at each corner), the picture OUT/NAME.simulate.png, and its figures as OUT/NAME.simulate.json.
    """
    import torch

    from litho_dl.core.device import resolve_device
    from litho_dl.core.grid import Grid
    from litho_dl.core.io import IMAGE_SUFFIXES, require_writable_folder
    from litho_dl.layout.clips import file_stem, load_clip, load_mask_image
    from litho_dl.process.files import read_optics
    from litho_dl.simulation.simulator import Simulator

    resolved, read = resolve_device(device), read_optics(optics, field_nm=field_nm)
    field = read.field_nm
    if layout.suffix.lower() in IMAGE_SUFFIXES:
        mask, mask_pixel_nm = load_mask_image(layout, field, lowest=read.mask.lowest)
    else:
        mask_pixel_nm = LAYOUT_PIXEL_NM if pixel_nm is None else pixel_nm
        mask = load_clip(layout, field, layer=layer, cell=cell, window_nm=window_nm).coverage(mask_pixel_nm)
    pixel_nm = mask_pixel_nm if pixel_nm is None else pixel_nm
    Grid.of_field(field, pixel_nm)
    simulator = Simulator(built(read)).to(resolved)
    require_writable_folder(out)
    with torch.no_grad():
        exposure = simulator(mask, mask_pixel_nm, out_pixel_nm=pixel_nm)
    name = file_stem(layout)
    summary = write_exposure(exposure, mask, pixel_nm, out, name, title=f"{name}, {Path(optics).name}")
    summary = {"name": name, "optics": optics, "field_nm": field, "mask_pixel_nm": mask_pixel_nm, **summary}
    write_summary(out / f"{name}.simulate.json", summary)
    click.echo(json.dumps(summary, indent=2) if as_json else as_lines(summary))


def write_exposure(
    exposure: "Exposure", mask: "Tensor", pixel_nm: float, out: Path, name: str, *, title: str
) -> dict[str, Any]:
    """Writes the aerial image, the print of every corner and the picture; returns what a reader wants to know."""
    from litho_dl.core.io import atomic_path, write_png
    from litho_dl.runs.pictures import sampled
    from litho_dl.viz.clip import clip_figure
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.images import ClipImages

    aerial = exposure.aerial().cpu().numpy()
    prints = {corner: exposure.binary_print(corner).cpu().numpy() for corner in exposure.corners}
    with atomic_path(out / f"{name}.aerial.npy") as path:
        np.save(path, aerial)
    for corner, printed in prints.items():
        write_png(out / f"{name}.{corner}.png", printed.astype(np.uint8) * 255)
    images = ClipImages(
        pixel_nm=pixel_nm,
        mask=sampled(mask.numpy(), aerial.shape),
        nominal=prints["nominal"],
        outer=prints.get("outer"),
        inner=prints.get("inner"),
        aerial=aerial,
    )
    figure = out / f"{name}.simulate.png"
    save_figure(clip_figure(images, threshold=exposure.resist.threshold, title=title), figure)
    return {
        "pixel_nm": pixel_nm,
        "threshold": exposure.resist.threshold,
        "intensity_min": float(aerial.min()),
        "intensity_max": float(aerial.max()),
        "printed_nm2": {corner: float(printed.sum()) * pixel_nm**2 for corner, printed in prints.items()},
        "figure": str(figure),
    }
