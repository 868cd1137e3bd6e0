"""Random optics with random targets, for networks that serve any optics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from litho_dl.core.grid import Grid
from litho_dl.generators.drawn import DrawnTargets
from litho_dl.generators.recipe import GeneratorRecipe, Stage
from litho_dl.pairs.recipe import GeneratedClips
from litho_dl.process.draw import drawn_process
from litho_dl.process.model import ProcessModel
from litho_dl.training.batches import Order, TensorItems, derived_seed
from litho_dl.training.task import Batch


@dataclass(frozen=True, eq=False)
class OpticsTargets:
    """Drawn targets, each with optics by chance: batches are uint8 (B, 1, h, w) and the optics' numbers, int64 (B,).

    Attributes:
        targets: The targets.
        optics: Number of optics to choose from.
    """

    targets: DrawnTargets
    optics: int

    def __len__(self) -> int:
        return len(self.targets)

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        """Yields one batch for each tensor of indices.

        Args:
            order: Indices of each batch, (B,) int64.
            seed: Seed of the clips and of the choice of optics.

        Returns:
            Targets, uint8 (B, 1, h, w), and numbers of optics, int64 (B,), of each batch.
        """
        generator = np.random.default_rng(derived_seed(seed, self.optics))
        for (targets,) in self.targets.batches(order, seed):
            yield targets, torch.from_numpy(generator.integers(self.optics, size=len(targets)))


@dataclass(frozen=True, eq=False, repr=False)
class OpticsSet:
    """Random optics as a recipe uses them, with targets to validate and test on that are held out as the optics are.

    Attributes:
        processes: The optics: those to train on, for validation, for the test.
        validation: Targets and numbers of optics that select the best epoch.
        test: The same, for the final scores.
        trained: How many of the optics are to train on; they come first.
        description: Plain values that describe them.
    """

    processes: tuple[ProcessModel, ...]
    validation: TensorItems
    test: TensorItems
    trained: int
    description: dict[str, Any]

    def __repr__(self) -> str:
        return f"OpticsSet({self.trained} optics to train on, {len(self.processes) - self.trained} held out)"

    def stage_items(self, recipe: GeneratorRecipe, stage: Stage) -> OpticsTargets:
        """What a stage trains on: clips drawn for it, under optics to train on."""
        return OpticsTargets(DrawnTargets(stage.clips, drawn_grid(recipe)), self.trained)


def drawn_grid(recipe: GeneratorRecipe) -> Grid:
    """The grid of targets for random optics, at scale 1."""
    assert recipe.optics is not None
    side_nm = recipe.optics.side * recipe.pixel_nm
    return Grid.of_field((side_nm, side_nm), recipe.pixel_nm)


def draw_optics_set(recipe: GeneratorRecipe) -> OpticsSet:
    """Draws the optics of a recipe, and the held-out targets from the clips of its last stage.

    Args:
        recipe: Recipe of a network that sees its optics.

    Returns:
        The optics and targets, the same for the same recipe.
    """
    chosen = recipe.optics
    assert chosen is not None
    count = chosen.count + 2 * chosen.held_out
    processes = tuple(drawn_process(chosen.seed + number, chosen.side, recipe.pixel_nm) for number in range(count))
    clips = recipe.stages[-1].clips
    validation, test = (
        held_out(recipe, clips, range(first, first + chosen.held_out), seed)
        for seed, first in enumerate((chosen.count, chosen.count + chosen.held_out))
    )
    counts = {"training": 0, "validation": len(validation), "test": len(test)}  # of pairs, as of data sets
    description = {"sets": [], "pairs": counts, "optics": chosen.model_dump(mode="json")}
    return OpticsSet(processes, validation, test, chosen.count, description)


def held_out(recipe: GeneratorRecipe, clips: tuple[GeneratedClips, ...], optics: range, seed: int) -> TensorItems:
    """Targets of each of some optics, spread evenly over the kinds of clips, with the optics' numbers.

    Args:
        recipe: Recipe of a network that sees its optics.
        clips: Kinds of clips.
        optics: Numbers of the optics.
        seed: Seed of the clips.
    """
    assert recipe.optics is not None
    drawn, count = DrawnTargets(clips, drawn_grid(recipe)), len(optics) * recipe.optics.clips
    indices = torch.arange(count) * len(drawn) // count
    # Neighbouring indices are of one kind: each optics gets every len(optics)-th of them.
    ((targets,),) = drawn.batches([indices], derived_seed(seed, count))
    numbers = torch.tensor(optics).repeat(recipe.optics.clips)
    return TensorItems((targets, numbers))
