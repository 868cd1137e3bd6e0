"""litho-dl fullchip: the mask of a whole layout, tile by tile."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from litho_dl.cli.options import (
    GivenRules,
    built,
    command_line,
    complete_names,
    device_option,
    is_remote,
    json_option,
    layout_options,
    mask_form_options,
    method_with,
    own,
    report_on,
    rules_options,
    starts_option,
    worker_options,
)
from litho_dl.cli.preparation import loaded_network
from litho_dl.core.errors import LithoError
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    from litho_dl.fullchip.job import Job
    from litho_dl.fullchip.run import ChipRun
    from litho_dl.layout.mask_file import MaskForm

GPU_BATCH = 8  # tiles


@click.command()
@click.argument("layout", metavar="LAYOUT", type=click.Path(path_type=Path))
@click.option(
    "--optics",
    required=True,
    metavar="RECIPE_OR_KERNELS",
    help="As for optimize.",
    shell_complete=complete_names("optics"),
)
@click.option("--method", metavar="NAME", help="An ILT method, or a .toml file.", shell_complete=complete_names("ilt"))
@click.option(
    "--model",
    metavar="NAME_OR_FILE",
    help="A trained network, in place of --method.",
    shell_complete=complete_names("models"),
)
@click.option("--refine", "steps", type=click.IntRange(1), metavar="STEPS", help="Steps of --method after --model.")
@click.option("--turns", type=click.IntRange(1), metavar="N", help="As for infer.")
@starts_option
@click.option("--force", is_flag=True, help="Use a model even if it was trained for other optics.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The mask file to write, .oas or .gds.",
)
@layout_options
@mask_form_options(suffix=False)
@click.option(
    "--tile",
    "core_nm",
    type=float,
    metavar="NM",
    help="Side of a tile's core, a multiple of 512; for an array, best its pitch.",
)
@click.option(
    "--passes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="From the second pass on, tiles continue from their masks, surrounded by those of their neighbours.",
)
@click.option(
    "--batch",
    type=click.IntRange(1),
    metavar="TILES",
    help="Number of tiles solved together. Default: 8 on a local GPU, otherwise 1.",
)
@click.option(
    "--tolerance",
    type=float,
    help="Largest r.m.s. change of the image in a tile's core by features beyond its halo; a clear mask is 1.  "
    "[default: 0.0001]",
)
@rules_options
@worker_options
@device_option
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw the chip and its worst places.")
@report_on(lambda options: run_folder(options["out"]))
@json_option
def fullchip(
    layout: Path,
    optics: str,
    method: str | None,
    model: str | None,
    steps: int | None,
    turns: int | None,
    starts: int | None,
    force: bool,
    out: Path,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    allow_missing: bool,
    form: "MaskForm",
    core_nm: float | None,
    passes: int,
    batch: int | None,
    tolerance: float | None,
    rules: GivenRules,
    workers: int | None,
    scheduler: str | None,
    device: str,
    figures: bool,
    as_json: bool,
) -> None:
    """Find the mask of a whole LAYOUT, tile by tile, as one file of polygons in the layout's own coordinates.

    Beside the mask NAME.oas, the folder NAME.fullchip holds the finished tiles, scores.json, seams.csv, hotspots.csv,
    hotspots.oas (a box at each of the worst places), and pictures. The same command continues an interrupted run; the
    mask has the same bytes for any number of workers. With --window, only the mask of a part of the layout is made, in
    the context of the rest.

    Example: litho-dl fullchip chip.gds --layer 11/0 --optics iccad13-like --method fast --out mask.oas
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.workers import default_workers
    from litho_dl.fullchip.chip_score import chip_score, chip_sites
    from litho_dl.fullchip.pictures import draw_chip, draw_spots, write_tables
    from litho_dl.fullchip.summary import run_summary, run_text
    from litho_dl.layout.gds import GDS_SUFFIXES
    from litho_dl.runs.files import note_of_unit
    from litho_dl.runs.summary import write_summary

    if not out.name.lower().endswith(GDS_SUFFIXES):
        raise LithoError(f"{out}: expected --out to end in .oas or .gds, got {out.suffix or 'no suffix'}.")
    remote = is_remote(workers, scheduler)
    here = resolve_device("auto" if remote else device)
    batch = batch or (GPU_BATCH if here.type == "cuda" and not remote else 1)
    masks, part = (method, model, steps, turns, starts, force), (layer, cell, window_nm, allow_missing)
    job = _job(layout, optics, *masks, *part, core_nm, passes, batch, tolerance, rules)
    folder = run_folder(out)
    own(folder)
    kind = here.type if device == "auto" and not remote else device
    run = _made(job, folder, out, workers=workers or default_workers(here), scheduler=scheduler, device=kind, form=form)
    note_of_unit(out, run.unit_nm, job.chip.unit_nm)
    scores, sites = list(run.scores.values()), chip_sites(run.scores.values(), run.plan.tiling)
    result = run_summary(out, run, chip_score(scores, run.plan.tiling))
    write_tables(folder, run, sites)
    write_summary(folder / "scores.json", command_line(), result)
    if figures:
        draw_chip(folder / "chip.png", run.plan.tiling, sites, run.plan.labels["layout"])
        draw_spots(folder, run, sites)
    click.echo(json.dumps(result, indent=2) if as_json else run_text(result))


