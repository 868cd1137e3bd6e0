"""litho-dl edge-noise: what the shot noise of photons makes of edges."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import (
    BoxParamType,
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
    "--dose-mj-cm2",
    type=float,
    metavar="DOSE",
    help="Dose on the wafer behind a clear mask, in mJ/cm², at dose 1. Default: that of a chemical resist.",
)
@click.option(
    "--absorbed",
    type=float,
    metavar="SHARE",
    help="Share of them that the resist absorbs, up to 1. Default: 4 pi k d / wavelength of the film's resist.",
)
@click.option("--corner", default="nominal", show_default=True, help="Process condition.")
@click.option(
    "--gauge",
    "cutlines",
    multiple=True,
    type=BoxParamType(),
    help="A cutline in the layout's own coordinates, in nm, across one line or space; repeatable. Default: the "
    "narrowest lines and spaces.",
)
@layout_options
@mask_file_options
@device_option
@report_option
@json_option
def edge_noise(
    target: Path,
    mask: Path | None,
    optics: str,
    field_nm: float | None,
    out: Path,
    dose_mj_cm2: float | None,
    absorbed: float | None,
    corner: str,
    cutlines: tuple[tuple[float, float, float, float], ...],
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    allow_missing: bool,
    mask_layer: str | None,
    mask_cell: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Estimate edge roughness, CD uniformity and failures of contacts from the shot noise of photons, to first order.

    Writes OUT/edge_noise.csv (gauges), OUT/contacts.csv (compact shapes), OUT/summary.json and the picture
    OUT/edge_noise.png, contours coloured by their noise. Photons alone: acid, molecules and development add to it.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.grid import require_steps
    from litho_dl.layout.clips import load_clip
    from litho_dl.layout.file_pixel import file_pixel_nm
    from litho_dl.process.files import read_optics
    from litho_dl.runs import edge_noise as runs
    from litho_dl.runs.border import warn_of_border
    from litho_dl.runs.masks import drawn_masks, read_given_mask
    from litho_dl.simulation.focus_exposure import choose_gauges
    from litho_dl.simulation.simulator import Simulator

    resolved = resolve_device(device)
    read = read_optics(optics, field_nm=field_nm)
    require_steps(read.field_nm, file_pixel_nm(read), "edge noise")
    clip = load_clip(target, read, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
    given = drawn_masks([clip.placed], clip)
    if mask is not None:
        given = read_given_mask(mask, clip, layer=mask_layer, cell=mask_cell, allow_missing=allow_missing)
    choose_gauges(clip, cutlines)  # a wrong one is refused before kernels are built
    own(out)
    process = built(read)
    warn_of_border(process, [clip.placed], optimised=mask is not None)
    found = runs.edge_noise(
        Simulator(process).to(resolved),
        given,
        clip,
        dose_mj_cm2=dose_mj_cm2,
        absorbed=absorbed,
        cutlines_nm=cutlines,
        corner=corner,
    )
    title = f"Photon noise, {clip.name} ({'as drawn' if mask is None else mask.name}), {Path(optics).name}"
    settings = {"mask": None if mask is None else str(mask), "optics": optics}
    summary = runs.write_edge_noise(found, out, command_line(), settings, title)
    click.echo(json.dumps(summary, indent=2) if as_json else runs.edge_noise_text(summary))
