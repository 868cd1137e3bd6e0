"""litho-dl simulate: the exposure of a layout or a mask."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import (
    built,
    command_line,
    device_option,
    json_option,
    optics_option,
    out_option,
    own,
    read_mask_options,
    report_option,
)


@click.command()
@click.argument("layout", type=click.Path(path_type=Path))
@optics_option
@out_option
@read_mask_options
@click.option(
    "--pixel",
    "pixel_nm",
    type=float,
    help="Pixel of the images in nm. Default: 1 times the optics' scale, or the mask image's.",
)
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
    allow_missing: bool,
    pixel_nm: float | None,
    device: str,
    as_json: bool,
) -> None:
    """Expose LAYOUT, drawn or a mask (.glp, .gds, .oas), or a mask image of the whole field (.png, .npy, .csv).

    Writes OUT/NAME.aerial.npy (intensity at nominal conditions, first row = lowest y), OUT/NAME.CORNER.png (what prints
    at each corner), the picture OUT/NAME.simulate.png, and a summary OUT/NAME.simulate.json.
    """
    import torch

    from litho_dl.core.device import resolve_device
    from litho_dl.core.grid import Grid, require_steps
    from litho_dl.core.io import IMAGE_SUFFIXES
    from litho_dl.core.naming import require_name
    from litho_dl.layout.clips import file_stem, load_mask_image, pixel_of, place
    from litho_dl.layout.file_pixel import file_pixel_nm
    from litho_dl.layout.mask_file import read_mask
    from litho_dl.process.files import read_optics
    from litho_dl.runs.border import warn_of_border
    from litho_dl.runs.exposure import warn_of_nothing_printed, write_exposure
    from litho_dl.runs.summary import write_summary
    from litho_dl.scoring.scorecard import as_lines
    from litho_dl.simulation.simulator import Simulator

    name = require_name(file_stem(layout), "the name of a layout")
    resolved, read = resolve_device(device), read_optics(optics, field_nm=field_nm)
    field, drawn = read.field_nm, []
    if layout.suffix.lower() in IMAGE_SUFFIXES:
        mask = load_mask_image(layout, read, lowest=read.mask.lowest)
        mask_pixel_nm = pixel_of(mask, read)
    else:
        if pixel_nm is None:
            require_steps(field, file_pixel_nm(read), f"pixels of {file_pixel_nm(read):g} nm")
        mask_pixel_nm = file_pixel_nm(read) if pixel_nm is None else pixel_nm
        polygons = read_mask(layout, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
        clip = place(polygons, read, name)
        mask, drawn = clip.coverage(mask_pixel_nm), [clip.placed]
    pixel_nm = mask_pixel_nm if pixel_nm is None else pixel_nm
    Grid.of_field(field, pixel_nm)
    process = built(read)
    simulator = Simulator(process).to(resolved)
    own(out)
    warn_of_border(process, drawn, optimised=False)
    with torch.no_grad():
        exposure = simulator(mask, mask_pixel_nm, out_pixel_nm=pixel_nm)
    warn_of_nothing_printed(simulator, exposure, mask, name)
    summary = write_exposure(exposure, mask, pixel_nm, out, name, title=f"{name}, {Path(optics).name}")
    summary = {"name": name, "optics": optics, "field_nm": field, "mask_pixel_nm": mask_pixel_nm, **summary}
    write_summary(out / f"{name}.simulate.json", command_line(), summary)
    click.echo(json.dumps(summary, indent=2) if as_json else as_lines(summary))
