"""litho-dl smo: source-mask optimisation."""

import json
from pathlib import Path
from typing import Any

import click

from litho_dl.cli.options import (
    built,
    command_line,
    complete_names,
    device_option,
    json_option,
    layout_options,
    optics_option,
    out_option,
    own,
    report_option,
    stacked,
)
from litho_dl.cli.preparation import RunInput, read_clips, with_run_input
from litho_dl.core.progress import progress_bar

source_options = stacked(
    click.option(
        "--samples",
        type=click.IntRange(5, 101),
        default=21,
        show_default=True,
        help="Pixels of the source map on a side.",
    ),
    click.option(
        "--symmetry",
        type=click.Choice(["xy", "none"]),
        default="xy",
        show_default=True,
        help="xy: the source is mirrored in both axes.",
    ),
    click.option(
        "--fill",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.15,
        show_default=True,
        help="Least pupil fill.",
    ),
)


@click.command()
@click.argument("layouts", nargs=-1, required=True, metavar="LAYOUT...", type=click.Path(path_type=Path))
@optics_option
@click.option(
    "--method",
    required=True,
    metavar="NAME",
    shell_complete=complete_names("ilt"),
    help="An ILT method with a source_learning_rate: smo, or a .toml file.",
)
@click.option(
    "--mask-method",
    metavar="NAME",
    shell_complete=complete_names("ilt"),
    help="The ILT method of the final masks. Default: --method.",
)
@source_options
@out_option
@layout_options
@device_option
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw the sources and every clip.")
@report_option
@json_option
@with_run_input
def smo(
    run_input: RunInput,
    method: str,
    mask_method: str | None,
    out: Path,
    device: str,
    figures: bool,
    as_json: bool,
    **source: Any,
) -> None:
    """Optimise one source for LAYOUT... together with their masks, starting from the source of the recipe.

    Then optimises the masks again with each of two fixed sources, the optimised one and the recipe's, and scores both.

    Writes OUT/source.npy (the source's pixel map), OUT/recipe.toml (the recipe with it, for --optics),
    OUT/source.png (before and after), OUT/convergence.png, OUT/smo.json, and for each layout the mask of the optimised
    source as litho-dl optimize does. Ctrl-C stops early and writes the source, or the masks, found so far.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.grid import common_multiple_nm
    from litho_dl.layout.file_pixel import MASK_FILE_PIXEL_NM, whole_factor
    from litho_dl.process.files import read_optics
    from litho_dl.process.freeform import save_freeform
    from litho_dl.runs import files
    from litho_dl.runs import smo as runs
    from litho_dl.runs.border import warn_of_border
    from litho_dl.runs.optimize import solve
    from litho_dl.runs.summary import write_summary

    resolved, joint, fixed = resolve_device(device), *runs.load_methods(method, mask_method)
    whole_factor(fixed.mask_nm, MASK_FILE_PIXEL_NM)
    step_nm = common_multiple_nm(joint.field_step_nm, fixed.field_step_nm)
    optics, clips = read_clips(run_input, {f"method {method}": step_nm})
    process = built(optics)
    simulator = runs.trainable_source(process, **source).to(resolved)
    own(out)
    warn_of_border(process, [clip.placed for clip in clips], optimised=True)
    with progress_bar("Optimising the source") as advance:
        solution = solve(simulator, clips, joint, advance)
    assert process.recipe is not None
    recipe = save_freeform(out, process.recipe, simulator.source_map(), field_nm=process.field_nm[0])
    if figures:
        runs.draw_sources(out, process, simulator, solution, method)
    run = {
        **{"optics": run_input.optics, "mask_field": process.mask.field, "method": method},
        "mask_method": mask_method or method,
        **{**source, "recipe": str(recipe)},
        **{"pupil_fill": simulator.fill(), "source_seconds": solution.seconds, "status": solution.status, "clips": []},
    }
    files.warn_of_divergence(solution, [clip.name for clip in clips])
    if solution.status != "interrupted":
        both = {"optimised": built(read_optics(recipe)), "recipe": process}
        run |= runs.compare(clips, both, fixed, resolved, out, (mask_method or method) if figures else None)
    write_summary(out / "smo.json", command_line(), run)
    if as_json:
        click.echo(json.dumps(run, indent=2))
    elif run["clips"]:
        click.echo(runs.source_table(run["clips"]))
        click.echo(f"Source: {run['recipe']} (pupil fill {run['pupil_fill']:.0%})")
    if run["status"] == "interrupted":
        raise KeyboardInterrupt
