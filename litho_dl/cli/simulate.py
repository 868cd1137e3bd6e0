"""litho-dl simulate: the exposure of a layout or a mask."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
from litho_dl.core.timing import PhaseTimer, process_seconds

if TYPE_CHECKING:
    from torch import Tensor

    from litho_dl.layout.layout import Layout
    from litho_dl.process.files import Optics


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
    from litho_dl.viz.drawing import drawing_process

    timer = PhaseTimer(process_seconds())
    with drawing_process() as call:  # before torch is loaded, which takes as long as matplotlib there
        import torch

        from litho_dl.core.device import resolve_device
        from litho_dl.core.grid import Grid
        from litho_dl.core.naming import require_name
        from litho_dl.layout.clips import file_stem
        from litho_dl.process.files import read_optics
        from litho_dl.runs.border import warn_of_border
        from litho_dl.runs.exposure import warn_of_nothing_printed, write_exposure
        from litho_dl.runs.summary import write_summary
        from litho_dl.scoring.scorecard import as_lines
        from litho_dl.simulation.simulator import Simulator

        name = require_name(file_stem(layout), "the name of a layout")
        resolved, read = resolve_device(device), read_optics(optics, field_nm=field_nm)
        part = {"layer": layer, "cell": cell, "window_nm": window_nm, "allow_missing": allow_missing}
        given = _read_mask(layout, read, name, pixel_nm, part)
        pixel_nm = given.pixel_nm if pixel_nm is None else pixel_nm
        Grid.of_field(read.field_nm, pixel_nm)
        process = built(read)
        simulator = Simulator(process).to(resolved)
        own(out)
        warn_of_border(process, given.drawn, optimised=False)
        timer.finish("start_seconds")
        with torch.no_grad():
            exposure = simulator(given.mask, given.pixel_nm, out_pixel_nm=pixel_nm)
        timer.finish("exposure_seconds")
        warn_of_nothing_printed(simulator, exposure, given.mask, name)
        title = f"{name}, {Path(optics).name}"
        written = write_exposure(exposure, given.mask, pixel_nm, out, name, title=title, call=call)
    timer.finish("file_seconds")
    summary = {"name": name, "optics": optics, "field_nm": read.field_nm, "mask_pixel_nm": given.pixel_nm, **written}
    summary |= timer.seconds
    write_summary(out / f"{name}.simulate.json", command_line(), summary)
    click.echo(json.dumps(summary, indent=2) if as_json else as_lines(summary))


class GivenMask(NamedTuple):
    """A mask to expose: its values (H, W), their pixel in nm, and the layouts on the field that it was drawn as."""

    mask: "Tensor"
    pixel_nm: float
    drawn: "list[Layout]"


def _read_mask(path: Path, read: "Optics", name: str, pixel_nm: float | None, part: dict[str, Any]) -> GivenMask:
    """Reads a mask, on its own pixel if it is an image, otherwise on the given one, by default that of mask files.

    `part`: what of a layout to read, as arguments of `layout.mask_file.read_mask`.
    """
    from litho_dl.core.grid import require_steps
    from litho_dl.core.io import IMAGE_SUFFIXES
    from litho_dl.layout.clips import load_mask_image, pixel_of, place
    from litho_dl.layout.file_pixel import file_pixel_nm
    from litho_dl.layout.mask_file import read_mask

    if path.suffix.lower() in IMAGE_SUFFIXES:
        mask = load_mask_image(path, read, lowest=read.mask.lowest)
        return GivenMask(mask, pixel_of(mask, read), [])
    if pixel_nm is None:
        pixel_nm = file_pixel_nm(read)
        require_steps(read.field_nm, pixel_nm, f"pixels of {pixel_nm:g} nm")
    clip = place(read_mask(path, **part), read, name)
    return GivenMask(clip.coverage(pixel_nm), pixel_nm, [clip.placed])
