"""A recipe from its first stage to the file that is used."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from litho_dl.core.device import device_name
from litho_dl.core.errors import CheckpointError
from litho_dl.core.io import file_digest
from litho_dl.generators.items import PairItems, PairSet
from litho_dl.generators.model import (
    Card,
    Generator,
    OpticsCard,
    StageCard,
    TrainingCard,
    make_generator,
    save_generator,
)
from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.generators.surrogate import SurrogateTask
from litho_dl.generators.task import MaskTask
from litho_dl.generators.terms import ADVERSARIAL
from litho_dl.models.registry import DISCRIMINATORS
from litho_dl.nn.periodic import periodic
from litho_dl.process.identity import process_digest
from litho_dl.simulation.simulator import Simulator
from litho_dl.training import processes
from litho_dl.training.batches import in_order
from litho_dl.training.checkpoint import BEST, load_weights
from litho_dl.training.loop import TrainingResult, train
from litho_dl.training.run import Progress, Scoring
from litho_dl.training.task import Task

MODEL = "model.safetensors"


@dataclass(frozen=True, eq=False)
class GeneratorRun:
    """A trained generator.

    Attributes:
        stages: How that went, by the stages' names.
        card: What the file of weights says, the recipe included.
        network: With the weights that are in the file.
        path: The file.
        parameters: Trainable numbers of the generator.
    """

    stages: dict[str, TrainingResult]
    card: Card
    network: nn.Module
    path: Path
    parameters: int


def run_generator(
    recipe: GeneratorRecipe,
    pairs: PairSet,
    folder: str | Path,
    *,
    device: torch.device,
    command: str = "",
    on_progress: Callable[[Progress | Scoring], None] = lambda progress: None,
    tensorboard: bool = False,
    start: Generator | None = None,
) -> GeneratorRun | None:
    """Trains a recipe's stages one after the other, each in a folder of its own, and writes `model.safetensors`.

    The file holds the weights that validated best in any stage: all validate alike, and the last need not be the best.

    A folder that holds part of the same run is continued.

    Args:
        recipe: What to train; the seed of its first stage decides the starting weights too.
        pairs: The data set.
        folder: Where the stages' folders and the file go.
        device: Where to compute.
        command: How to do it again, for the card.
        on_progress: See `training.loop.train`, for each stage; then called as the test pairs are scored.
        tensorboard: See `train`.
        start: Weights to go on from, such as those for other optics. Only the last stage is run: the others are there
            to find such weights.

    Returns:
        None in all processes but the first, which alone scores and writes.

    Raises:
        CheckpointError: The start is another network.
        LithoError: As `train`.
        KeyboardInterrupt: Ctrl-C; the folder keeps the epochs done.
    """
    folder, simulator = Path(folder), Simulator(pairs.process).to(device)
    stages: dict[str, TrainingResult] = {}
    before: Path | None = None
    kept: _Kept | None = None
    if start is not None and start.card.recipe.network != recipe.network:
        raise CheckpointError(f"{start.origin}: expected weights of {recipe.network}, got {start.card.recipe.network}.")
    numbered = list(enumerate(recipe.stages, 1))
    for number, stage in numbered if start is None else numbered[-1:]:
        task = make_task(recipe, stage, pairs, simulator, start)
        if before is not None and processes.rank() == 0:  # it alone wrote them, and hands them on
            load_weights(before / BEST, nn.ModuleDict({"generator": task.networks["generator"]}))
        before = folder / f"{number}-{stage.name}"
        result = train(
            task, pairs.training, pairs.validation, stage.training, before, on_progress, tensorboard=tensorboard
        )
        if result.status == "interrupted":
            raise KeyboardInterrupt
        stages[stage.name] = result
        validation = result.best[f"validation_{task.selected_by}"]
        if kept is None or (validation > kept.validation if task.larger_is_better else validation < kept.validation):
            kept = _Kept(stage, task, before, validation)
    if processes.rank() > 0:
        return None
    assert kept is not None
    load_weights(kept.folder / BEST, kept.task.networks)
    how = TrainingCard(
        command=command,
        device=_devices(simulator.device),
        stages={name: _stage_card(result, kept.task.selected_by) for name, result in stages.items()},
        kept=kept.stage.name,
        start=None if start is None else start.card,
    )
    return _finished(recipe, pairs, kept, stages, how, folder / MODEL, on_progress)


class _Kept(NamedTuple):
    """The stage whose best weights are the best so far."""

    stage: Stage
    task: Task
    folder: Path
    validation: float


def make_task(
    recipe: GeneratorRecipe, stage: Stage, pairs: PairSet, simulator: Simulator, start: Generator | None = None
) -> Task:
    """A stage's task with new networks, or the start's generator, on the simulator's device."""
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(recipe.stages[0].training.seed)
        networks = nn.ModuleDict({"generator": make_generator(recipe.network)})
        if ADVERSARIAL in stage.loss:
            assert recipe.discriminator is not None
            networks["discriminator"] = periodic(DISCRIMINATORS[recipe.discriminator]())
    if start is not None:
        networks["generator"].load_state_dict(start.network.state_dict())
    description = {
        "generator": recipe.model_dump(mode="json", exclude={"description", "stages", "half_precision"}),
        "stage": stage.model_dump(mode="json", exclude={"training"}),
        "optics": process_digest(pairs.process),
        "data": pairs.description,
        "start": None if start is None else file_digest(start.origin),
    }
    kind = SurrogateTask if recipe.is_surrogate else MaskTask
    return kind(networks.to(simulator.device), recipe, stage, simulator, description)


def _finished(
    recipe: GeneratorRecipe,
    pairs: PairSet,
    kept: _Kept,
    stages: dict[str, TrainingResult],
    how: TrainingCard,
    path: Path,
    on_progress: Callable[[Scoring], None],
) -> GeneratorRun:
    """Scores the weights as they are kept, and keeps them."""
    network = kept.task.networks["generator"]
    if recipe.half_precision:
        network.half().float()
    scores = score(kept.task, pairs.test, kept.stage.training.batch_size, on_progress)
    card = Card(
        recipe=recipe,
        optics=OpticsCard.of(pairs.optics, pairs.process),
        data=pairs.description,
        scores=scores,
        training=how,
    )
    save_generator(path, network, card)
    return GeneratorRun(stages, card, network, path, sum(weight.numel() for weight in network.parameters()))


def _devices(device: torch.device) -> str:
    """What the run took, by name."""
    return f"{processes.world()} x {device_name(device)}" if processes.world() > 1 else device_name(device)


def _stage_card(result: TrainingResult, selected_by: str) -> StageCard:
    return StageCard(
        epochs=len(result.history),
        best_epoch=result.best_epoch,
        validation={selected_by: result.best[f"validation_{selected_by}"]},
        seconds=round(result.seconds, 1),
    )


@torch.no_grad()
def score(
    task: Task, items: PairItems, batch_size: int, on_progress: Callable[[Scoring], None] = lambda progress: None
) -> dict[str, float]:
    """Means of what validation reports, with the networks as they are."""
    task.networks.eval()
    device = next(task.networks.parameters()).device
    order, sums = in_order(len(items), batch_size), defaultdict[str, float](float)
    for done, batch in enumerate(items.batches(order, seed=0), 1):
        for name, value in task.validate(tuple(image.to(device) for image in batch)).items():
            sums[name] += float(value)
        on_progress(Scoring(done, len(order)))
    count = sums.pop("count")
    return {name: value / count for name, value in sums.items()}
