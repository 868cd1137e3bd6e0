"""litho-dl infer: layouts in, a network's masks out."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.options import (
    built,
    device_option,
    json_option,
    layout_options,
    model_option,
    optics_option,
    out_option,
    report_option,
    shipped,
)
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    import torch

    from litho_dl.generators.predict import Prediction
    from litho_dl.ilt.method import Method
    from litho_dl.ilt.solve import Solution
    from litho_dl.layout.clips import Clip
    from litho_dl.process.model import ProcessModel
    from litho_dl.runs.optimize import Optimized


@click.command()
@click.argument("layouts", nargs=-1, required=True, metavar="LAYOUT...", type=click.Path(path_type=Path))
@model_option
@optics_option
@out_option
@layout_options
@device_option
@click.option("--refine", "steps", type=click.IntRange(1), metavar="STEPS", help="Optimise the network's masks.")
@click.option(
    "--method",
    default="fast",
    show_default=True,
    shell_complete=shipped("ilt"),
    help="What --refine runs, from the middle of its first level on.",
)
@click.option("--force", is_flag=True, help="Use a model that was trained for other optics.")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw a picture of every clip.")
@report_option
@json_option
def infer(
    layouts: tuple[Path, ...],
    model: str,
    optics: str,
    field_nm: float | None,
    out: Path,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    device: str,
    steps: int | None,
    method: str,
    force: bool,
    figures: bool,
    as_json: bool,
) -> None:
    """Draw the masks of LAYOUT... by a trained network, each centred on the field by its bounding box.

    Writes what litho-dl optimize does: OUT/NAME.mask.png and .mask.oas, the picture OUT/NAME.png, and OUT/scores.json.

    Example: litho-dl infer clip.gds --model runs/unet/model.safetensors --optics iccad13-like --out masks --refine 20
    """
    from litho_dl.cli.optimize import layout_settings, require_distinct, score_table, tell_cuts
    from litho_dl.core.device import resolve_device
    from litho_dl.core.io import require_writable_folder
    from litho_dl.generators.model import load_generator
    from litho_dl.generators.predict import predict
    from litho_dl.ilt.method import load_method
    from litho_dl.layout.clips import MASK_FILE_PIXEL_NM, load_clip, whole_factor
    from litho_dl.process.files import read_optics
    from litho_dl.runs.optimize import default_protocol, scored

    resolved, chosen = resolve_device(device), load_method(method)
    read = read_optics(optics, field_nm=field_nm)
    clips = [load_clip(path, read.field_nm, layer=layer, cell=cell, window_nm=window_nm) for path in layouts]
    require_distinct([clip.name for clip in clips])
    tell_cuts(clips, window_nm)
    process = built(read)
    generator = load_generator(model, process, force=force)
    card = generator.card
    # refuse now what could not be saved later
    whole_factor(card.recipe.written_nm if steps is None else chosen.mask_nm, MASK_FILE_PIXEL_NM)
    protocol = default_protocol(process)
    require_writable_folder(out)
    prediction = predict(generator, clips, resolved)
    run = {**layout_settings(layouts, layer, cell, window_nm), "optics": optics, "model": model}
    run |= {"network": card.recipe.network, "trained_for": card.optics.name, "network_seconds": prediction.seconds}
    title, solution = card.recipe.network, None
    if steps is not None:
        solution = refined(prediction, clips, process, chosen, steps, resolved)
        run |= {"method": method, "status": solution.status, "solve_seconds": solution.seconds}
        title += f", {steps} steps of {method}"
    masks = scored(clips, solution or prediction, process, protocol)
    results = write_masks(out, masks, process, run, title, solution, figures=figures)
    click.echo(json.dumps(results, indent=2) if as_json else score_table(results))
    if solution is not None:
        solution.require_finished()  # for the exit code: the best masks so far are written


def refined(
    prediction: "Prediction",
    clips: Sequence["Clip"],
    process: "ProcessModel",
    method: "Method",
    steps: int,
    device: "torch.device",
) -> "Solution":
    """The network's masks after some steps of the method, with a bar."""
    from litho_dl.generators.predict import refine
    from litho_dl.simulation.simulator import Simulator

    with progress_bar(f"Refining {len(clips)} clip{'s'[: len(clips) > 1]}") as advance:
        return refine(prediction, clips, Simulator(process).to(device), method, steps, advance)


def write_masks(
    out: Path,
    masks: Iterable["Optimized"],
    process: "ProcessModel",
    run: dict[str, Any],
    title: str,
    solution: "Solution | None",
    *,
    figures: bool,
) -> list[dict[str, Any]]:
    """Writes each clip's files, scores.json and, if asked for, pictures; returns the clips' results."""
    from litho_dl.cli.optimize import write_clip, write_scores
    from litho_dl.runs.pictures import draw_convergence

    results = [write_clip(optimized, process, out, title if figures else None) for optimized in masks]
    seconds = {name: value / len(results) for name, value in run.items() if name.endswith("_seconds")}
    results = [{**result, **{f"{name}_per_clip": value for name, value in seconds.items()}} for result in results]
    write_scores(out, run, results)
    if figures and solution is not None:
        draw_convergence(out / "convergence.png", solution, f"Convergence, {title}")
    return results
