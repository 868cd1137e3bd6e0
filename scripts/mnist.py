"""The sanity benchmarks on MNIST, all of them over several seeds: a table and pictures to results/mnist.*.

`python scripts/mnist.py --data-dir DIR`; a run that is in --folder already is not trained again. Benchmarks that are
not named keep the rows that results/mnist.csv has of them.
"""

import os
import platform
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import click
import torch
from tables import other_recipes

from litho_dl.core.device import resolve_device
from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.memory import keep_memory
from litho_dl.core.settings import packaged_names
from litho_dl.mnist.files import Mnist, load_mnist
from litho_dl.mnist.gradients import DEPTH, study_gradients
from litho_dl.mnist.pictures import TRAINING_NOTE, pictures
from litho_dl.mnist.recipe import load_mnist_recipe, with_training
from litho_dl.mnist.run import MnistRun, run_mnist
from litho_dl.mnist.tasks import normalised
from litho_dl.models.registry import CLASSIFIERS
from litho_dl.training.progress import curves_of, training_progress
from litho_dl.viz.figure import save_figure
from litho_dl.viz.learning import gradient_figure, learning_curves

PICTURED = "resnet_small"  # whose mistakes are shown: the fewest there are
BATCH, SEEDS = 256, 3
COUNTS = ("seed", "parameters", "epochs", "best_epoch")
SCORES = ("accuracy", "loss", "mean_iou", "ink_accuracy", "l1", "l1_coarse", "accuracy_real", "accuracy_fake")
CAPTIONS = {
    "mnist.png": f"Loss and error rate by epoch, or a GAN's losses; {TRAINING_NOTE}",
    f"mnist.{PICTURED}.confusion.png": f"Confusion matrix of {PICTURED}",
    f"mnist.{PICTURED}.worst.png": f"The worst misclassified digits of {PICTURED}",
    "mnist.fcn_small.examples.png": "What fcn_small makes of the first test images: classes of pixels in colours",
    "mnist.digit_gan.examples.png": "What digit_gan makes of the first test images",
    "mnist.gradients.png": "Gradient norms and losses",
}

HEAD = """# Sanity benchmarks on MNIST

`{command}` made this on {cores} CPU cores ({machine}, {device}), torch {torch}. Benchmarks that it does not name are of
an earlier run, on whatever the machine was then. The last {held_out:,} training images chose the epoch whose weights
count; the test images chose nothing. Seconds are of training and validation, medians, on the machine as it was: compare
them with one another only. Spread: standard deviation over the seeds.

| benchmark | test accuracy (%) | spread | runs | parameters | epochs | s an epoch | s in all | |
|---|---:|---:|---:|---:|---:|---:|---:|---|
{classifiers}

| benchmark | test score | mean | spread | runs | parameters | epochs | s an epoch | s in all |
|---|---|---:|---:|---:|---:|---:|---:|---:|
{others}

Of `fcn_small`, `accuracy` counts all pixels, `ink_accuracy` those of digits, and `mean_iou` is over ten digits and the
background. Of `digit_gan`, `l1` is the mean absolute error of its images, `l1_coarse` that of what it starts from, and
`accuracy_real` and `accuracy_fake` are the shares of patches that the discriminator rightly takes for true and for
made.

## Gradients

Norms of gradients in networks of {depth} convolutions, on one batch before training: with sigmoids they vanish towards
the first layer, with large weights they explode; batch norm keeps them level. Then steps of gradient descent: the first
one as it is kills the network, which stays at the loss of a guess, ln 10; clipped, it learns.

## Pictures

{pictures}
"""


def row(run: MnistRun, name: str, device: torch.device) -> dict[str, Any]:
    """One run, for mnist.csv."""
    return {
        "benchmark": name,
        "seed": run.recipe.training.seed,
        "device": str(device),
        "status": run.training.status,
        "parameters": run.parameters,
        "epochs": len(run.training.history),
        "best_epoch": run.training.best_epoch,
        "seconds": round(run.training.seconds, 3),
        "seconds_an_epoch": round(run.epoch_s, 3),
        **{name: round(value, 6) for name, value in run.test.metrics.items()},
    }


def earlier_rows(path: Path, without: Iterable[str]) -> list[dict[str, Any]]:
    """What a file of results holds of other packaged benchmarks."""
    numbers = dict.fromkeys(COUNTS, int) | dict.fromkeys(("seconds", "seconds_an_epoch", *SCORES), float)
    return other_recipes(path, "benchmark", "mnist", without, numbers)


