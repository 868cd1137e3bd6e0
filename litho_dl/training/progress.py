"""Progress of a training run: a line per epoch, and a bar on a terminal; and its learning curves."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from litho_dl.core.progress import progress_bar
from litho_dl.training import processes
from litho_dl.training.checkpoint import LAST
from litho_dl.training.loop import TrainingResult
from litho_dl.training.run import Progress, ScoringProgress


@contextmanager
def training_progress() -> Iterator[Callable[[Progress | ScoringProgress], None]]:
    """Yields a callback for `train`'s `on_progress`; of several processes only process 0 reports."""
    if processes.rank() > 0:
        yield lambda progress: None
        return
    with progress_bar("Training") as advance:

        def report(progress: Progress | ScoringProgress) -> None:
            if isinstance(progress, ScoringProgress):
                advance(progress.done, progress.batches, "scoring the test items")
                return
            done = (progress.epoch - 1) * progress.steps + progress.step
            advance(done, progress.epochs * progress.steps, f"epoch {progress.epoch}")
            if progress.row is not None:
                print(epoch_line(progress), file=sys.stderr)  # above the bar, if there is one

        yield report


def epoch_line(progress: Progress) -> str:
    """The metrics of a finished epoch on one line."""
    assert progress.row is not None
    shown = {
        name.removeprefix("train_"): value
        for name, value in progress.row.items()
        if name.startswith(("train_", "validation_"))
    }
    metrics = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown.items())
    return f"epoch {progress.epoch} of {progress.epochs}: {metrics} ({progress.row['seconds']:.1f} s)"


def report_resumable(folder: Path) -> None:
    """After Ctrl-C, prints that a folder with checkpoints can be resumed."""
    if any(folder.rglob(LAST)):
        print(f"{folder} keeps the finished epochs; the same command continues the run.", file=sys.stderr)


def curves_of(result: TrainingResult) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Training and validation metrics by epoch."""
    training, validation = (
        {
            name.removeprefix(kind): [row[name] for row in result.history]
            for name in result.history[0]
            if name.startswith(kind)
        }
        for kind in ("train_", "validation_")
    )
    return training, validation
