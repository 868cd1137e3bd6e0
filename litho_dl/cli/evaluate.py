"""litho-dl evaluate: the scores of any mask."""

import json
from pathlib import Path
from typing import Literal

import click

from litho_dl.cli.options import (
    GivenRules,
    built,
    device_option,
    json_option,
    layout_options,
    mask_file_options,
    optics_option,
    rules_options,
)
from litho_dl.core.timing import PhaseTimer, process_seconds


@click.command()
@click.option("--target", required=True, type=click.Path(path_type=Path), help="The drawn layout.")
@click.option(
    "--mask",
    required=True,
    type=click.Path(path_type=Path),
    help="The mask: an image of the field (.png, .npy, .csv) or polygons in the layout's own coordinates.",
)
@optics_option
@click.option(
    "--protocol", required=True, type=click.Choice(["iccad13", "default"]), help="How to score; see docs/protocols.md."
)
@click.option(
    "--raster",
    type=click.Choice(["exact", "inclusive"]),
    default="exact",
    show_default=True,
    help="How the target is rasterised; inclusive adds one row and column, as some published tables do.",
)
@rules_options
@layout_options
@mask_file_options
@click.option("--figure", type=click.Path(path_type=Path, dir_okay=False), help="Picture of the clip, a .png file.")
@device_option
@json_option
def evaluate(
    target: Path,
    mask: Path,
    optics: str,
    field_nm: float | None,
    protocol: str,
    raster: Literal["exact", "inclusive"],
    rules: GivenRules,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    allow_missing: bool,
    mask_layer: str | None,
    mask_cell: str | None,
    figure: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Score a mask against its target: L2, PV band, EPE violations, shots and mask rules; protocol default: also edges.

    The target's bounding box is centred on the field.
    """
    from litho_dl.viz.drawing import drawing_process
    from litho_dl.viz.suffix import require_figure_suffix

    timer = PhaseTimer(process_seconds())
    if figure is not None:
        require_figure_suffix(figure)
    with drawing_process(figure is not None) as call:  # before torch is loaded
        from litho_dl.core.device import resolve_device
        from litho_dl.layout.clips import load_clip
        from litho_dl.process.files import read_optics
        from litho_dl.runs.border import warn_of_border
        from litho_dl.runs.files import warn_of_nothing_printed, warn_of_pixel_edges, warn_of_unlike_print
        from litho_dl.runs.masks import read_given_mask
        from litho_dl.runs.optimize import score_masks
        from litho_dl.runs.pictures import draw_mask
        from litho_dl.scoring.protocol import PROTOCOLS
        from litho_dl.scoring.scorecard import as_lines
        from litho_dl.simulation.simulator import Simulator

        resolved = resolve_device(device)
        read = read_optics(optics, field_nm=field_nm)
        scoring = PROTOCOLS[protocol].scaled(read.scale).counting(rules.at(read.scale))
        scoring.require(read.field_nm, read.mask)
        clip = load_clip(target, read, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
        masks = read_given_mask(mask, clip, layer=mask_layer, cell=mask_cell, allow_missing=allow_missing)
        warn_of_pixel_edges(scoring, [clip])
        process = built(read)
        simulator = Simulator(process).to(resolved)
        timer.finish("start_seconds")
        (scored,) = score_masks(simulator, [clip], masks, scoring, raster=raster)
        if figure is not None:
            draw_mask(figure, scored, process.resist.threshold, f"{clip.name}: {mask.name}", call)
        warn_of_border(process, [clip.placed], optimised=True)
        warn_of_nothing_printed(scored)
        warn_of_unlike_print(scored)
        card = {"mask_pixel_nm": masks.pixel_nm, "mask_rules": str(scoring.rules)}
        card |= {**scored.evaluation.scorecard.as_dict(), **timer.seconds}
        click.echo(json.dumps(card, indent=2) if as_json else as_lines(card))
