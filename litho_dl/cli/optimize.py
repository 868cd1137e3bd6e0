"""litho-dl optimize: the masks of layouts, by ILT."""

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
    mask_file_options,
    mask_form_options,
    method_with,
    optics_option,
    out_option,
    report_option,
    rules_options,
    starts_option,
)
from litho_dl.cli.preparation import RunInput, prepared_run, read_clips, with_run_input
from litho_dl.core.errors import LithoError
from litho_dl.core.progress import progress_bar
from litho_dl.core.timing import PhaseTimer, process_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from litho_dl.layout.clips import Clip
    from litho_dl.layout.mask_file import MaskForm
    from litho_dl.runs.optimize import ClipSolution, ScoredMask
    from litho_dl.runs.pictures import Pictures

LARGEST_TOLERANCE_NM = 10.0


@click.command()
@click.argument("layouts", nargs=-1, required=True, metavar="LAYOUT...", type=click.Path(path_type=Path))
@optics_option
@click.option(
    "--method",
    required=True,
    metavar="NAME",
    shell_complete=complete_names("ilt"),
    help="An ILT method (see litho-dl recipes) or a .toml file.",
)
@starts_option
@out_option
@layout_options
@device_option
@click.option(
    "--init",
    "start_masks",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Start mask (image of the field, or polygons): one for each LAYOUT, in order, or a folder with "
    "NAME.mask.oas, .gds or .png for each.",
)
@mask_file_options
@click.option(
    "--curves",
    "curves_nm",
    type=float,
    metavar="NM",
    help="Write the masks as Bezier curves within this tolerance, also as OUT/NAME.mask.curves.json, and score them; "
    "default the method's, if it has one, as curvilinear.",
)
@rules_options
@mask_form_options(suffix=True)
@click.option("--shots", is_flag=True, help="Also write the rectangles of each mask's fracture (.csv and .oas).")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw a picture of every clip.")
@report_option
@json_option
@with_run_input
def optimize(
    run_input: RunInput,
    method: str,
    starts: int | None,
    out: Path,
    device: str,
    start_masks: tuple[Path, ...],
    mask_layer: str | None,
    mask_cell: str | None,
    curves_nm: float | None,
    rules: GivenRules,
    form: "MaskForm",
    shots: bool,
    figures: bool,
    as_json: bool,
) -> None:
    """Find the masks that print LAYOUT..., all as one batch, each centred on the field by its bounding box.

    Writes for each layout OUT/NAME.mask.png (the field at 1 nm, 255 = shapes, first row = lowest y), OUT/NAME.mask.oas
    (polygons in the layout's own coordinates, unit and cell: on layer 1/0 what overlaps a drawn feature, on 1/1 assist
    features) and the picture OUT/NAME.png; for the run OUT/scores.json and OUT/convergence.png and .csv;
    OUT/NAME.layers.oas holds target, mask, print and PV band as polygons on layers 1/0 to 4/0. A mask's shapes are
    openings, or absorber in a clear field (mask_field in OUT/scores.json). Ctrl-C after the first step stops early and
    writes the best masks found so far; a second one writes them without scores.

    With --init, only the method's last level is run, from the given masks.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.ilt.method import load_method
    from litho_dl.layout.file_pixel import MASK_FILE_PIXEL_NM, whole_factor
    from litho_dl.runs import files
    from litho_dl.runs.optimize import score_masks, solve
    from litho_dl.runs.pictures import Pictures
    from litho_dl.viz.drawing import drawing_process

    timer = PhaseTimer(process_seconds())
    if curves_nm is not None and not 0 < curves_nm <= LARGEST_TOLERANCE_NM:
        raise LithoError(f"Expected --curves above 0 and at most {LARGEST_TOLERANCE_NM:g} nm, got {curves_nm:g}.")
    if starts is not None and start_masks:
        raise click.UsageError("--init continues from one mask a clip; leave out --starts.")
    resolved, chosen = resolve_device(device), load_method(method).with_starts(starts)
    whole_factor(chosen.mask_nm, MASK_FILE_PIXEL_NM)  # refuse now a pixel on which masks could not be saved
    optics, clips = read_clips(run_input, {f"method {method}": chosen.field_step_nm})
    chosen = method_with(chosen, method, rules, optics.scale)
    pixel_nm, part = chosen.target_nm * optics.scale, (mask_layer, mask_cell, run_input.allow_missing)
    masks = _start_masks(start_masks, clips, pixel_nm, *part)
    run = prepared_run(optics, clips, out, resolved, rules)
    with drawing_process(figures) as call:
        pictures = Pictures(run.threshold, method, call) if figures else None
        timer.finish("start_seconds")
        with progress_bar(f"Optimising {len(clips)} clip{'s'[: len(clips) > 1]}") as advance:
            solution = solve(run.simulator, clips, chosen, advance, masks=masks)
        timer.finish("solve_seconds")
        if curves_nm is None and solution.outlines is not None:
            curves_nm = solution.outlines.curves_nm
        every = score_masks(run.simulator, clips, solution, run.protocol, curves_nm=curves_nm)
        results = _written(every, solution, out, pictures, form, shots, curves_nm, timer)
        settings = {**run_input.settings(), "method": method, "mask_rules": str(run.protocol.rules)}
        settings |= {"mask_field": optics.mask.field, **timer.seconds}
        record = files.write_run(out, command_line(), results, solution, settings, pictures)
        click.echo(json.dumps(results, indent=2) if as_json else _tables(results, curves_nm, shots))
    timer.finish("file_seconds")
    files.write_scores(out, command_line(), record | {"file_seconds": timer.seconds["file_seconds"]}, results)
    if not as_json:
        click.echo(_what_was_written(out, len(results), shots=shots, figures=figures))
    solution.require_finished()  # interrupted: for the exit code; the best masks so far are written


def _written(
    every: "Iterable[ScoredMask]",
    solution: "ClipSolution",
    out: Path,
    pictures: "Pictures | None",
    form: "MaskForm",
    shots: bool,
    curves_nm: float | None,
    timer: PhaseTimer,
) -> list[dict[str, Any]]:
    """Scores and writes one clip after the other; after Ctrl-C, the masks that are left, without scores."""
    from litho_dl.core.memory import release_memory
    from litho_dl.layout.saved_mask import save_mask
    from litho_dl.runs import files

    if solution.status == "interrupted":
        click.echo("Interrupted: scoring and writing the best masks so far; Ctrl-C again leaves scores out.", err=True)
    results: list[dict[str, Any]] = []
    try:
        for scored, diverged in zip(every, solution.diverged.tolist(), strict=True):
            timer.finish("scoring_seconds")
            written = files.write_clip(scored, out, pictures, form)
            if shots:
                written.update(files.write_fracture(scored, out, curves_nm))
            share = solution.seconds / len(solution.clips)
            results.append({**written, "diverged": diverged, "solve_seconds_per_clip": share})
            timer.finish("file_seconds")
            release_memory()  # which the next clip would not reuse whole, so that the peak would rise
    except KeyboardInterrupt:
        for clip, mask in list(zip(solution.clips, solution.mask, strict=True))[len(results) :]:
            save_mask(mask, solution.pixel_nm, clip, out, form=form)
        count, scores = len(solution.clips), len(results)
        click.echo(f"All {count} masks are in {out}; {scores} were scored, the others are along pixels.", err=True)
        raise
    return results


def _tables(results: list[dict[str, Any]], curves_nm: float | None, shots: bool) -> str:
    """The scores, and what curves cost, as text."""
    from litho_dl.runs import tables

    shown = [tables.score_table(results)]
    if curves_nm is not None:
        shown += [tables.curve_cost(results), *[tables.shot_kinds(curves_nm)] * shots]
    return "\n".join(shown)


def _what_was_written(out: Path, clips: int, *, shots: bool, figures: bool) -> str:
    """The files of a run as one line of text."""
    parts = [str(out / "scores.json"), f"{clips} mask{'s'[: clips > 1]}", *["shots"] * shots, *["pictures"] * figures]
    return f"Wrote {', '.join(parts[:-1])} and {parts[-1]}"


def _start_masks(
    given: tuple[Path, ...],
    clips: "list[Clip]",
    pixel_nm: float,
    layer: str | None,
    cell: str | None,
    allow_missing: bool,
) -> "list[Tensor] | None":
    """The start mask of each clip, on a pixel, if any are given; see `layout.clips.load_start_mask`."""
    from litho_dl.layout.clips import load_start_mask
    from litho_dl.runs.files import start_mask_files

    if not given:
        return None
    found = start_mask_files(given, [clip.name for clip in clips])
    return [
        load_start_mask(path, clip, pixel_nm, layer=layer, cell=cell, allow_missing=allow_missing)
        for path, clip in zip(found, clips, strict=True)
    ]