def spread(values: list[float], text: str) -> str:
    """Mean and standard deviation as two cells."""
    return f"{mean(values):{text}} | " + (f"{stdev(values):{text}}" if len(values) > 1 else "-")


def costs(rows: list[dict[str, Any]]) -> str:
    """The cells on what the runs of a benchmark took."""
    seconds, epoch = (median(row[name] for row in rows) for name in ("seconds", "seconds_an_epoch"))
    first = rows[0]
    return f"{len(rows)} | {first['parameters']:,} | {first['epochs']} | {epoch:.1f} | {seconds:.0f}"


def markdown(rows: list[dict[str, Any]], drawn: Iterable[str], **facts: Any) -> str:
    """Tables of all rows, and links to the pictures that there are."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in rows:
        groups[entry["benchmark"]].append(entry)
    classifiers, others = [], []
    for name, own in groups.items():
        recipe = load_mnist_recipe(name)
        if recipe.network in CLASSIFIERS:
            accuracies = spread([100 * entry["accuracy"] for entry in own], ".2f")
            classifiers.append(f"| {name} | {accuracies} | {costs(own)} | {recipe.description} |")
        else:
            others += [
                f"| {name} | {score} | {spread([entry[score] for entry in own], '.4f')} | {costs(own)} |"
                for score in SCORES
                if score in own[0]
            ]
    links = "\n\n".join(f"![{CAPTIONS[name]}]({name})\n\n{CAPTIONS[name]}." for name in drawn)
    return HEAD.format(classifiers="\n".join(classifiers), others="\n".join(others), pictures=links, **facts)


def draw(out: Path, runs: dict[str, MnistRun], benchmarks: set[str], mnist: Mnist) -> list[str]:
    """Draws what these runs show, the curves only if they are of all the benchmarks; returns the pictures there are."""
    if set(runs) == benchmarks:
        curves = learning_curves(
            {name: curves_of(run.training) for name, run in runs.items()}, columns=5, note=TRAINING_NOTE
        )
        save_figure(curves, out / "mnist.png")
    for name, run in runs.items():
        for kind, figure in pictures(run, mnist).items():
            if (file := f"mnist.{name}.{kind}.png") in CAPTIONS:
                save_figure(figure, out / file, dpi=120)
    study = study_gradients(normalised(mnist.train_images[:BATCH]), mnist.train_labels[:BATCH].long(), seed=0)
    save_figure(gradient_figure(study.by_layer, study.norms, study.losses), out / "mnist.gradients.png", dpi=120)
    return [name for name in CAPTIONS if (out / name).exists()]


@click.command()
@click.option("--data-dir", required=True, type=click.Path(path_type=Path), help="The four MNIST files.")
@click.option("--download", is_flag=True, help="Fetch what --data-dir lacks.")
@click.option("--models", default="all", show_default=True, help="all, or names of benchmarks with commas between.")
@click.option("--seeds", type=click.IntRange(1), default=SEEDS, show_default=True, help="Runs of each.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("runs/mnist"), show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(data_dir: Path, download: bool, models: str, seeds: int, folder: Path, device: str, out: Path) -> None:
    """Train the benchmarks, and write their table and pictures."""
    keep_memory()
    require_writable_folder(out)
    names = packaged_names("mnist") if models == "all" else models.split(",")
    recipes = {name: load_mnist_recipe(name) for name in names}
    mnist, chosen = load_mnist(data_dir, download=download), resolve_device(device)
    firsts: dict[str, MnistRun] = {}
    rows = earlier_rows(out / "mnist.csv", without=recipes)
    for name, recipe in recipes.items():
        for seed in range(seeds):
            click.echo(f"{name}, seed {seed}", err=True)
            place = folder / name / f"seed-{seed}"
            with training_progress() as report:
                run = run_mnist(with_training(recipe, seed=seed), mnist, place, device=chosen, on_progress=report)
            assert run is not None, "one process alone"
            rows.append(row(run, name, chosen))
            firsts.setdefault(name, run)
    rows.sort(key=lambda entry: (entry["benchmark"], entry["seed"]))
    write_csv(out / "mnist.csv", rows)
    text = markdown(
        rows,
        draw(out, firsts, {entry["benchmark"] for entry in rows}, mnist),
        command="python scripts/mnist.py --data-dir DIR"
        + (f" --models {models}" if models != "all" else "")
        + (f" --seeds {seeds}" if seeds != SEEDS else ""),
        cores=os.cpu_count(),
        machine=platform.machine(),
        device=torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else "cpu",
        torch=torch.__version__,
        held_out=next(iter(recipes.values())).held_out,
        depth=DEPTH,
    )
    write_text(out / "mnist.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
