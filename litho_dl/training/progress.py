"""Progress of a training run, a line an epoch and a bar on a terminal; and its curves."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from litho_dl.core.progress import progress_bar
from litho_dl.training import processes
from litho_dl.training.checkpoint import LAST
from litho_dl.training.loop import TrainingResult
from litho_dl.training.run import Progress, Scoring


@contextmanager
def training_progress() -> Iterator[Callable[[Progress | Scoring], None]]:
    """Yields what `train` takes as `on_progress`; of several processes, the first alone reports."""
    if processes.rank() > 0:
        yield lambda progress: None
        return
    with progress_bar("Training") as advance:

        def report(progress: Progress | Scoring) -> None:
            if isinstance(progress, Scoring):
                advance(progress.done, progress.batches, "scoring the test items")
                return
            done = (progress.epoch - 1) * progress.steps + progress.step
            advance(done, progress.epochs * progress.steps, f"epoch {progress.epoch}")
            if progress.row is not None:
                print(described(progress), file=sys.stderr)  # above the bar, if there is one

        yield report


def described(progress: Progress) -> str:
    """The figures of an epoch that is done, in one line."""
    assert progress.row is not None
    shown = {
        name.removeprefix("train_"): value
        for name, value in progress.row.items()
        if name.startswith(("train_", "validation_"))
    }
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in shown.items())
    return f"epoch {progress.epoch} of {progress.epochs}: {figures} ({progress.row['seconds']:.1f} s)"


def say_how_to_go_on(folder: Path) -> None:
    """What Ctrl-C leaves in a run's folder, or in those of its stages."""
    if any(folder.rglob(LAST)):
        print(f"{folder} keeps the epochs that were done; the same command goes on from there.", file=sys.stderr)


def curves_of(result: TrainingResult) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Training and validation figures by epoch."""
    training, validation = (
        {
            name.removeprefix(kind): [row[name] for row in result.history]
            for name in result.history[0]
            if name.startswith(kind)
        }
        for kind in ("train_", "validation_")
    )
    return training, validation
