"""litho-dl hotspots: where a mask pinches, bridges, misses shapes or prints strays, at any corner."""

import json
import sys
from pathlib import Path

import click

from litho_dl.cli.options import (
    SweepParamType,
    built,
    command_line,
    device_option,
    json_option,
    layout_options,
    mask_file_options,
    optics_option,
    out_option,
    own,
    report_option,
)
from litho_dl.core.progress import progress_bar

Sweeps = tuple[float, ...]


@click.command()
@click.option("--target", required=True, type=click.Path(path_type=Path), help="The drawn layout.")
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    help="The mask: an image of the field (.png, .npy, .csv) or polygons in the layout's own coordinates. "
    "Default: the layout as drawn.",
)
@optics_option
@out_option
@click.option(
    "--width", "width_nm", type=float, metavar="NM", help="Least printed width.  [default: 0.25 wavelength / NA]"
)
@click.option(
    "--space", "space_nm", type=float, metavar="NM", help="Least printed space.  [default: 0.25 wavelength / NA]"
)
@click.option("--focus", type=SweepParamType(), help="Foci in nm, in place of the recipe's corners.")
@click.option("--dose", type=SweepParamType(), help="Factors on intensity, in place of the recipe's corners.")
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a hot spot.")
@layout_options
@mask_file_options
@device_option
@report_option
@json_option
def hotspots(
    target: Path,
    mask: Path | None,
    optics: str,
    field_nm: float | None,
    out: Path,
    width_nm: float | None,
    space_nm: float | None,
    focus: Sweeps | None,
    dose: Sweeps | None,
    strict: bool,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    allow_missing: bool,
    mask_layer: str | None,
    mask_cell: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Find hot spots of a mask: where it pinches, bridges, misses drawn shapes or prints where nothing is drawn.

    At every corner of the recipe, or at every focus and dose given, printed contours are compared with the drawn
    shapes. Writes OUT/hot_spots.csv (kind, corner, place and measured width), OUT/summary.json and the picture
    OUT/hot_spots.png with the worst places enlarged.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.grid import require_steps
    from litho_dl.layout.clips import load_clip
    from litho_dl.layout.file_pixel import file_pixel_nm
    from litho_dl.process.files import read_optics
    from litho_dl.runs import hot_spots as runs
    from litho_dl.runs.border import warn_of_border
    from litho_dl.runs.masks import drawn_masks, read_given_mask
    from litho_dl.simulation.simulator import Simulator

    resolved = resolve_device(device)
    read = read_optics(optics, field_nm=field_nm)
    require_steps(read.field_nm, file_pixel_nm(read), "hot spots")
    clip = load_clip(target, read, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
    given = drawn_masks([clip.placed], clip)
    if mask is not None:
        given = read_given_mask(mask, clip, layer=mask_layer, cell=mask_cell, allow_missing=allow_missing)
    own(out)
    process = built(read)
    limits = runs.limits_of(process, width_nm, space_nm)
    warn_of_border(process, [clip.placed], optimised=mask is not None)
    with progress_bar("Comparing prints") as advance:
        found = runs.hot_spots(
            Simulator(process).to(resolved), given, clip, limits=limits, foci_nm=focus, doses=dose, advance=advance
        )
    title = f"Hot spots, {clip.name} ({'as drawn' if mask is None else mask.name}), {Path(optics).name}"
    settings = {"mask": None if mask is None else str(mask), "optics": optics}
    summary = runs.write_hot_spots(found, out, command_line(), settings, title)
    click.echo(json.dumps(summary, indent=2) if as_json else runs.hot_spots_text(summary))
    if strict and found.spots:
        sys.exit(1)
