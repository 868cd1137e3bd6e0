"""litho-dl rectangles: Manhattan versions of any mask."""

import json
from pathlib import Path
from typing import Any

import click

from litho_dl.cli.options import (
    GivenRules,
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
    rules_options,
)
from litho_dl.core.progress import progress_bar


@click.command()
@click.option("--target", required=True, type=click.Path(path_type=Path), help="The drawn layout.")
@click.option(
    "--mask",
    required=True,
    type=click.Path(path_type=Path),
    help="The mask: an image of the field, or polygons or curves in the layout's own coordinates.",
)
@click.option(
    "--most",
    required=True,
    multiple=True,
    type=click.IntRange(1),
    help="Largest number of rectangles; several times for a front.",
)
@optics_option
@out_option
@rules_options
@layout_options
@mask_file_options
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw the front, of several --most.")
@device_option
@report_option
@json_option
def rectangles(
    target: Path,
    mask: Path,
    most: tuple[int, ...],
    optics: str,
    field_nm: float | None,
    out: Path,
    rules: GivenRules,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    allow_missing: bool,
    mask_layer: str | None,
    mask_cell: str | None,
    figures: bool,
    device: str,
    as_json: bool,
) -> None:
    """Replace any mask by at most so many rectangles, which print as nearly the same as they can.

    Writes for each --most N OUT/NAME.N.shots.oas and .csv, rectangles that do not overlap, in the layout's own
    coordinates, and OUT/NAME.rectangles.json with their scores and the mask's. With several --most, OUT/NAME.front.png
    shows L2 and PVB against the number of rectangles. Assist features may be left out; each feature that overlaps a
    drawn one takes at least one rectangle.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.layout.clips import load_clip
    from litho_dl.layout.fracture import write_shots
    from litho_dl.process.files import read_optics
    from litho_dl.runs.masks import read_given_mask
    from litho_dl.runs.optimize import score_masks
    from litho_dl.runs.rectangles import front_text, manhattan_masks, shown_scores
    from litho_dl.runs.summary import write_summary
    from litho_dl.scoring.protocol import PROTOCOLS
    from litho_dl.simulation.simulator import Simulator

    resolved, read = resolve_device(device), read_optics(optics, field_nm=field_nm)
    protocol = PROTOCOLS["default"].scaled(read.scale).counting(rules.at(read.scale))
    protocol.require(read.field_nm, read.mask)
    clip = load_clip(target, read, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
    given = read_given_mask(mask, clip, layer=mask_layer, cell=mask_cell, allow_missing=allow_missing)
    own(out)
    simulator = Simulator(built(read)).to(resolved)
    (before,) = score_masks(simulator, [clip], given, protocol)
    with progress_bar("Moving rectangles") as advance:
        found = manhattan_masks(simulator, clip, given, most, protocol, lambda step, steps: advance(step, steps, ""))
    card = before.evaluation.scorecard
    replaced = {"rectangles": card.shots, **shown_scores(card)}
    entries: list[dict[str, Any]] = []
    for made in found:
        files = [out / f"{clip.name}.{made.most}.shots.{suffix}" for suffix in ("oas", "csv")]
        for path in files:
            write_shots(path, made.rectangles_nm - [*clip.shift_nm, *clip.shift_nm])
        entries.append({**made.entry(), "files": list(map(str, files))})
    if figures and len(found) > 1:
        _draw(out / f"{clip.name}.front.png", entries, replaced, f"Rectangles for the mask of {clip.name}")
    result = {"clip": clip.name, "mask": mask.name, "optics": optics, "replaced": replaced, "masks": entries}
    write_summary(out / f"{clip.name}.rectangles.json", command_line(), result)
    click.echo(json.dumps(result, indent=2) if as_json else front_text(entries, replaced))


def _draw(path: Path, entries: list[dict[str, Any]], replaced: dict[str, Any], title: str) -> None:
    """Writes the picture of the front."""
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.rectangles import rectangles_figure

    l2, pvb = "L2 (nm²)", "PVB (nm²)"
    counts, ours, bands = ([entry[key] for entry in entries] for key in ("rectangles", l2, pvb))
    mask = (replaced["rectangles"], replaced[l2], replaced[pvb])
    save_figure(rectangles_figure(counts, ours, bands, mask, title=title), path)
