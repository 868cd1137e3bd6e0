"""litho-dl process-window: a mask through focus and dose."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import (
    BoxParamType,
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
    "--gauge",
    "cutlines",
    multiple=True,
    type=BoxParamType(),
    help="A cutline in the layout's own coordinates, in nm, across one line or space; repeatable. Default: the "
    "narrowest lines and spaces.",
)
@click.option(
    "--focus", type=SweepParamType(), help="Foci in nm. Default: one Rayleigh unit to both sides, in ten steps."
)
@click.option("--dose", type=SweepParamType(), help="Factors on intensity. Default: 0.85 to 1.15 in steps of 0.05.")
@click.option(
    "--tolerance",
    "tolerance_percent",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    default=10.0,
    show_default=True,
    help="Allowed deviation of a CD, in percent of its target.",
)
@layout_options
@mask_file_options
@device_option
@report_option
@json_option
def process_window(
    target: Path,
    mask: Path | None,
    optics: str,
    field_nm: float | None,
    out: Path,
    cutlines: tuple[tuple[float, float, float, float], ...],
    focus: Sweeps | None,
    dose: Sweeps | None,
    tolerance_percent: float,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    allow_missing: bool,
    mask_layer: str | None,
    mask_cell: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Sweep dose and focus of a mask: CDs, exposure latitude against depth of focus, NILS and MEEF at gauges.

    Writes OUT/process_window.csv (the CD of every gauge, focus and dose), OUT/summary.json and the picture
    OUT/process_window.png. Dose limits are computed from the images, and are not restricted to the swept doses.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.grid import require_steps
    from litho_dl.layout.clips import load_clip, load_mask_polygons
    from litho_dl.layout.file_pixel import file_pixel_nm
    from litho_dl.process.files import read_optics
    from litho_dl.runs import process_window as runs
    from litho_dl.runs.border import warn_of_border
    from litho_dl.simulation.focus_exposure import choose_gauges
    from litho_dl.simulation.simulator import Simulator

    if dose is not None and min(dose) <= 0:
        raise click.BadParameter("expected positive doses", param_hint="'--dose'")
    resolved = resolve_device(device)
    read = read_optics(optics, field_nm=field_nm)
    require_steps(read.field_nm, file_pixel_nm(read), "a process window")
    clip = load_clip(target, read, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
    polygons = clip.placed
    if mask is not None:
        polygons = load_mask_polygons(mask, clip, layer=mask_layer, cell=mask_cell, allow_missing=allow_missing)
    choose_gauges(clip, cutlines)  # a wrong one is refused before kernels are built
    own(out)
    process = built(read)
    warn_of_border(process, [clip.placed], optimised=mask is not None)
    simulator = Simulator(process).to(resolved)
    with progress_bar("Exposing through focus") as advance:
        result = runs.process_window(
            simulator,
            polygons,
            clip,
            foci_nm=focus,
            doses=runs.DOSES if dose is None else dose,
            cutlines_nm=cutlines,
            tolerance=tolerance_percent / 100,
            advance=advance,
        )
    settings = {"mask": None if mask is None else str(mask), "optics": optics, "tolerance_percent": tolerance_percent}
    title = f"{clip.name} ({'as drawn' if mask is None else mask.name}), {Path(optics).name}"
    summary = runs.write_results(result, clip, out, command_line(), settings, title)
    click.echo(json.dumps(summary, indent=2) if as_json else runs.window_text(summary))
