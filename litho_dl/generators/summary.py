"""The summary of a generator's training, as values and as text; and the command line for its model card."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from litho_dl.generators.run import GeneratorRun


def training_command(recipe: str, data: Sequence[Path], **options: str | int | None) -> str:
    """The command line for the model card, with names of files and folders instead of their private paths.

    Args:
        recipe: A recipe's name or file.
        data: The data sets' folders.
        **options: Further options by name; None for those not given.

    Returns:
        The command line.
    """
    named = [*(("data", folder.resolve()) for folder in data), *options.items()]
    given = [("--" + name, Path(str(value)).name) for name, value in named if value is not None]
    return shlex.join(["litho-dl", "train", Path(recipe).name, *(part for option in given for part in option)])


def run_summary(run: GeneratorRun) -> dict[str, Any]:
    """A run's networks, stages and test scores as plain values."""
    assert run.card.training is not None
    return {
        "network": run.card.recipe.network,
        "optics": run.card.optics.name,
        "parameters": run.parameters,
        "seconds": sum(result.seconds for result in run.stages.values()),
        "stages": {
            name: {"epochs": len(result.history), "best_epoch": result.best_epoch, "status": result.status}
            for name, result in run.stages.items()
        },
        "kept": run.card.training.kept,
        **{f"test_{name}": value for name, value in run.card.scores.items()},
        "model": str(run.path),
    }


def run_text(summary: dict[str, Any]) -> str:
    """`run_summary` as text."""
    epochs = ", ".join(
        f"{name} {stage['best_epoch']} of {stage['epochs']}" for name, stage in summary["stages"].items()
    )
    kept = f"; kept: {summary['kept']}" if len(summary["stages"]) > 1 else ""
    scores = {name.removeprefix("test_"): value for name, value in summary.items() if name.startswith("test_")}
    score_text = ", ".join(f"{name.replace('_', ' ')} {value:,.{4 * (value < 100)}f}" for name, value in scores.items())
    return (
        f"{summary['network']} for {summary['optics']}: test {score_text}\n"
        f"  {summary['parameters']:,} parameters, {summary['seconds']:.0f} s, best epochs: {epochs}{kept}\n"
        f"  {summary['model']}"
    )
