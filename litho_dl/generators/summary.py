"""The summary of a generator's training: its command, its values, and its text."""

import shlex
from pathlib import Path
from typing import Any

from litho_dl.generators.run import GeneratorRun


def command_line(recipe: str, data: Path, **options: str | int | None) -> str:
    """The command for the card, with files and folders by name alone, as their place is private.

    Args:
        recipe: A recipe's name or file.
        data: The data set's folder.
        **options: Further options by name; None: not given.
    """
    named = {"data": data.resolve(), **options}
    given = [("--" + name, Path(str(value)).name) for name, value in named.items() if value is not None]
    return shlex.join(["litho-dl", "train", Path(recipe).name, *(part for option in given for part in option)])


def run_summary(run: GeneratorRun) -> dict[str, Any]:
    """A run's networks, stages and test scores, as plain values."""
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


def run_text(found: dict[str, Any]) -> str:
    """`run_summary` as text."""
    epochs = ", ".join(f"{name} {stage['best_epoch']} of {stage['epochs']}" for name, stage in found["stages"].items())
    kept = f"; kept: {found['kept']}" if len(found["stages"]) > 1 else ""
    scores = {name.removeprefix("test_"): value for name, value in found.items() if name.startswith("test_")}
    figures = ", ".join(f"{name.replace('_', ' ')} {value:,.{4 * (value < 100)}f}" for name, value in scores.items())
    return (
        f"{found['network']} for {found['optics']}: test {figures}\n"
        f"  {found['parameters']:,} parameters, {found['seconds']:.0f} s, best epochs: {epochs}{kept}\n"
        f"  {found['model']}"
    )
