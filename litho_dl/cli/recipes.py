"""litho-dl recipes: the recipes and models that ship with the package."""

import json
from collections.abc import Mapping

import click

from litho_dl.cli.options import complete_names, json_option
from litho_dl.core.errors import RecipeError
from litho_dl.core.settings import Kind, packaged_names, packaged_text, read_toml, suggestion
from litho_dl.generators.weights import packaged_models

KINDS: tuple[Kind, ...] = ("optics", "ilt", "rules", "dataset", "mnist", "generators", "studies", "stacks")
HEADINGS: dict[Kind, str] = {
    "optics": "Optics (--optics NAME)",
    "ilt": "ILT methods (--method NAME)",
    "rules": "Design rules (--rules NAME)",
    "dataset": "Data sets (litho-dl dataset build NAME)",
    "mnist": "Sanity benchmarks (litho-dl mnist --model NAME)",
    "generators": "Mask generators and surrogates (litho-dl train NAME)",
    "studies": "Searches for settings (litho-dl tune NAME)",
    "stacks": "Mask stacks (litho-dl kernels mask3d --stack NAME)",
}
MODELS = "Trained mask generators (litho-dl infer --model NAME --optics OPTICS)"


@click.command()
@click.argument("name", required=False, shell_complete=complete_names(*KINDS))
@json_option
def recipes(name: str | None, as_json: bool) -> None:
    """List the recipes and trained networks that ship with the package, or print the TOML of NAME.

    Example: litho-dl recipes duv193-immersion-annular > mine.toml
    """
    if name is not None:
        kind = next((kind for kind in KINDS if name in packaged_names(kind)), None)
        if kind is None:
            names = [entry for kind in KINDS for entry in packaged_names(kind)]
            raise RecipeError(f"No recipe, method or rules named {name!r}; {suggestion(name, names)}")
        click.echo(
            json.dumps(read_toml(kind, name).table, indent=2) if as_json else packaged_text(kind, name), nl=as_json
        )
        return
    table = {kind: {n: read_toml(kind, n).table["description"] for n in packaged_names(kind)} for kind in KINDS}
    models = {model: f"for {' and '.join(optics)}" for model, optics in packaged_models().items()}
    if as_json:
        click.echo(json.dumps({**table, "models": models}, indent=2))
        return
    for kind, entries in table.items():
        show(HEADINGS[kind], entries)
    if models:
        show(MODELS, models)


def show(heading: str, entries: Mapping[str, str]) -> None:
    """Prints one part of the list.

    Args:
        heading: The heading.
        entries: Descriptions by name.
    """
    click.secho(heading, bold=True)
    for entry, description in entries.items():
        click.echo(f"  {entry:<26} {description}")
