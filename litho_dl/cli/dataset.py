"""litho-dl dataset: making, describing, checking and exporting data sets."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import (
    command_line,
    complete_names,
    device_option,
    is_remote,
    json_option,
    out_option,
    report_option,
    worker_options,
)
from litho_dl.core.errors import LithoError
from litho_dl.core.progress import progress_bar

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def dataset() -> None:
    """Make, check and export data sets of (target, mask) pairs."""


@dataset.command()
@click.argument("recipe", metavar="RECIPE", shell_complete=complete_names("dataset"))
@out_option
@worker_options
@device_option
@click.option("--seed", type=click.IntRange(0), help="Seed.  [default: the recipe's]")
@click.option("--scale", type=float, default=1.0, help="Factor on every number of generated clips.")
@report_option
@json_option
def build(
    recipe: str,
    out: Path,
    workers: int | None,
    scheduler: str | None,
    device: str,
    seed: int | None,
    scale: float,
    as_json: bool,
) -> None:
    """Make the pairs of RECIPE (see litho-dl recipes, or a .toml file) in a folder.

    The same command continues an interrupted build; it may be stopped or killed at any time. The files have the same
    bytes for any number of workers on the same kind of device; several GPUs are divided among the workers.
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.workers import default_workers
    from litho_dl.generators.recipe import fitting_recipes, fitting_text
    from litho_dl.pairs.build import build as build_dataset
    from litho_dl.pairs.progress import BuildReporter
    from litho_dl.pairs.recipe import load_dataset_recipe
    from litho_dl.pairs.summary import set_summary, set_text

    wanted = load_dataset_recipe(recipe).scaled(scale)
    fitting = fitting_text(wanted.pixel_nm)
    if not fitting_recipes(wanted.pixel_nm):
        click.echo(f"Warning: {fitting}.", err=True)
    if seed is not None:
        wanted = wanted.model_copy(update={"seed": seed})
    remote = is_remote(workers, scheduler)
    here = resolve_device("auto" if remote else device)
    with progress_bar("Making pairs", time_left=False) as advance:
        manifest = build_dataset(
            wanted,
            out,
            workers=workers or default_workers(here),
            scheduler=scheduler,
            device=device,
            on_progress=BuildReporter(advance),
        )
    text = f"{set_text(out, manifest)}\n  {fitting}"
    click.echo(json.dumps(set_summary(out, manifest), indent=2) if as_json else text)


@dataset.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", type=FOLDER, help="Draw OUT/pairs.png, ten pairs, and OUT/scores.png, histograms of the scores.")
@report_option
@json_option
def info(folder: Path, out: Path | None, as_json: bool) -> None:
    """Describe a data set: pairs, splits, scores, settings.

    --out may be the data set's own folder; --report then shows it with its pictures.
    """
    from litho_dl.generators.recipe import fitting_text
    from litho_dl.pairs.manifest import read_manifest
    from litho_dl.pairs.summary import set_summary, set_text
    from litho_dl.runs.summary import write_summary

    manifest = read_manifest(folder)
    figures = []
    if out is not None:
        from litho_dl.pairs.pictures import draw_pairs, draw_scores

        figures = [out / "pairs.png", out / "scores.png"]
        draw_pairs(figures[0], folder, manifest)
        draw_scores(figures[1], folder, manifest)
        write_summary(out / "summary.json", command_line(), set_summary(folder, manifest))
    if as_json:
        click.echo(json.dumps({**set_summary(folder, manifest), "figures": list(map(str, figures))}, indent=2))
    else:
        fitting = f"  {fitting_text(manifest.settings['recipe']['pixel_nm'])}"
        click.echo("\n".join([set_text(folder, manifest), fitting, *(f"Wrote {path}" for path in figures)]))


@dataset.command()
@click.argument("folder", type=FOLDER)
def verify(folder: Path) -> None:
    """Check every byte and every pair; print a line for each fault, and exit with 1 if there is any."""
    from litho_dl.pairs.manifest import read_manifest
    from litho_dl.pairs.verify import verify as verify_dataset

    with progress_bar("Checking shards") as advance:
        faults = verify_dataset(folder, lambda done, total: advance(done, total, ""))
    for fault in faults:
        click.echo(fault)
    if faults:
        raise LithoError(f"{folder}: {len(faults)} fault{'s'[: len(faults) > 1]}; see above.")
    manifest = read_manifest(folder)
    missing = f"; {len(manifest.missing)} shards are still to be made" if manifest.missing else ""
    click.echo(f"{folder}: {manifest.pairs} pairs in {len(manifest.shards)} shards are as they were written{missing}.")


@dataset.command()
@click.argument("folder", type=FOLDER)
@out_option
@click.option("--format", "kind", type=click.Choice(["png", "npz"]), required=True, help="Folders of PNG, or NPZ.")
def export(folder: Path, out: Path, kind: str) -> None:
    """Write the pairs as OUT/SPLIT/target/*.png and OUT/SPLIT/mask/*.png or OUT/SPLIT/*.npz, with a table pairs.csv."""
    from litho_dl.pairs.export import export_npz, export_png
    from litho_dl.pairs.manifest import read_manifest

    with progress_bar("Exporting shards") as advance:
        write = {"png": export_png, "npz": export_npz}[kind]
        pairs = write(folder, out, lambda done, total: advance(done, total, ""))
    missing = len(read_manifest(folder).missing)
    click.echo(f"Wrote {pairs} pairs to {out}" + (f"; {missing} shards are still to be made" if missing else ""))
