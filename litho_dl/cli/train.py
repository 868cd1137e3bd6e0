"""litho-dl train: training of mask generators and surrogates on a data set."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litho_dl.cli.options import (
    command_line,
    complete_names,
    device_option,
    json_option,
    out_option,
    report_option,
    training_options,
)

if TYPE_CHECKING:
    from litho_dl.generators.items import PairSet
    from litho_dl.generators.optics_set import OpticsSet
    from litho_dl.generators.recipe import GeneratorRecipe


@click.command()
@click.argument("recipe", shell_complete=complete_names("generators"))
@click.option(
    "--data",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A data set of litho-dl dataset; may be given several times. Needed but for networks that serve any optics.",
)
@out_option
@click.option("--optics", metavar="RECIPE_OR_KERNELS", help="Optics of the prints.  [default: those of the data set]")
@click.option(
    "--start", metavar="MODEL", help="Run only the last stage, from the weights of a model, e.g. for other optics."
)
@training_options
@device_option
@report_option
@json_option
def train(
    recipe: str,
    data: tuple[Path, ...],
    out: Path,
    optics: str | None,
    start: str | None,
    epochs: int | None,
    seed: int | None,
    tensorboard: bool,
    device: str,
    as_json: bool,
) -> None:
    """Train a mask generator, or a surrogate of the simulator, by RECIPE (see litho-dl recipes, or a .toml file).

    The same command continues an interrupted run.

    Writes OUT/model.safetensors, for litho-dl infer --model, OUT/summary.json, the pictures OUT/curves.png and
    OUT/masks.png, and a folder for each stage with its metrics.csv, best weights and checkpoint.

    A network that serves any optics, such as any, needs no data: optics and clips are drawn.

    Several processes or GPUs: torchrun --nproc-per-node=2 -m litho_dl.cli.main -- train ...

    Example: litho-dl train unet_small --data metal-4k --data via-2k --out runs/unet_small
    """
    from litho_dl.generators.model import load_generator
    from litho_dl.generators.pictures import draw_run
    from litho_dl.generators.recipe import load_generator_recipe, with_training
    from litho_dl.generators.run import run_generator
    from litho_dl.generators.summary import run_summary, run_text, training_command
    from litho_dl.runs.summary import write_summary
    from litho_dl.training.processes import owned_by_first, process_group
    from litho_dl.training.progress import report_resumable, training_progress

    chosen = with_training(load_generator_recipe(recipe), epochs=epochs, seed=seed)
    with process_group(device) as own, owned_by_first(out):
        pairs = _training_data(chosen, data, optics)
        options: dict[str, Any] = {
            "device": own,
            "command": training_command(recipe, data, optics=optics, start=start, epochs=epochs, seed=seed),
            "tensorboard": tensorboard,
            "start": None if start is None else load_generator(start, pairs.processes[0], force=True),
        }
        try:
            with training_progress() as report:
                run = run_generator(chosen, pairs, out, on_progress=report, **options)
        except KeyboardInterrupt:
            report_resumable(out)
            raise
        if run is None:
            return
        draw_run(out, run, pairs)
        found = run_summary(run)
        write_summary(out / "summary.json", command_line(), found)
    click.echo(json.dumps(found, indent=2) if as_json else run_text(found))


def _training_data(recipe: "GeneratorRecipe", data: tuple[Path, ...], optics: str | None) -> "PairSet | OpticsSet":
    """The data sets' pairs, or the random optics of a network that serves any."""
    if recipe.sees_optics:
        from litho_dl.generators.optics_set import draw_optics_set

        if data or optics is not None:
            raise click.UsageError(
                f"{recipe.network} is trained on random optics and clips; leave out --data, --optics."
            )
        return draw_optics_set(recipe)
    from litho_dl.generators.items import load_pair_set

    if not data:
        raise click.UsageError("Missing option '--data'.")
    return load_pair_set(data, recipe, optics)
