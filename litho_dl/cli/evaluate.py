"""litho-dl evaluate: the score of any mask."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click

from litho_dl.cli.options import built, device_option, json_option, layout_options, optics_option


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
    help="How target pixels are counted; inclusive adds one row and column, as some published tables do.",
)
@layout_options
@click.option("--mask-layer", help="Layer of a mask polygon file. Default: the only one.")
@click.option("--figure", type=click.Path(path_type=Path, dir_okay=False), help="Draw the clip into this .png.")
@device_option
@json_option
def evaluate(
    target: Path,
    mask: Path,
    optics: str,
    field_nm: float | None,
    protocol: str,
    raster: Literal["exact", "inclusive"],
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    mask_layer: str | None,
    figure: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Score a mask against its target: L2, PV band, EPE violations, shots; and edges and mask rules (default).

    The target's bounding box is centred on the field.
    """
    import torch

    from litho_dl.core.device import resolve_device
    from litho_dl.layout.clips import load_clip, load_mask
    from litho_dl.process.files import read_optics
    from litho_dl.runs.pictures import clip_images, draw_clip
    from litho_dl.scoring.evaluate import PROTOCOLS
    from litho_dl.scoring.evaluate import evaluate as score
    from litho_dl.simulation.simulator import Simulator
    from litho_dl.viz.figure import require_figure_suffix

    if figure is not None:
        require_figure_suffix(figure)
    resolved = resolve_device(device)
    read = read_optics(optics, field_nm=field_nm)
    PROTOCOLS[protocol].require(read.field_nm, read.mask)
    clip = load_clip(target, read.field_nm, layer=layer, cell=cell, window_nm=window_nm)
    values, pixel_nm = load_mask(mask, clip, layer=mask_layer)
    process = built(read)
    simulator = Simulator(process, dtype=torch.float64).to(resolved)
    evaluation = score(values, pixel_nm, clip.placed, simulator, PROTOCOLS[protocol], raster=raster)
    if figure is not None:
        images = clip_images(evaluation, values >= 0.5)
        draw_clip(figure, images, evaluation, process.resist.threshold, f"{clip.name}: {mask.name}")
    card = {"mask_pixel_nm": pixel_nm, **evaluation.scorecard.as_dict()}
    click.echo(json.dumps(card, indent=2) if as_json else as_lines(card))


def as_lines(card: Mapping[str, object], indent: str = "") -> str:
    """A scorecard as aligned text; what was not measured is left out."""
    lines = []
    for key, value in card.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{key}", as_lines(value, indent + "  ")]
        elif value is not None:
            lines.append(f"{indent}{key:<26} {_shown(value)}")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return (", " if isinstance(value[0], str) else " x ").join(_shown(entry) for entry in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
