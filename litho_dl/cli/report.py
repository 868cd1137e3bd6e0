"""litho-dl report: the results of a command as one HTML file."""

from pathlib import Path

import click


@click.command()
@click.argument("run_dir", metavar="RUN_DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="The file to write.  [default: RUN_DIR/report.html]",
)
def report(run_dir: Path, out: Path | None) -> None:
    """Show the results of a command in RUN_DIR in one self-contained HTML file.

    It shows what the folder holds: settings, scores, clips with target, mask, print and PV band as layers, the worst
    sites, L2 against PVB, curves, tables, pictures and times. The option --report of the other commands does the same.

    Example: litho-dl report runs/fast --out fast.html
    """
    from litho_dl.report.page import write_report

    click.echo(write_report(run_dir, out))
