"""litho-dl tune: a search for settings."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import built, command_path, device_option, json_option, out_option, report_option, shipped


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
    from litho_dl.core.device import resolve_device
    from litho_dl.runs.summary import write_summary
    from litho_dl.simulation.simulator import Simulator
    from litho_dl.tuning.files import as_table, summarised
    from litho_dl.tuning.run import run_study
    from litho_dl.tuning.search import JOURNAL
    from litho_dl.tuning.study import load_study

    loaded = load_study(study, layouts)
    simulator = Simulator(built(loaded.optics)).to(resolve_device(device))
    try:
        found, validation = run_study(loaded, simulator, out, trials)
    except KeyboardInterrupt:
        if (out / JOURNAL).exists():
            click.echo(f"{out} keeps the trials that were done; the same command goes on from there.", err=True)
        raise
    summary = {"study": study, **summarised(found, validation, out)}
    write_summary(out / "summary.json", command_path(), summary)
    click.echo(json.dumps(summary, indent=2) if as_json else as_table(summary))