def run_folder(out: Path) -> Path:
    """The folder of a mask's tiles and scores: `mask.oas` -> `mask.fullchip`."""
    from litho_dl.layout.clips import file_stem

    return out.with_name(f"{file_stem(out)}.fullchip")


def _job(
    layout: Path,
    optics: str,
    method: str | None,
    model: str | None,
    steps: int | None,
    turns: int | None,
    starts: int | None,
    force: bool,
    layer: str | None,
    cell: str | None,
    window_nm: tuple[float, float, float, float] | None,
    allow_missing: bool,
    core_nm: float | None,
    passes: int,
    batch: int,
    tolerance: float | None,
    rules: GivenRules,
) -> "Job":
    """Reads and checks all input, before anything is written."""
    from litho_dl.fullchip.chip import Chip
    from litho_dl.fullchip.halo import TOLERANCE
    from litho_dl.fullchip.job import Job
    from litho_dl.ilt.method import load_method
    from litho_dl.process.files import read_optics
    from litho_dl.scoring.protocol import PROTOCOLS, RULES, default_protocol

    if model is None and (method is None or steps is not None):
        raise click.UsageError("Give --method, or --model, or --model with --refine STEPS of --method (default: fast).")
    if turns is not None and model is None:
        raise click.UsageError("--turns goes with --model.")
    if model is not None and steps is None and method is not None:
        raise click.UsageError("--model with --method needs --refine STEPS.")
    name = "fast" if method is None and steps is not None else method
    if starts is not None and name is None:
        raise click.UsageError("--starts goes with --method or --refine.")
    read = read_optics(optics)
    chosen = None if name is None else method_with(load_method(name).with_starts(starts), name, rules, read.scale)
    PROTOCOLS["default"].scaled(read.scale).require(read.field_nm, read.mask)
    generator = None if model is None else loaded_network(model, read, force=force, turns=turns)
    chip = Chip.read(layout, layer=layer, cell=cell, window_nm=window_nm, allow_missing=allow_missing)
    process = built(read)
    default_protocol(process)
    labels = {"layout": layout.name, "layer": layer, "cell": cell, "optics": optics, "method": name, "model": model}
    labels |= {"mask_field": read.mask.field}
    reach = TOLERANCE if tolerance is None else tolerance
    counted = rules.at(read.scale) or RULES.scaled(read.scale)
    return Job(chip, process, chosen, generator, steps, passes, batch, window_nm, core_nm, reach, labels, counted)


def _made(
    job: "Job", folder: Path, out: Path, *, workers: int, scheduler: str | None, device: str, form: "MaskForm"
) -> "ChipRun":
    """Runs the job with a progress bar; prints how to continue if it is interrupted."""
    from litho_dl.fullchip.plan import PLAN
    from litho_dl.fullchip.run import run_fullchip
    from litho_dl.fullchip.tasks import Progress

    try:
        with progress_bar("Tiles") as advance:

            def shown(progress: Progress) -> None:
                counts = f"{progress.solved} solved, {progress.scored} scored"
                advance(progress.solved + progress.scored, progress.to_solve + progress.to_score, counts)

            return run_fullchip(
                job,
                folder,
                out,
                workers=workers,
                scheduler=scheduler,
                device=device,
                form=form,
                on_progress=shown,
            )
    except KeyboardInterrupt:
        if (folder / PLAN).exists():
            click.echo(f"{folder} keeps the finished tiles; the same command continues from there.", err=True)
        raise
