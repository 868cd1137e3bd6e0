"""The mask generators and surrogates on the same data sets: a table and curves to results/training.*.

`python scripts/train.py --data FOLDER --data ANOTHER`; a run that is in --folder already is not trained again. Recipes
that are not named keep the rows that results/training.csv has of them.
"""

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import torch
from tables import other_recipes

from litho_dl.core.device import device_name, resolve_device
from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.core.settings import packaged_names
from litho_dl.generators.items import load_pair_set
from litho_dl.generators.pictures import draw_run, panels
from litho_dl.generators.recipe import GeneratorRecipe, load_generator_recipe
from litho_dl.generators.run import GeneratorRun, run_generator
from litho_dl.generators.summary import training_command
from litho_dl.training.progress import training_progress
from litho_dl.viz.figure import save_figure
from litho_dl.viz.learning import learning_curves

MASK_SCORES = ("l2_nm2", "pvb_nm2", "pixel", "accuracy_real", "accuracy_fake")
PRINT_SCORES = ("aerial_mse", "print_iou")
HEAD = """# Training of mask generators and surrogates

`{command}` made this on {cores} CPU cores ({machine}; {device}), torch {torch}. Recipes that it does not name are of an
earlier run, on whatever the machine was then. Scores are means over the {test:,} test pairs of {data}, optics
`{optics}`, with the weights as they are kept; those of the validation pairs chose them. Seconds are of training and
validation, on the machine as it was.

Masks as they would be written, printed at the networks' pixel: area by which the nominal print is wrong, area of the PV
band, and mask pixels that differ from the pair's mask. Of adversarial stages, the accuracy of the
discriminator: shares of patches of real and of generated pairs that it classifies rightly; one half each is a draw.

| recipe | L2 (nm²) | PV band (nm²) | mask pixels wrong | real accuracy | fake accuracy | parameters | epochs | s | |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---|
{masks}

Surrogates from masks to the nominal image: squared error of the aerial image (a clear mask is 1), and intersection over
union of the print, mean over what prints and what does not.

| recipe | aerial error | print IoU | parameters | epochs | s | |
|---|---:|---:|---:|---:|---:|---|
{prints}

{pictures}
"""


def row(run: GeneratorRun, name: str, device: torch.device) -> dict[str, Any]:
    """One run, for training.csv."""
    return {
        "recipe": name,
        "device": str(device),
        "optics": run.card.optics.name,
        "parameters": run.parameters,
        "epochs": sum(len(result.history) for result in run.stages.values()),
        "seconds": round(sum(result.seconds for result in run.stages.values()), 3),
        **{name: round(value, 6) for name, value in run.card.scores.items()},
        "description": run.card.recipe.description,
    }


def earlier_rows(path: Path, without: Iterable[str]) -> list[dict[str, Any]]:
    """What a file of results holds of other packaged recipes."""
    numbers = dict.fromkeys(("parameters", "epochs"), int)
    numbers |= dict.fromkeys(("seconds", *MASK_SCORES, *PRINT_SCORES), float)
    return other_recipes(path, "recipe", "generators", without, numbers)


def line(row: dict[str, Any], scores: Iterable[tuple[str, str]]) -> str:
    """A row of a table."""
    cells = [f"{row[name]:{text}}" if name in row else "" for name, text in scores]
    cost = [f"{row['parameters']:,}", str(row["epochs"]), f"{row['seconds']:,.0f}", row["description"]]
    return "| " + " | ".join([row["recipe"], *cells, *cost]) + " |"


def markdown(rows: list[dict[str, Any]], drawn: Iterable[str], **facts: Any) -> str:
    """Tables of all rows, and links to the pictures."""
    masks = zip(MASK_SCORES, (",.0f", ",.0f", ".2%", ".0%", ".0%"), strict=True)
    prints = zip(PRINT_SCORES, (".2e", ".4f"), strict=True)
    tables = {
        name: "\n".join(line(row, kinds) for row in rows if kinds[0][0] in row)
        for name, kinds in (("masks", list(masks)), ("prints", list(prints)))
    }
    caption = "Losses, areas and discriminator accuracy of"
    links = "\n\n".join(f"![{caption} {name} by epoch](training.{name}.png)" for name in drawn)
    return HEAD.format(**tables, pictures=links, **facts)


def train(
    recipe: GeneratorRecipe, name: str, data: tuple[Path, ...], folder: Path, device: torch.device
) -> GeneratorRun:
    """Trains one recipe in FOLDER/NAME, with its pictures."""
    pairs = load_pair_set(data, recipe)
    with training_progress() as report:
        command = training_command(name, data)
        run = run_generator(recipe, pairs, folder / name, device=device, command=command, on_progress=report)
    assert run is not None, "one process alone"
    draw_run(folder / name, run, pairs)
    return run


@click.command()
@click.option("--data", required=True, multiple=True, type=click.Path(path_type=Path), help="Of litho-dl dataset.")
@click.option("--recipes", default="small", show_default=True, help="small, all, or names with commas between.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("runs/generators"), show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(data: tuple[Path, ...], recipes: str, folder: Path, device: str, out: Path) -> None:
    """Train recipes one after the other, and write their table and curves."""
    keep_memory()
    require_writable_folder(out)
    packaged = packaged_names("generators")
    small = [name for name in packaged if name.endswith("_small")]
    named = {"small": small, "all": packaged}.get(recipes, recipes.split(","))
    every = {name: load_generator_recipe(name) for name in named}
    chosen = {name: recipe for name, recipe in every.items() if not recipe.sees_optics}  # the others learn from pairs
    own, runs = resolve_device(device), {}
    for name, recipe in chosen.items():
        click.echo(name, err=True)
        runs[Path(name).stem] = run = train(recipe, Path(name).stem, data, folder, own)
        save_figure(learning_curves(panels(run.stages), columns=3), out / f"training.{Path(name).stem}.png", dpi=120)
    rows = earlier_rows(out / "training.csv", without=runs) + [row(run, name, own) for name, run in runs.items()]
    rows.sort(key=lambda entry: entry["recipe"])
    write_csv(out / "training.csv", rows)
    card = next(iter(runs.values())).card
    text = markdown(
        rows,
        [entry["recipe"] for entry in rows if (out / f"training.{entry['recipe']}.png").exists()],
        command="python scripts/train.py"
        + " --data DIR" * len(data)
        + (f" --recipes {recipes}" if recipes != "small" else ""),
        cores=os.cpu_count(),
        machine=platform.machine(),
        device=device_name(own),
        torch=torch.__version__,
        test=card.data["pairs"]["test"],
        data=" and ".join(folder.name for folder in data),
        optics=card.optics.name,
    )
    write_text(out / "training.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
