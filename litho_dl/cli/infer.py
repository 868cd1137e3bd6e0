"""litho-dl infer: masks of layouts by a trained network."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.options import (
    GivenRules,
    command_line,
    complete_names,
    device_option,
    json_option,
    layout_options,
    mask_form_options,
    method_with,
    model_option,
    optics_option,
    out_option,
    report_option,
    rules_options,
    starts_option,
)
from litho_dl.cli.preparation import RunInput, loaded_network, prepared_run, read_clips, with_run_input
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    from litho_dl.generators.model import Generator
    from litho_dl.layout.mask_file import MaskForm
    from litho_dl.process.files import Optics


@click.command()
@click.argument("layouts", nargs=-1, required=True, metavar="LAYOUT...", type=click.Path(path_type=Path))
@model_option(required=False)
@optics_option
@out_option
@layout_options
@device_option
@click.option(
    "--refine", "steps", type=click.IntRange(1), metavar="STEPS", help="Optimise the network's masks in STEPS steps."
)
@click.option(
    "--method",
    default="fast",
    show_default=True,
    shell_complete=complete_names("ilt"),
    help="ILT method of --refine: its levels after the first, or from the middle of a first one of another kind.",
)
@starts_option
@rules_options
@mask_form_options(suffix=True)
@click.option("--turns", type=click.IntRange(1), metavar="N", help="Turns of a network for any optics.  [default: all]")
@click.option("--force", is_flag=True, help="Use a model even if it was trained for other optics.")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw a picture of every clip.")
@report_option
@json_option
@with_run_input
def infer(
    run_input: RunInput,
    model: str | None,
    out: Path,
    device: str,
    steps: int | None,
    method: str,
    starts: int | None,
    rules: GivenRules,
    form: "MaskForm",
    turns: int | None,
    force: bool,
    figures: bool,
    as_json: bool,
) -> None:
    """Predict the masks of LAYOUT... by a trained network, each layout centred on the field by its bounding box.

    Writes OUT/NAME.mask.png and .mask.oas, the picture OUT/NAME.png, and OUT/scores.json, as litho-dl optimize does.

    Without --model it takes, among the packaged networks for the optics, the one with the lowest L2 + PV band on its
    test pairs; for other optics, one that looks through any optics.

    Example: litho-dl infer clip.gds --optics iccad13-like --out masks --refine 20
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.generators.predict import predict, refine
    from litho_dl.ilt.method import load_method
    from litho_dl.layout.file_pixel import MASK_FILE_PIXEL_NM, whole_factor
    from litho_dl.runs import files
    from litho_dl.runs.optimize import score_masks
    from litho_dl.runs.pictures import Pictures, draw_convergence
    from litho_dl.runs.tables import score_table

    if starts is not None and steps is None:
        raise click.UsageError("--starts goes with --refine.")
    if force and model is None:
        raise click.UsageError("--force goes with --model.")
    resolved, chosen = resolve_device(device), load_method(method).with_starts(starts)
    optics, clips = read_clips(run_input, {} if steps is None else {f"method {method}": chosen.field_step_nm})
    if steps is not None:
        chosen = method_with(chosen, method, rules, optics.scale)
    generator, network_settings = _network(model, optics, force=force, turns=turns)
    # Refuse now a pixel on which masks could not be saved later.
    own_nm = chosen.mask_nm * optics.scale if steps is not None else generator.mask_pixel_nm
    whole_factor(own_nm, MASK_FILE_PIXEL_NM * optics.scale)
    run = prepared_run(optics, clips, out, resolved, rules)
    prediction, solution = predict(generator, clips, resolved), None
    title = generator.card.recipe.network
    settings = {**run_input.settings(), **network_settings, "mask_rules": str(run.protocol.rules)}
    settings |= {"mask_field": optics.mask.field, "network_seconds": prediction.seconds}
    if steps is not None:
        with progress_bar(f"Refining {len(clips)} clip{'s'[: len(clips) > 1]}") as advance:
            solution = refine(run.simulator, prediction, clips, chosen, steps, advance)
        settings |= {"method": method, "status": solution.status, "solve_seconds": solution.seconds}
        title += f", {steps} steps of {method}"
    masks = score_masks(run.simulator, clips, solution or prediction, run.protocol)
    seconds = {name: value for name, value in settings.items() if name.endswith("_seconds")}
    pictures = Pictures(run.threshold, title) if figures else None
    results = files.write_masks(masks, out, pictures, seconds, form)
    if solution is not None:
        files.warn_of_divergence(solution, [clip.name for clip in clips])
        both = zip(results, solution.diverged.tolist(), strict=True)
        results = [{**result, "diverged": diverged} for result, diverged in both]
    files.write_scores(out, command_line(), settings, results)
    if figures and solution is not None:
        draw_convergence(out / "convergence.png", solution, f"Convergence, {title}")
    click.echo(json.dumps(results, indent=2) if as_json else score_table(results))
    if solution is not None:
        solution.require_finished()  # interrupted: for the exit code; the best masks so far are written


def _network(
    model: str | None, optics: "Optics", *, force: bool, turns: int | None
) -> "tuple[Generator, dict[str, Any]]":
    """The network, and what a run's summary says of it; tells which is the best one, if none is named."""
    from litho_dl.core.grid import require_steps
    from litho_dl.generators.model import field_step_nm
    from litho_dl.generators.ranking import ranked_networks, ranking_text

    choice = None
    if model is None:
        ranked = ranked_networks(optics)
        model, choice = ranked[0].name, ranking_text(ranked)
    require_steps(optics.field_nm, field_step_nm(model, optics.scale), f"network {model}")
    generator = loaded_network(model, optics, force=force, turns=turns)
    settings = {"model": model, "network": generator.card.recipe.network, "trained_for": generator.card.optics.name}
    if choice is not None:
        click.echo(f"Network: {model}, {choice}.", err=True)
        settings["model_choice"] = choice
    return generator, settings
