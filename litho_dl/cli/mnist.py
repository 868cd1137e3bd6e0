"""litho-dl mnist: train and score a benchmark on MNIST."""

import json
from pathlib import Path

import click

from litho_dl.cli.options import (
    command_line,
    complete_names,
    device_option,
    json_option,
    report_option,
    training_options,
)


@click.command()
@click.option(
    "--model",
    required=True,
    shell_complete=complete_names("mnist"),
    help="A benchmark (see litho-dl recipes) or a .toml file.",
)
@click.option(
    "--data-dir",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the four MNIST files.",
)
@click.option("--download", is_flag=True, help="Download the files that are missing in --data-dir.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the run.  [default: runs/mnist/MODEL]"
)
@training_options
@device_option
@report_option
@json_option
def mnist(
    model: str,
    data_dir: Path,
    download: bool,
    out: Path | None,
    epochs: int | None,
    seed: int | None,
    tensorboard: bool,
    device: str,
    as_json: bool,
) -> None:
    """Train a benchmark on MNIST and score it on the test images, with pictures.

    The same command continues an interrupted run.

    Several processes or GPUs: torchrun --nproc-per-node=2 -m litho_dl.cli.main -- mnist ...

    Example: litho-dl mnist --model lenet --data-dir mnist --download
    """
    from litho_dl.mnist.files import load_mnist
    from litho_dl.mnist.pictures import draw_run
    from litho_dl.mnist.recipe import load_mnist_recipe, with_training
    from litho_dl.mnist.run import run_mnist
    from litho_dl.mnist.summary import run_summary, run_text
    from litho_dl.runs.summary import write_summary
    from litho_dl.training.processes import owned_by_first, process_group
    from litho_dl.training.progress import report_resumable, training_progress

    recipe = with_training(load_mnist_recipe(model), epochs=epochs, seed=seed)
    folder = out or Path("runs") / "mnist" / Path(model).stem
    with process_group(device) as own, owned_by_first(folder):
        images = load_mnist(data_dir, download=download)
        try:
            with training_progress() as report:
                run = run_mnist(recipe, images, folder, device=own, on_progress=report, tensorboard=tensorboard)
        except KeyboardInterrupt:
            report_resumable(folder)
            raise
        if run is None:
            return
        draw_run(folder, run, images)
        found = run_summary(run)
        write_summary(folder / "summary.json", command_line(), found)
    click.echo(json.dumps(found, indent=2) if as_json else run_text(found, folder))
