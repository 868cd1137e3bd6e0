"""litho-dl profile: what exposure, bake and development leave of the resist."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import command_line, complete_names, json_option, out_option, own, report_option


@click.command()
@click.argument("recipe", shell_complete=complete_names("optics"))
@out_option
@click.option("--pitch", "pitch_nm", type=float, metavar="NM", help="Pitch of the lines.  [default: 0.7 lambda / NA]")
@click.option("--dose", type=float, default=1.0, show_default=True, help="Factor on the recipe's dose.")
@click.option(
    "--focus",
    "defocus_nm",
    type=float,
    default=0.0,
    show_default=True,
    metavar="NM",
    help="Distance of the resist's top from best focus.",
)
@report_option
@json_option
def profile(recipe: str, out: Path, pitch_nm: float | None, dose: float, defocus_nm: float, as_json: bool) -> None:
    """Show the profile of lines in the resist of RECIPE (a name or a .toml file), half a pitch wide as drawn.

    RECIPE has a film and a chemical resist with a table [resist.development]. Prints widths, the sidewall's angle and
    the loss at the top. Writes OUT/wall.csv, OUT/summary.json and the picture OUT/profile.png: the acid
    before the bake, and the profile with and without diffusion in the bake.
    """
    from litho_dl.process.recipe import load_recipe
    from litho_dl.runs import profile as runs

    study = runs.study_profile(load_recipe(recipe), pitch_nm=pitch_nm, dose=dose, defocus_nm=defocus_nm)
    own(out)
    title = f"{Path(recipe).name}: lines of pitch {study.pitch_nm:g} nm"
    summary = runs.write_profile(study, out, command_line(), {"optics": recipe}, title)
    click.echo(json.dumps(summary, indent=2) if as_json else runs.profile_text(summary))
