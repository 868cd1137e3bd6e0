"""litho-dl tune: a search for settings."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.options import (
    built,
    device_option,
    json_option,
    out_option,
    report_option,
    shipped,
    write_summary,
)
from litho_dl.core.progress import progress_bar

if TYPE_CHECKING:
    from litho_dl.tuning.run import Found
    from litho_dl.tuning.study import Study
    from litho_dl.tuning.trial import Score

Scores = dict[int, "Score"]  # by the trials' numbers


@click.command()
@click.argument("study", shell_complete=shipped("studies"))
@out_option
@click.option("--trials", type=click.IntRange(1), required=True, help="How many in all, earlier runs included.")
@click.option(
    "--layouts",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where the study's layouts are. Default: beside its file; of a study that ships, ./layouts.",
)
@device_option
@report_option
@json_option
def tune(study: str, out: Path, trials: int, layouts: Path | None, device: str, as_json: bool) -> None:
    """Search for the settings of an ILT method by STUDY (see litho-dl recipes, or a .toml file).

    Two things count: L2 + PV band, and seconds a clip. The first trial is the method as it is. Again after any end: it
    goes on, until --trials are done. Several processes may work in one folder; that they slow each other counts too.

    Writes OUT/trials.csv; of the trials that none beats OUT/front.csv, OUT/front/NN.toml, for --method, and the picture
    OUT/front.png, with their scores on clips that the search has not seen; OUT/summary.json; and the journal
    OUT/journal.log.

    Example: litho-dl tune fast-front --out runs/tune --trials 40
    """
    from litho_dl.tuning.study import load_study

    found, validation = run(load_study(study, layouts), out, trials, device)
    summary = {
        "study": study,
        "trials": len(found.trials),
        "failed": sum(trial.score is None for trial in found.trials),
        "start": found.start and found.start.number,
        "front": rows(found, validation, out),
    }
    write_summary(out / "summary.json", summary)
    click.echo(json.dumps(summary, indent=2) if as_json else as_table(summary))


def run(study: "Study", out: Path, trials: int, device: str) -> "tuple[Found, Scores]":
    """Runs a study and writes what came of it; the scores on held-out clips are by the trials' numbers."""
    from litho_dl.core.device import resolve_device
    from litho_dl.tuning.files import write_front
    from litho_dl.tuning.run import run_trials, validated
    from litho_dl.tuning.search import JOURNAL

    own, process = resolve_device(device), built(study.optics)
    try:
        with progress_bar(f"Tuning {study.recipe.method}") as advance:
            found = run_trials(study, process, out, trials, device=own, advance=advance)
        with progress_bar("Measuring the front on held-out clips") as advance:
            validation = validated(
                study, process, found, device=own, advance=lambda done, total: advance(done, total, "")
            )
    except KeyboardInterrupt:
        if (out / JOURNAL).exists():
            click.echo(f"{out} keeps the trials that were done; the same command goes on from there.", err=True)
        raise
    write_front(out, study, found.front, validation)
    draw(out / "front.png", study, found, validation)
    return found, validation


def draw(path: Path, study: "Study", found: "Found", validation: Scores) -> None:
    """All trials on the study's clips, and the front on the others."""
    from litho_dl.viz.figure import save_figure
    from litho_dl.viz.tuning import tuning_figure

    seen = {trial.number: trial.score for trial in found.trials if trial.score is not None}
    panels = {
        f"clips tuned on ({len(study.clips)})": points(seen),
        f"held-out clips ({len(study.validation)})": points(validation),
    }
    best = {str(trial.number) for trial in found.front}
    start = None if found.start is None else str(found.start.number)
    title = f"{study.name}: {len(found.trials)} trials from {study.recipe.method}"
    save_figure(tuning_figure(panels, best, start, title=title), path)


def points(scores: Scores) -> dict[str, tuple[float, float]]:
    """Seconds a clip and nm^2, for the picture."""
    return {str(number): (score.seconds, score.quality_nm2) for number, score in scores.items()}


def rows(found: "Found", validation: Scores, out: Path) -> list[dict[str, Any]]:
    """The start and the front, fastest first: figures on both suites, and the method file."""
    from litho_dl.tuning.files import figures, method_file

    listed = {trial.number: trial for trial in (found.start, *found.front) if trial is not None}
    best = {trial.number for trial in found.front}
    return [
        {
            "trial": number,
            **figures(trial.score),
            **figures(validation[number], "validation_"),
            "method": str(method_file(out, number)) if number in best else None,
        }
        for number, trial in listed.items()
    ]


def as_table(summary: dict[str, Any]) -> str:
    """The same as text: L2 + PV band and seconds a clip, on both suites."""
    failed = f", {summary['failed']} failed" if summary["failed"] else ""
    lines = [
        f"{summary['study']}: {summary['trials']} trials{failed}",
        f"{'':>5}{'tuned':>18}{'held out':>18}",
        f"{'trial':>5}{'nm²':>10}{'s':>8}{'nm²':>10}{'s':>8}",
    ]
    for row in summary["front"]:
        note = "start" if row["trial"] == summary["start"] else ""
        figures = (row["quality_nm2"], row["seconds"], row["validation_quality_nm2"], row["validation_seconds"])
        numbers = "".join(f"{value:{text}}" for value, text in zip(figures, ("10,.0f", "8.3f") * 2, strict=True))
        lines.append(f"{row['trial']:>5}{numbers}  {row['method'] or ''} {note}".rstrip())
    return "\n".join(lines)
