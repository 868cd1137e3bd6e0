"""The one training loop: any task, optimizer and schedule; one process or many; what is killed goes on where it was."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from litho_dl.core.errors import TrainingError
from litho_dl.core.io import remove_leftovers, require_writable_folder
from litho_dl.training import processes
from litho_dl.training.batches import Items
from litho_dl.training.checkpoint import one_line
from litho_dl.training.log import Row, TensorBoard
from litho_dl.training.recipe import TrainingSettings
from litho_dl.training.run import Progress, Run, Status
from litho_dl.training.task import Task


@dataclass(frozen=True)
class TrainingResult:
    """What `train` returns.

    Attributes:
        history: One row an epoch, as in `metrics.csv`.
        best_epoch: The epoch, from 1, whose weights are in `best.safetensors`.
        status: `finished`, `stopped early` for lack of a better validation, or `interrupted` by Ctrl-C.
    """

    history: tuple[Row, ...]
    best_epoch: int
    status: Status

    @property
    def best(self) -> Row:
        """The figures of that epoch."""
        return self.history[self.best_epoch - 1]

    @property
    def seconds(self) -> float:
        """Wall time of all epochs, validation included, over all calls that the run took."""
        return sum(row["seconds"] for row in self.history)


def train(
    task: Task,
    training: Items,
    validation: Items,
    settings: TrainingSettings,
    folder: str | Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    *,
    tensorboard: bool = False,
) -> TrainingResult:
    """Trains a task's networks, where they are; a folder that holds part of the same run is continued.

    Each epoch draws from seeds of its own, so a checkpoint needs no random state; with as many processes and threads,
    and on a GPU with `deterministic`, what goes on gives the same bits as what was never stopped. After each epoch the
    folder holds `best.safetensors`, `metrics.csv` and `last.pt`, written in this order; each is whole at any time.

    Args:
        task: Its networks end up with the latest weights, the best ones are in the folder.
        training: Items to learn from.
        validation: Items to choose the best epoch by.
        settings: See `TrainingSettings`.
        folder: One for each run; all processes see it under the same path.
        on_progress: Called every few steps and after each epoch, in process 0 alone.
        tensorboard: Write TensorBoard's events too.

    Raises:
        TrainingError: A loss, a gradient or the validation is no longer finite, the settings do not fit the task, or
            the device has no deterministic way to do what `deterministic` wants.
        CheckpointError: The folder holds another run, or its checkpoint is damaged.
        KeyboardInterrupt: Ctrl-C before the first epoch was done.
    """
    folder, leads = Path(folder), processes.rank() == 0
    _require_fit(task, training, validation, settings)
    if leads:
        remove_leftovers(require_writable_folder(folder))
    run = Run(task, training, validation, settings, folder, on_progress if leads else lambda progress: None)
    run.resume()
    with ExitStack() as stack:
        stack.enter_context(_surroundings(run.device, settings.deterministic))
        events = stack.enter_context(TensorBoard(folder, len(run.history))) if tensorboard and leads else None
        written = len(run.history)
        try:
            while (status := run.status) is None:
                run.epoch()
                if events is not None:
                    events.add(run.history[-1])
                    events.show(run.pictures(), len(run.history))
                if leads:
                    run.write()
                written = len(run.history)
        except KeyboardInterrupt:
            if not written:
                raise
            del run.history[written:]
            status = "interrupted"
    return TrainingResult(tuple(run.history), run.best_epoch, status)


@contextmanager
def _surroundings(device: torch.device, deterministic: bool) -> Iterator[None]:
    """Leaves torch's random state and its choice of algorithms as they were."""
    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # torch refuses to be deterministic without
    torch.use_deterministic_algorithms(before or deterministic, warn_only=warns and not deterministic)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    except RuntimeError as error:
        if not deterministic or "determinis" not in str(error):
            raise
        raise TrainingError(
            f"Expected operations that are deterministic on {device}, got one that is not ({one_line(error)}); turn "
            f"deterministic off, or use another device."
        ) from error
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)


def _require_fit(task: Task, training: Items, validation: Items, settings: TrainingSettings) -> None:
    world = processes.world()
    if settings.batch_size % world:
        raise TrainingError(f"Expected a batch_size that {world} processes can share, got {settings.batch_size}.")
    if len(training) < settings.batch_size:
        raise TrainingError(
            f"Expected at least one batch of {settings.batch_size} training items, got {len(training)}; "
            f"lower batch_size."
        )
    if len(validation) < world:
        raise TrainingError(f"Expected validation items for each of {world} processes, got {len(validation)}.")
    frozen = [name for name in task.turns if not any(p.requires_grad for p in task.networks[name].parameters())]
    if frozen:
        raise TrainingError(f"Expected trainable parameters in networks that take turns, got none in {frozen[0]}.")
    unknown = [name for name in settings.optimizers if name not in task.turns]
    if unknown:
        raise TrainingError(
            f"Expected optimizers of networks that take turns ({', '.join(task.turns)}), got {', '.join(unknown)}."
        )
