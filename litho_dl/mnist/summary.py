"""The summary of a benchmark on MNIST, as values and as text."""

from pathlib import Path
from typing import Any

from litho_dl.mnist.run import MnistRun


def run_summary(run: MnistRun) -> dict[str, Any]:
    """A run's settings and test scores as plain values."""
    return {
        "network": run.recipe.network,
        "seed": run.recipe.training.seed,
        "status": run.training.status,
        "epochs": len(run.training.history),
        "best_epoch": run.training.best_epoch,
        "parameters": run.parameters,
        "seconds": run.training.seconds,
        "seconds_an_epoch": run.epoch_s,
        **{f"test_{name}": value for name, value in run.test.metrics.items()},
    }


def run_text(summary: dict[str, Any], folder: Path) -> str:
    """`run_summary` as text.

    Args:
        summary: The result of `run_summary`.
        folder: The run's folder.

    Returns:
        Three lines.
    """
    test = {name.removeprefix("test_"): value for name, value in summary.items() if name.startswith("test_")}
    first = sorted(test, key=lambda name: name != "accuracy")
    scores = ", ".join(f"{name.replace('_', ' ')} {_score_text(name, test[name])}" for name in first)
    return (
        f"{summary['network']}: test {scores}\n"
        f"  {summary['parameters']:,} parameters, {summary['status']} after {summary['epochs']} epochs of "
        f"{summary['seconds_an_epoch']:.1f} s ({summary['seconds']:.0f} s in all), "
        f"weights of epoch {summary['best_epoch']}\n"
        f"  pictures, metrics.csv and weights in {folder}"
    )


def _score_text(name: str, value: float) -> str:
    """A test score as text, shares in percent."""
    return f"{value:.2%}" if "accuracy" in name or "iou" in name else f"{value:.4f}"
