"""The summary of a benchmark on MNIST: its values, and its text."""

from pathlib import Path
from typing import Any

from litho_dl.mnist.run import MnistRun


def run_summary(run: MnistRun) -> dict[str, Any]:
    """A run's settings and test scores, as plain values."""
    return {
        "network": run.recipe.network,
        "seed": run.recipe.training.seed,
        "status": run.training.status,
        "epochs": len(run.training.history),
        "best_epoch": run.training.best_epoch,
        "parameters": run.parameters,
        "seconds": run.training.seconds,
        "seconds_an_epoch": run.epoch_s,
        **{f"test_{name}": value for name, value in run.test.figures.items()},
    }


def run_text(found: dict[str, Any], folder: Path) -> str:
    """`run_summary` as text.

    Args:
        found: The summary.
        folder: Where the run's files are.
    """
    test = {name.removeprefix("test_"): value for name, value in found.items() if name.startswith("test_")}
    first = sorted(test, key=lambda name: name != "accuracy")
    figures = ", ".join(f"{name.replace('_', ' ')} {_shown(name, test[name])}" for name in first)
    return (
        f"{found['network']}: test {figures}\n"
        f"  {found['parameters']:,} parameters, {found['status']} after {found['epochs']} epochs of "
        f"{found['seconds_an_epoch']:.1f} s ({found['seconds']:.0f} s in all), weights of epoch {found['best_epoch']}\n"
        f"  pictures, metrics.csv and weights in {folder}"
    )


def _shown(name: str, value: float) -> str:
    """A test score as text: shares in percent."""
    return f"{value:.2%}" if "accuracy" in name or "iou" in name else f"{value:.4f}"
