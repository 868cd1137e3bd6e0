"""The state of a training run, and one epoch of training and validation."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from litho_dl.core.device import has_bfloat16
from litho_dl.core.errors import CheckpointError, TrainingError
from litho_dl.training import processes
from litho_dl.training.batches import Items, Order, derived_seed, in_order, shuffled
from litho_dl.training.checkpoint import BEST, LAST, load_checkpoint, one_line, save_checkpoint, save_weights
from litho_dl.training.learner import Learner
from litho_dl.training.log import Row, write_metrics
from litho_dl.training.metrics import MetricSums, StepMetrics
from litho_dl.training.recipe import TrainingSettings
from litho_dl.training.task import Batch, Metrics, Task

CHECK_EVERY = 16  # steps between synchronisations with the device
PICTURED_ITEMS = 4  # validation items in pictures
ORDER, DROPOUT, AUGMENTATION = range(3)  # uses of random numbers in an epoch, each with its own seed
Status = Literal["finished", "stopped early", "interrupted"]


@dataclass(frozen=True)
class Progress:
    """Progress of a run.

    Attributes:
        epoch: Current epoch, from 1.
        epochs: Number of epochs, unless the run stops early.
        step: Finished steps of the epoch.
        steps: Steps per epoch.
        row: The epoch's metrics once it is finished, else None.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    row: Row | None = None


@dataclass(frozen=True)
class ScoringProgress:
    """Progress of scoring the test items: `done` of `batches` batches."""

    done: int
    batches: int


