"""A recipe from its first stage to the file that is used."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from litho_dl.core.errors import CheckpointError
from litho_dl.generators.items import PairItems, PairSet
from litho_dl.generators.model import Card, Generator, Optics, make_generator, save_generator
from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.generators.surrogate import SurrogateTask
from litho_dl.generators.task import MaskTask
from litho_dl.generators.terms import ADVERSARIAL
from litho_dl.models.registry import DISCRIMINATORS
from litho_dl.nn.periodic import periodic
from litho_dl.process.identity import process_digest
from litho_dl.simulator import Simulator
from litho_dl.training import processes
from litho_dl.training.batches import in_order
from litho_dl.training.checkpoint import BEST, load_weights
from litho_dl.training.loop import TrainingResult, train
from litho_dl.training.run import Progress
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
    on_progress: Callable[[Progress], None] = lambda progress: None,
    tensorboard: bool = False,
    start: Generator | None = None,
) -> GeneratorRun | None:
    """Trains a recipe's stages one after the other, each in a folder of its own, and writes `model.safetensors`.

    A folder that holds part of the same run is continued.

    Args:
        recipe: What to train; the seed of its first stage decides the starting weights too.
        pairs: The data set.
        folder: Where the stages' folders and the file go.
        device: Where to compute.
        on_progress: See `training.loop.train`, for each stage.
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
    if start is not None and start.card.recipe.network != recipe.network:
        raise CheckpointError(f"{start.origin}: expected weights of {recipe.network}, got {start.card.recipe.network}.")
    for number, stage in enumerate(recipe.stages if start is None else recipe.stages[-1:], 1):
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
    if processes.rank() > 0:
        return None
    assert before is not None
    load_weights(before / BEST, task.networks)
    return _finished(recipe, pairs, task, stages, folder / MODEL, start)


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
        "start": None if start is None else start.card.model_dump(mode="json"),
    }
    kind = SurrogateTask if recipe.is_surrogate else MaskTask
    return kind(networks.to(simulator.device), recipe, stage, simulator, description)


def _finished(
    recipe: GeneratorRecipe,
    pairs: PairSet,
    task: Task,
    stages: dict[str, TrainingResult],
    path: Path,
    start: Generator | None,
) -> GeneratorRun:
    """Scores the weights as they are kept, and keeps them."""
    network = task.networks["generator"]
    if recipe.half_precision:
        network.half().float()
    scores = score(task, pairs.test, recipe.stages[-1].training.batch_size)
    optics = Optics(name=pairs.optics, digest=process_digest(pairs.process))
    card = Card(
        recipe=recipe,
        optics=optics,
        data=pairs.description,
        scores=scores,
        start=None if start is None else start.card,
    )
    save_generator(path, network, card)
    return GeneratorRun(stages, card, network, path, sum(weight.numel() for weight in network.parameters()))


@torch.no_grad()
def score(task: Task, items: PairItems, batch_size: int) -> dict[str, float]:
    """Means of what validation reports, with the networks as they are."""
    task.networks.eval()
    device = next(task.networks.parameters()).device
    sums: dict[str, float] = defaultdict(float)
    for batch in items.batches(in_order(len(items), batch_size), seed=0):
        for name, value in task.validate(tuple(image.to(device) for image in batch)).items():
            sums[name] += float(value)
    count = sums.pop("count")
    return {name: value / count for name, value in sums.items()}
