"""litho-dl tune: a search for the settings of an ILT method."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import (
    built,
    command_line,
    complete_names,
    device_option,
    json_option,
    out_option,
    report_option,
)


@click.command()
@click.argument("study", shell_complete=complete_names("studies"))
@out_option
@click.option(
    "--trials", type=click.IntRange(1), required=True, help="Number of trials in all, including those of earlier runs."
)
@click.option(
    "--layouts",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the study's layouts. Default: beside its file; for a packaged study, ./layouts.",
)
@device_option
@report_option
@json_option
def tune(study: str, out: Path, trials: int, layouts: Path | None, device: str, as_json: bool) -> None:
    """Search for the settings of an ILT method by STUDY (see litho-dl recipes, or a .toml file).

    Minimises two values: L2 + PV band, and seconds a clip. The first trial is the unchanged method. The same command
    continues an interrupted search until --trials are done. Several processes may search in one folder; they slow each
    other down, and the measured times include that.

    Writes OUT/trials.csv; for the Pareto front OUT/front.csv, the methods OUT/front/NN.toml (for --method) and the
    picture OUT/front.png, with their scores on validation clips; OUT/summary.json; and OUT/journal.log.

    Example: litho-dl tune fast-front --out runs/tune --trials 40
    """
    from litho_dl.core.device import resolve_device
    from litho_dl.core.grid import require_steps
    from litho_dl.runs.border import warn_of_border
    from litho_dl.runs.summary import write_summary
    from litho_dl.simulation.simulator import Simulator
    from litho_dl.tuning.files import study_folder, study_summary, study_text
    from litho_dl.tuning.journal import JOURNAL
    from litho_dl.tuning.run import run_study
    from litho_dl.tuning.study import load_study

    loaded = load_study(study, layouts)
    require_steps(
        loaded.optics.field_nm, loaded.start.field_step_nm * loaded.optics.scale, f"method {loaded.recipe.method}"
    )
    chosen = resolve_device(device)
    process = built(loaded.optics)
    warn_of_border(process, [clip.placed for clip in loaded.clips], optimised=True)
    simulator = Simulator(process).to(chosen)
    click.get_current_context().with_resource(study_folder(out))
    try:
        found, validation = run_study(loaded, simulator, out, trials)
    except KeyboardInterrupt:
        if (out / JOURNAL).exists():
            click.echo(f"{out} keeps the finished trials; the same command continues from there.", err=True)
        raise
    summary = {"study": study, **study_summary(found, validation, out)}
    write_summary(out / "summary.json", command_line(), summary)
    click.echo(json.dumps(summary, indent=2) if as_json else study_text(summary))
