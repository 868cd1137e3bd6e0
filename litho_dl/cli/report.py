"""litho-dl report: the results of a command as one HTML file."""

from pathlib import Path

import click


@click.command()
@click.argument(
    "run_dirs", metavar="RUN_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False)
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="The file to write; required for several RUN_DIRs.  [default: RUN_DIR/report.html]",
)
def report(run_dirs: tuple[Path, ...], out: Path | None) -> None:
    """Show the results of a command in RUN_DIR, or of several side by side, in one self-contained HTML file.

    It shows what the folder holds: settings, scores, clips with target, mask, print and PV band as layers, the worst
    sites, L2 against PVB, curves, tables, pictures and times. The option --report of the other commands does the same.
    Of several folders with scores of clips, the clips stand side by side, below a table of the means.

    Example: litho-dl report runs/fast runs/opc --out both.html
    """
    from litho_dl.report.page import write_report

    click.echo(write_report(run_dirs, out))
