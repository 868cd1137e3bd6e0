"""A study from end to end: its trials, and its front beside the start on held-out clips, to results/tuning.*.

`python scripts/tune.py`; trials that are in --folder already are not run again.
"""

import os
import platform
from pathlib import Path

import click
import torch
from suites import ROOT

from litho_dl.core.device import resolve_device
from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.simulation.simulator import Simulator
from litho_dl.tuning.files import score_columns
from litho_dl.tuning.pictures import draw_front
from litho_dl.tuning.run import run_study
from litho_dl.tuning.study import Study, load_study
from litho_dl.tuning.trial import Score, StudyResult, Trial

TITLES = ("trial", "tuned", "L2", "PVB", "L2 + PVB", "EPE", "s a clip", "area", "time")
TEXT = """# Tuning

`{command}` made this on {cores} CPU cores ({machine}, {device}), torch {torch}, by `{name}`: {description}. {trials}
trials, {failed} of which failed, each with all {clips} clips as one batch; optics `{optics}`. L2 + PVB in nm² and
seconds of the solver, both per clip, are what the search brings down; below are the trials that no other beats in both,
fastest first, and the one that it began with, `{method}` as it is.

`tuned` is L2 + PVB on the clips of the search. All other values are of {held_out} clips that it has not seen, timed
one method after the other in {rounds} rounds, medians; `area` and `time` are against the start's L2 + PVB and seconds.
Every trial, with its settings: [tuning.csv](tuning.csv).

{front}

What they changed:

{settings}

![Trials and front](tuning.png)
"""


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Markdown; the first column to the left."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown_trials(found: StudyResult) -> list[Trial]:
    """The front and the start, fastest first."""
    listed = {trial.number: trial for trial in (*found.front, found.start) if trial is not None}
    return sorted(listed.values(), key=lambda trial: trial.score.seconds)


def front_table(found: StudyResult, validation: dict[int, Score]) -> str:
    """Scores on the held-out clips."""
    begun = None if found.start is None else validation[found.start.number]
    rows = []
    for trial in shown_trials(found):
        score = validation[trial.number]
        areas = (trial.score.quality_nm2, score.l2_nm2, score.pvb_nm2, score.quality_nm2)
        against = ["-", "-"]
        if begun is not None:
            against = [f"{score.quality_nm2 / begun.quality_nm2 - 1:+.1%}", f"{score.seconds / begun.seconds:.2f}"]
        cells = [*(f"{area:,.0f}" for area in areas), f"{score.epe_violations:.2f}", f"{score.seconds:.3f}", *against]
        rows.append([name(trial, found), *cells])
    return table(list(TITLES), rows)


def settings_table(study: Study, found: StudyResult) -> str:
    """A column a trial, a row a setting."""
    trials = shown_trials(found)
    rows = [[f"`{path}`", *(f"{trial.values[path]}" for trial in trials)] for path in study.space]
    return table(["setting", *(name(trial, found) for trial in trials)], rows)


def name(trial: Trial, found: StudyResult) -> str:
    """A trial's number; the start's in bold."""
    return f"**start** ({trial.number})" if trial == found.start else str(trial.number)


@click.command()
@click.option("--study", "study_name", default="fast-front", show_default=True)
@click.option("--trials", type=click.IntRange(1), default=40, show_default=True)
@click.option("--layouts", type=click.Path(path_type=Path), default=ROOT / "layouts", help="The repository's.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("runs/tune"), show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(study_name: str, trials: int, layouts: Path, folder: Path, device: str, out: Path) -> None:
    """Run a study and measure its front."""
    keep_memory()
    require_writable_folder(out)
    study, own = load_study(study_name, layouts), resolve_device(device)
    found, validation = run_study(study, Simulator(study.optics.process()).to(own), folder, trials)
    rows = [{"trial": t.number, **score_columns(t.score), "failure": t.failure or "", **t.values} for t in found.trials]
    write_csv(out / "tuning.csv", rows)
    draw_front(out / "tuning.png", study, found, validation)
    facts = {
        "command": f"python scripts/tune.py --study {study_name} --trials {trials}",
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "device": own.type,
        "torch": torch.__version__,
        "name": study.name,
        "description": study.recipe.description,
        "trials": len(found.trials),
        "failed": sum(trial.score is None for trial in found.trials),
        "clips": len(study.clips),
        "held_out": len(study.validation),
        "optics": study.recipe.optics,
        "method": study.recipe.method,
        "rounds": study.recipe.rounds,
    }
    text = TEXT.format(**facts, front=front_table(found, validation), settings=settings_table(study, found))
    write_text(out / "tuning.md", text)
    click.echo(front_table(found, validation))


if __name__ == "__main__":
    main()
