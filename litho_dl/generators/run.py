"""Training a generator: all stages of its recipe, test scores, and the file of weights."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from litho_dl.core.device import device_name
from litho_dl.core.errors import CheckpointError
from litho_dl.core.grid import Grid
from litho_dl.core.io import file_digest
from litho_dl.generators.drawn import DrawnTargets
from litho_dl.generators.items import PairItems, PairSet
from litho_dl.generators.model import (
    ANY_OPTICS,
    Card,
    Generator,
    OpticsCard,
    StageCard,
    TrainingCard,
    make_generator,
    save_generator,
)
from litho_dl.generators.optics_set import OpticsSet, held_out
from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.generators.surrogate import SurrogateTask
from litho_dl.generators.task import MaskTask
from litho_dl.generators.terms import ADVERSARIAL
from litho_dl.generators.unrolled_task import UnrolledTask
from litho_dl.models.registry import DISCRIMINATORS
from litho_dl.nn.periodic import periodic
from litho_dl.process.identity import process_digest
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator
from litho_dl.training import processes
from litho_dl.training.batches import Items, TensorItems, in_order
from litho_dl.training.checkpoint import BEST, load_weights
from litho_dl.training.loop import TrainingResult, train
from litho_dl.training.run import Progress, ScoringProgress
from litho_dl.training.task import Task

MODEL = "model.safetensors"
CHECKED_CLIPS = 3  # of which a model card keeps the scores


@dataclass(frozen=True, eq=False, repr=False)
class GeneratorRun:
    """A finished training.

    Attributes:
        stages: History and status of each stage, by name.
        card: The model card of the file of weights.
        network: The network with the file's weights.
        path: The file of weights.
        parameters: Number of parameters of the network.
    """

    stages: dict[str, TrainingResult]
    card: Card
    network: nn.Module
    path: Path
    parameters: int

    def __repr__(self) -> str:
        stages = ", ".join(f"{name} {len(result.history)} epochs" for name, result in self.stages.items())
        scores = ", ".join(f"{name} {value:,.4g}" for name, value in self.card.scores.items())
        return f"GeneratorRun({self.card.recipe.network} in {self.path}: {stages}\n  test {scores})"


def run_generator(
    recipe: GeneratorRecipe,
    pairs: PairSet | OpticsSet,
    folder: str | Path,
    *,
    device: torch.device,
    command: str = "",
    on_progress: Callable[[Progress | ScoringProgress], None] = lambda progress: None,
    tensorboard: bool = False,
    start: Generator | None = None,
) -> GeneratorRun | None:
    """Trains the stages of a recipe in order, each in its own folder, and writes `model.safetensors`.

    The file holds the best weights of all stages, which share their validation metric; the last stage need not be the
    best. A run that the folder holds is resumed.

    Args:
        recipe: The recipe; the seed of its first stage also determines the initial weights.
        pairs: The data set, or the random optics of a network that sees them.
        folder: Folder for the stages' folders and the file.
        device: Device to compute on.
        command: Command line for the model card.
        on_progress: See `training.loop.train`, for each stage; also called while the test pairs are scored.
        tensorboard: See `train`.
        start: Weights to start from, such as those for other optics; only the last stage is run then, as the others
            would only find such weights.

    Returns:
        The finished training in process 0, which scores and writes the network; None in other processes.

    Raises:
        CheckpointError: The start is another network.
        LithoError: As `train`.
        KeyboardInterrupt: Ctrl-C; the folder keeps the finished epochs.
    """
    folder, simulators = Path(folder), [Simulator(process).to(device) for process in pairs.processes]
    stages: dict[str, TrainingResult] = {}
    previous: Path | None = None
    best: _BestStage | None = None
    if start is not None and start.card.recipe.network != recipe.network:
        raise CheckpointError(f"{start.origin}: expected weights of {recipe.network}, got {start.card.recipe.network}.")
    numbered = list(enumerate(recipe.stages, 1))
    for number, stage in numbered if start is None else numbered[-1:]:
        task = make_task(recipe, stage, pairs, simulators, start)
        if previous is not None and processes.rank() == 0:  # `train` copies its weights to the other processes
            load_weights(previous / BEST, nn.ModuleDict({"generator": task.networks["generator"]}))
        previous = folder / f"{number}-{stage.name}"
        items = pairs.stage_items(recipe, stage)
        result = train(task, items, pairs.validation, stage.training, previous, on_progress, tensorboard=tensorboard)
        if result.status == "interrupted":
            raise KeyboardInterrupt
        stages[stage.name] = result
        validation = result.best[f"validation_{task.selected_by}"]
        if best is None or (validation > best.validation if task.larger_is_better else validation < best.validation):
            best = _BestStage(stage, task, previous, validation)
    if processes.rank() > 0:
        return None
    assert best is not None
    load_weights(best.folder / BEST, best.task.networks)
    training = TrainingCard(
        command=command,
        device=_devices(device),
        stages={name: _stage_card(result, best.task.selected_by) for name, result in stages.items()},
        kept=best.stage.name,
        start=None if start is None else start.card,
    )
    return _score_and_save(recipe, pairs, best, stages, training, folder / MODEL, on_progress)


class _BestStage(NamedTuple):
    """The stage with the best validation metric so far, and its folder."""

    stage: Stage
    task: Task
    folder: Path
    validation: float


def make_task(
    recipe: GeneratorRecipe,
    stage: Stage,
    pairs: PairSet | OpticsSet,
    simulators: Sequence[Simulator],
    start: Generator | None = None,
) -> Task:
    """The task of a stage, with networks on the simulators' device.

    Args:
        recipe: The recipe.
        stage: The recipe's stage.
        pairs: The data set, or random optics.
        simulators: Simulators of its processes.
        start: Generator whose weights the stage starts from; None for random weights.

    Returns:
        The task.
    """
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(recipe.stages[0].training.seed)
        networks = nn.ModuleDict({"generator": make_generator(recipe.network)})
        if ADVERSARIAL in stage.loss:
            assert recipe.discriminator is not None
            networks["discriminator"] = periodic(DISCRIMINATORS[recipe.discriminator]())
    if start is not None:
        networks["generator"].load_state_dict(start.weights.state_dict())
    description = {
        "generator": recipe.model_dump(mode="json", exclude={"description", "stages", "half_precision"}),
        "stage": stage.model_dump(mode="json", exclude={"training"}),
        "optics": [process_digest(process) for process in pairs.processes],
        "data": pairs.description,
        "start": None if start is None else file_digest(start.origin),
    }
    networks.to(simulators[0].device)
    kind = UnrolledTask if recipe.sees_optics else SurrogateTask if recipe.is_surrogate else MaskTask
    return kind(networks, recipe, stage, simulators, description)


def _score_and_save(
    recipe: GeneratorRecipe,
    pairs: PairSet | OpticsSet,
    best: _BestStage,
    stages: dict[str, TrainingResult],
    training: TrainingCard,
    path: Path,
    on_progress: Callable[[ScoringProgress], None],
) -> GeneratorRun:
    """Rounds the weights to the stored precision, scores them on the test pairs, and writes them."""
    network = best.task.networks["generator"]
    if recipe.half_precision:
        network.half().float()
    scores = score(best.task, pairs.test, best.stage.training.batch_size, on_progress)
    checked: Items | None
    if isinstance(pairs, OpticsSet):
        checked, optics = checked_optics(recipe), ANY_OPTICS
    else:
        checked, optics = checked_clips(recipe, pairs.process), OpticsCard.of(pairs.optics, pairs.process)
    card = Card(
        recipe=recipe,
        optics=optics,
        data=pairs.description,
        scores=scores,
        check=score(best.task, checked, CHECKED_CLIPS) if checked is not None else {},
        training=training,
    )
    save_generator(path, network, card)
    return GeneratorRun(stages, card, network, path, sum(weight.numel() for weight in network.parameters()))


def checked_clips(recipe: GeneratorRecipe, process: ProcessModel) -> PairItems | None:
    """The clips that a model card keeps scores of, so that a file of weights can be checked without its data set.

    They are drawn from what the recipe's stages draw, and are their own masks; None if no stage draws clips.
    """
    sources = [source for stage in recipe.stages for source in stage.clips]
    if not sources:
        return None
    rare = [source.model_copy(update={"count": 1}) for source in sources]
    drawn = DrawnTargets(rare, Grid.of_field(process.field_nm, recipe.pixel_nm))
    count = min(CHECKED_CLIPS, len(drawn))
    ((targets,),) = drawn.batches([torch.arange(count) * len(drawn) // count], seed=0)
    masks = targets.repeat_interleave(recipe.ratio, -1).repeat_interleave(recipe.ratio, -2)
    return PairItems(targets[:, 0].numpy(), masks[:, 0].numpy())


def checked_optics(recipe: GeneratorRecipe) -> TensorItems:
    """The same for a network that sees its optics: clips under the first optics of the test."""
    assert recipe.optics is not None
    first = recipe.optics.count + recipe.optics.held_out
    few = recipe.model_copy(update={"optics": recipe.optics.model_copy(update={"clips": 1})})
    return held_out(few, recipe.stages[-1].clips, range(first, first + min(CHECKED_CLIPS, recipe.optics.held_out)), 0)


def _devices(device: torch.device) -> str:
    """Number and names of the devices of the run."""
    return f"{processes.world_size()} x {device_name(device)}" if processes.world_size() > 1 else device_name(device)


def _stage_card(result: TrainingResult, selected_by: str) -> StageCard:
    """The record of a stage for the model card."""
    return StageCard(
        epochs=len(result.history),
        best_epoch=result.best_epoch,
        validation={selected_by: result.best[f"validation_{selected_by}"]},
        seconds=round(result.seconds, 1),
    )


@torch.no_grad()
def score(
    task: Task,
    items: Items,
    batch_size: int,
    on_progress: Callable[[ScoringProgress], None] = lambda progress: None,
) -> dict[str, float]:
    """Means of the validation metrics over some items.

    Args:
        task: The task, with the weights to score.
        items: The items.
        batch_size: Items per batch.
        on_progress: Called after each batch.

    Returns:
        The means by name.
    """
    task.networks.eval()
    device = next(task.networks.parameters()).device
    order, sums = in_order(len(items), batch_size), defaultdict[str, float](float)
    for done, batch in enumerate(items.batches(order, seed=0), 1):
        for name, value in task.validate(tuple(image.to(device) for image in batch)).items():
            sums[name] += float(value)
        on_progress(ScoringProgress(done, len(order)))
    count = sums.pop("count")
    return {name: value / count for name, value in sums.items()}