class Run:
    """A training run: the networks, their optimisation, and the metrics of each epoch.

    Args:
        task: Networks and losses.
        training: Items to train on.
        validation: Items that select the best epoch.
        settings: Settings of the run.
        folder: Folder for checkpoint, weights and metrics.
        on_progress: Called with the run's progress.

    Attributes:
        history: The metrics of each finished epoch.
        learners: The optimisation of each network that is trained.
        device: Device of the networks.
    """

    def __init__(
        self,
        task: Task,
        training: Items,
        validation: Items,
        settings: TrainingSettings,
        folder: Path,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.task, self.training, self.validation = task, training, validation
        self.settings, self.folder, self.on_progress = settings, folder, on_progress
        self.history: list[Row] = []
        self.device = next(task.networks.parameters()).device
        processes.synchronise(task.networks, self.device)
        self._format = torch.channels_last if settings.channels_last else torch.preserve_format
        task.networks.to(memory_format=self._format)  # type: ignore[call-overload]
        self.learners = {name: Learner(name, task.networks[name], settings) for name in task.turns}
        several = len(self.learners) > 1
        self._losses = {turn: f"train_{turn}_loss" if several else "train_loss" for turn in self.learners}
        self._norms = {turn: f"gradient_norm_{turn}" for turn in self.learners}
        # Gradients that overflow in float16 are handled by the loss scale.
        self._watched = {*self._losses.values(), *(self._norms.values() if settings.precision != "float16" else ())}
        items = {"training": len(training), "validation": len(validation)}
        recipe = {"task": dict(task.description), "items": items, **settings.model_dump()}
        self._recipe = json.loads(json.dumps(recipe))  # turns tuples into lists, to compare with a checkpoint

    @property
    def best_epoch(self) -> int:
        """The first epoch with the best validation metric, from 1; the history must not be empty."""
        values = [row[f"validation_{self.task.selected_by}"] for row in self.history]
        return values.index(max(values) if self.task.larger_is_better else min(values)) + 1

    @property
    def status(self) -> Status | None:
        """How the run ended; None if it has not."""
        done, patience = len(self.history), self.settings.patience
        if done == self.settings.epochs:
            return "finished"
        if done and patience is not None and done - self.best_epoch >= patience:
            return "stopped early"
        return None

    def resume(self) -> None:
        """Restores the folder's checkpoint, if there is one.

        Raises:
            CheckpointError: The checkpoint is damaged or of another run.
        """
        path = self.folder / LAST
        state = load_checkpoint(path, self._recipe)
        if state is None:
            return
        try:
            self.task.networks.load_state_dict(state["networks"])
            for name, learner in self.learners.items():
                learner.load_state_dict(state["learners"][name])
            self.history = list(state["history"])
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path}: expected a run of the same networks, got others ({one_line(error)}); choose another folder."
            ) from error

    def write(self) -> None:
        """Writes best weights, metrics and checkpoint; the checkpoint last, as a resumed run relies on all of them."""
        if self.best_epoch == len(self.history):
            metadata = {"recipe": self._recipe, "figures": self.history[-1]}
            with self._averages():
                save_weights(self.folder / BEST, self.task.networks, metadata)
        write_metrics(self.folder, self.history)
        state = {
            "networks": self.task.networks.state_dict(),
            "learners": {name: learner.state_dict() for name, learner in self.learners.items()},
            "history": self.history,
        }
        save_checkpoint(self.folder / LAST, self._recipe, state)

    def epoch(self) -> None:
        """Trains and validates for one epoch."""
        began = time.perf_counter()
        torch.manual_seed(derived_seed(self.settings.seed, len(self.history), DROPOUT, processes.rank()))
        trained = self._train()
        row = {
            "epoch": len(self.history) + 1,
            **trained,
            **self._validate(),
            **{f"learning_rate_{name}": learner.learning_rate for name, learner in self.learners.items()},
            "seconds": time.perf_counter() - began,
        }
        self.history.append(row)
        steps = len(self.training) // self.settings.batch_size
        self.on_progress(Progress(len(self.history), self.settings.epochs, steps, steps, row))

    def _train(self) -> Row:
        """Trains for one epoch; returns the means of the training metrics."""
        number, epochs = len(self.history), self.settings.epochs
        self.task.networks.eval()
        for name in self.learners:
            self.task.networks[name].train()
        order = shuffled(len(self.training), self.settings.batch_size, derived_seed(self.settings.seed, number, ORDER))
        seed = derived_seed(self.settings.seed, number, AUGMENTATION, processes.rank())
        metrics = StepMetrics()
        try:
            for step, batch in enumerate(self._batches(self.training, order, seed)):
                done = number + step / len(order)
                self.task.progress = done / epochs
                metrics.add(self._step(batch, self.settings.schedule.factor(done, epochs)))
                if (step + 1) % CHECK_EVERY == 0 or step + 1 == len(order):
                    if (bad := metrics.synchronise(self._watched)) is not None:
                        raise self._diverged(bad.name, bad.value, f", step {bad.step + 1}")
                    self.on_progress(Progress(number + 1, epochs, step + 1, len(order)))
        finally:
            for learner in self.learners.values():
                learner.require_grad(True)
        return metrics.means()

    def _step(self, batch: Batch, factor: float) -> Metrics:
        """Updates each network once; returns losses, metrics and gradient norms."""
        metrics: Metrics = {}
        for turn in self.task.turns:
            if len(self.learners) > 1:
                for name, learner in self.learners.items():
                    learner.require_grad(name == turn)
            with self._precision():
                loss, terms = self.task.loss(turn, batch)
            metrics[self._losses[turn]] = loss.detach()
            metrics |= {f"train_{name}": value for name, value in terms.items()}
            metrics[self._norms[turn]] = self.learners[turn].step(loss, factor)
        return metrics

    @torch.no_grad()
    def _validate(self) -> Row:
        """Means of the validation metrics, with averaged weights if there are any."""
        processes.broadcast(self.task.networks.buffers())
        self.task.networks.eval()
        order = in_order(len(self.validation), self.settings.batch_size)
        sums = MetricSums()
        with self._averages():
            for batch in self._batches(self.validation, order, self.settings.seed):
                with self._precision():
                    sums.add(self.task.validate(batch))
        means = {f"validation_{name}": value for name, value in sums.means().items()}
        name = f"validation_{self.task.selected_by}"
        if not math.isfinite(means[name]):
            raise self._diverged(name, means[name], "")
        return means

    @torch.no_grad()
    def pictures(self) -> dict[str, Tensor]:
        """The task's pictures of the first validation items."""
        self.task.networks.eval()
        order = in_order(min(PICTURED_ITEMS, len(self.validation)), PICTURED_ITEMS)
        batch = next(iter(self.validation.batches(order, self.settings.seed)))
        with self._averages(), self._precision():
            return self.task.pictures(tuple(tensor.to(self.device) for tensor in batch))

    def _batches(self, items: Items, order: Order, seed: int) -> Iterator[Batch]:
        """Yields this process's part of each batch, on the device."""
        for batch in items.batches(processes.local_batches(order), seed):
            yield tuple(
                tensor.to(
                    self.device,
                    non_blocking=True,
                    memory_format=self._format if tensor.ndim == 4 else torch.preserve_format,
                )
                for tensor in batch
            )

    def _precision(self) -> AbstractContextManager[object]:
        precision = self.settings.precision
        if precision == "float32" or (precision == "bfloat16" and not has_bfloat16(self.device)):
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.settings.precision))

    @contextmanager
    def _averages(self) -> Iterator[None]:
        """Context in which the networks have their averaged weights, if there are any."""
        with ExitStack() as stack:
            for learner in self.learners.values():
                if learner.average is not None:
                    stack.enter_context(learner.average.applied())
            yield

    def _diverged(self, name: str, value: float, where: str) -> TrainingError:
        done = len(self.history)
        kept = f"{self.folder / LAST} holds the epochs before" if done else "no epoch was finished"
        return TrainingError(
            f"Expected a finite {name}, got {value} in epoch {done + 1}{where}; try a lower learning rate, a warm-up, "
            f"clip_norm or another precision ({kept})."
        )
