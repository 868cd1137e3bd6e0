"""The sanity benchmarks on MNIST, all of them over several seeds: a table and pictures to results/mnist.*.

`python scripts/mnist.py --data-dir DIR`; a run that is in --folder already is not trained again.
"""

import os
import platform
from collections import defaultdict
from pathlib import Path
from statistics import mean, median, stdev

import click
import torch

from litho_dl.cli.mnist_pictures import DIGITS, confusion, curves_of, examples, worst_digits
from litho_dl.cli.training import training_progress
from litho_dl.core.device import resolve_device
from litho_dl.core.io import require_writable_folder, write_csv, write_text
from litho_dl.core.settings import shipped_names
from litho_dl.data.mnist import Mnist, load_mnist
from litho_dl.mnist.gradients import DEPTH, study_gradients
from litho_dl.mnist.recipe import MnistRecipe, load_mnist_recipe
from litho_dl.mnist.run import MnistRun, run_mnist
from litho_dl.mnist.tasks import normalised
from litho_dl.models.registry import CLASSIFIERS
from litho_dl.viz.figure import save_figure
from litho_dl.viz.learning import confusion_figure, gradient_figure, image_grid, learning_curves

PICTURED = "resnet_small"  # whose mistakes are shown: the fewest there are
BATCH = 256

HEAD = """# Sanity benchmarks on MNIST

`{command}` made this on {cores} CPU cores ({machine}, {device}), torch {torch}. The last {held_out:,} training images
chose the epoch whose weights count; the test images chose nothing. Seconds an epoch are medians, validation included,
on the machine as it was: compare them with one another only.

| benchmark | test accuracy (%) | spread | runs | parameters | epochs | seconds an epoch | |
|---|---:|---:|---:|---:|---:|---:|---|
{classifiers}

Spread: standard deviation over the seeds. Of `fcn_small` the accuracy is that of the pixels of digits.

| benchmark | test figure | mean | runs | parameters | epochs | seconds an epoch |
|---|---|---:|---:|---:|---:|---:|
{others}

![loss and error rate by epoch](mnist.png)

![confusion matrix of {pictured}](mnist.confusion.png)

![the worst misclassified digits of {pictured}](mnist.worst.png)

![what fcn_small and digit_gan make of the first test images](mnist.examples.png)

## Gradients

Norms of gradients in networks of {depth} convolutions, on one batch before training and over the first steps: with
sigmoids they vanish towards the first layer, with large weights they explode; batch norm keeps them level, and clipping
bounds the step.

![gradient norms](mnist.gradients.png)
"""


def row(run: MnistRun, name: str) -> dict[str, object]:
    """One run, for mnist.csv."""
    return {
        "benchmark": name,
        "seed": run.recipe.training.seed,
        "parameters": run.parameters,
        "epochs": len(run.training.history),
        "best_epoch": run.training.best_epoch,
        "seconds_an_epoch": round(run.epoch_s, 2),
        **{figure: round(value, 6) for figure, value in run.test.figures.items()},
    }


def classifier_row(name: str, runs: list[MnistRun]) -> str:
    """A line of the first table."""
    accuracies = [100 * run.test.figures["accuracy"] for run in runs]
    spread = f"{stdev(accuracies):.2f}" if len(runs) > 1 else "-"
    return (
        f"| {name} | {mean(accuracies):.2f} | {spread} | {len(runs)} | {runs[0].parameters:,} | "
        f"{len(runs[0].training.history)} | {median(run.epoch_s for run in runs):.1f} | {runs[0].recipe.description} |"
    )


def other_rows(name: str, runs: list[MnistRun]) -> list[str]:
    """Lines of the second table."""
    return [
        f"| {name} | {figure} | {mean(run.test.figures[figure] for run in runs):.4f} | {len(runs)} | "
        f"{runs[0].parameters:,} | {len(runs[0].training.history)} | {median(run.epoch_s for run in runs):.1f} |"
        for figure in runs[0].test.figures
    ]


def with_seed(recipe: MnistRecipe, seed: int) -> MnistRecipe:
    """The recipe with another seed."""
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": seed})})


def draw(out: Path, runs: dict[str, list[MnistRun]], mnist: Mnist) -> None:
    """The pictures."""
    firsts = {name: own[0] for name, own in runs.items()}
    save_figure(learning_curves({name: curves_of(run) for name, run in firsts.items()}, columns=5), out / "mnist.png")
    if PICTURED in firsts:
        run = firsts[PICTURED]
        counts = confusion(run, mnist.test_labels).numpy()
        title = f"{PICTURED}, {len(mnist.test_labels):,} test images"
        save_figure(confusion_figure(counts, DIGITS, title=title), out / "mnist.confusion.png", dpi=120)
        worst = worst_digits(run, mnist)
        save_figure(image_grid([worst[:8], worst[8:]], title=title), out / "mnist.worst.png", dpi=120)
    rows = [line for name, run in firsts.items() if name not in CLASSIFIERS for line in examples(run, mnist)]
    if rows:
        save_figure(image_grid(rows), out / "mnist.examples.png", dpi=120)
    study = study_gradients(normalised(mnist.train_images[:BATCH]), mnist.train_labels[:BATCH].long(), seed=0)
    save_figure(gradient_figure(study.by_layer, study.by_step), out / "mnist.gradients.png", dpi=120)


@click.command()
@click.option("--data-dir", required=True, type=click.Path(path_type=Path), help="The four MNIST files.")
@click.option("--download", is_flag=True, help="Fetch what --data-dir lacks.")
@click.option("--models", default="all", show_default=True, help="all, or names of benchmarks with commas between.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Runs of each.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("runs/mnist"), show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(data_dir: Path, download: bool, models: str, seeds: int, folder: Path, device: str, out: Path) -> None:
    """Train the benchmarks, and write their table and pictures."""
    require_writable_folder(out)
    mnist, chosen = load_mnist(data_dir, download=download), resolve_device(device)
    runs: dict[str, list[MnistRun]] = defaultdict(list)
    for name in shipped_names("mnist") if models == "all" else models.split(","):
        recipe = load_mnist_recipe(name)
        for seed in range(seeds):
            click.echo(f"{name}, seed {seed}", err=True)
            place = folder / name / f"seed-{seed}"
            with training_progress() as report:
                runs[name].append(run_mnist(with_seed(recipe, seed), mnist, place, device=chosen, on_progress=report))
    rows = [row(run, name) for name, own in runs.items() for run in own]
    write_csv(out / "mnist.csv", rows)
    text = HEAD.format(
        command="python scripts/mnist.py --data-dir DIR" + (f" --seeds {seeds}" if seeds != 3 else ""),
        cores=os.cpu_count(),
        machine=platform.machine(),
        device=chosen,
        torch=torch.__version__,
        held_out=next(iter(runs.values()))[0].recipe.held_out,
        classifiers="\n".join(
            classifier_row(name, own) for name, own in runs.items() if "accuracy" in own[0].test.figures
        ),
        others="\n".join(
            line for name, own in runs.items() if name not in CLASSIFIERS for line in other_rows(name, own)
        ),
        pictured=PICTURED,
        depth=DEPTH,
    )
    write_text(out / "mnist.md", text)
    draw(out, runs, mnist)
    click.echo(text)


if __name__ == "__main__":
    main()
