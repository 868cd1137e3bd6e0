"""litho-dl film: what the films on the wafer do to the light."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import command_line, complete_names, json_option, out_option, own, report_option


@click.command()
@click.argument("recipe", shell_complete=complete_names("optics"))
@out_option
@click.option(
    "--pitch",
    "pitch_nm",
    type=float,
    metavar="NM",
    help="Pitch of the lines in the bulk image.  [default: 0.7 lambda / NA]",
)
@report_option
@json_option
def film(recipe: str, out: Path, pitch_nm: float | None, as_json: bool) -> None:
    """Show the film stack of RECIPE (a name or a .toml file with a table [film]), in the light of its source.

    Prints the stack, its reflectivity, the swing of the dose with the resist's thickness, and the best thickness of the
    layer under the resist. Writes OUT/swing.csv, OUT/barc.csv, OUT/summary.json and the picture OUT/film.png, which has
    the standing wave and the bulk image of a line pattern too.
    """
    from litho_dl.process.recipe import load_recipe
    from litho_dl.runs import film as runs

    loaded = load_recipe(recipe)
    study = runs.study_film(loaded, pitch_nm=pitch_nm)
    own(out)
    title = f"{Path(recipe).name}: {len(loaded.film.layers) if loaded.film else 0} films"
    summary = runs.write_film(study, out, command_line(), {"optics": recipe}, title)
    click.echo(json.dumps(summary, indent=2) if as_json else runs.film_text(summary))
