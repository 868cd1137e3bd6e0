"""The training loop: any task, optimizer and schedule, one process or several; interrupted runs are resumed."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from litho_dl.core.errors import TrainingError
from litho_dl.training import processes
from litho_dl.training.batches import Items
from litho_dl.training.checkpoint import one_line
from litho_dl.training.log import Row, TensorBoard
from litho_dl.training.recipe import TrainingSettings
from litho_dl.training.run import Progress, Run, Status
from litho_dl.training.task import Task


@dataclass(frozen=True)
class TrainingResult:
    """The result of `train`.

    Attributes:
        history: The metrics of each epoch, as in `metrics.csv`.
        best_epoch: The epoch, from 1, whose weights are in `best.safetensors`.
        status: `finished`, `stopped early` because validation did not improve, or `interrupted` by Ctrl-C.
    """

    history: tuple[Row, ...]
    best_epoch: int
    status: Status

    @property
    def best(self) -> Row:
        """The metrics of the best epoch."""
        return self.history[self.best_epoch - 1]

    @property
    def seconds(self) -> float:
        """Wall time of all epochs in seconds, validation and resumed calls included."""
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
    """Trains a task's networks on the device they are on, and resumes a run that the folder holds.

    Each epoch has its own random seeds, so checkpoints need no random state: with the same number of processes and
    threads, and on a GPU with `deterministic`, a resumed run is bit-identical to an uninterrupted one. After each epoch
    `best.safetensors`, `metrics.csv` and `last.pt` are written in this order, each atomically.

    Args:
        task: The task; its networks have the latest weights in the end, the best ones are in the folder.
        training: Items to train on.
        validation: Items that select the best epoch.
        settings: See `TrainingSettings`.
        folder: The run's own folder; all processes see it under the same path.
        on_progress: Called every few steps and after each epoch, in process 0 only.
        tensorboard: Whether to write TensorBoard events.

    Returns:
        The metrics of each epoch, and how the run ended.

    Raises:
        TrainingError: A loss, a gradient or the selecting metric is not finite, the settings do not fit the task, or
            `deterministic` is set and the device has no deterministic implementation of an operation.
        CheckpointError: The folder holds another run, or its checkpoint is damaged.
        KeyboardInterrupt: Ctrl-C before the end of the first epoch.
    """
    folder, writes = Path(folder), processes.rank() == 0
    _require_compatible(task, training, validation, settings)
    with ExitStack() as stack:
        stack.enter_context(processes.owned_by_first(folder))
        run = Run(task, training, validation, settings, folder, on_progress if writes else lambda progress: None)
        run.resume()
        stack.enter_context(_torch_state(run.device, settings.deterministic))
        events = stack.enter_context(TensorBoard(folder, len(run.history))) if tensorboard and writes else None
        written = len(run.history)
        try:
            while (status := run.status) is None:
                run.epoch()
                if events is not None:
                    events.add_metrics(run.history[-1])
                    events.add_pictures(run.pictures(), len(run.history))
                if writes:
                    run.write()
                written = len(run.history)
        except KeyboardInterrupt:
            if not written:
                raise
            del run.history[written:]
            status = "interrupted"
    return TrainingResult(tuple(run.history), run.best_epoch, status)


@contextmanager
def _torch_state(device: torch.device, deterministic: bool) -> Iterator[None]:
    """Sets torch's deterministic mode, and restores it and the random state in the end."""
    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required by torch's deterministic mode
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


def _require_compatible(task: Task, training: Items, validation: Items, settings: TrainingSettings) -> None:
    count = processes.world_size()
    if settings.batch_size % count:
        raise TrainingError(f"Expected a batch_size that {count} processes can share, got {settings.batch_size}.")
    if len(training) < settings.batch_size:
        raise TrainingError(
            f"Expected at least one batch of {settings.batch_size} training items, got {len(training)}; "
            f"lower batch_size."
        )
    if len(validation) < count:
        raise TrainingError(f"Expected validation items for each of {count} processes, got {len(validation)}.")
    frozen = [name for name in task.turns if not any(p.requires_grad for p in task.networks[name].parameters())]
    if frozen:
        raise TrainingError(f"Expected trainable parameters in networks that take turns, got none in {frozen[0]}.")
    unknown = [name for name in settings.optimizers if name not in task.turns]
    if unknown:
        raise TrainingError(
            f"Expected optimizers of networks that take turns ({', '.join(task.turns)}), got {', '.join(unknown)}."
        )
