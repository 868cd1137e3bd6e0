"""A data set in memory: pairs as bytes, and the optics that they are for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from litho_dl.core.dihedral import turned
from litho_dl.generators.recipe import GeneratorRecipe
from litho_dl.pairs.dataset import PairDataset
from litho_dl.pairs.shard import OPTICS
from litho_dl.process.files import load_kernels, load_process
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.symmetry import imaging_symmetries
from litho_dl.training.batches import Order
from litho_dl.training.task import Batch


@dataclass(frozen=True, eq=False)
class PairItems:
    """Targets and masks; batches of them are uint8 (B, 1, h, w) and (B, 1, H, W), 255 = covered.

    Attributes:
        targets: (n, h, w), on the network's pixel.
        masks: (n, H, W), on that of written masks.
        symmetries: Each pair of a batch is turned by one of these, drawn at random; see `core.symmetry`.
    """

    targets: np.ndarray
    masks: np.ndarray
    symmetries: tuple[str, ...] = ("identity",)

    def __len__(self) -> int:
        return len(self.targets)

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        """See `training.batches.Items`."""
        generator = np.random.default_rng(seed)
        for indices in order:
            drawn = [self.symmetries[index] for index in generator.integers(len(self.symmetries), size=len(indices))]
            pairs = list(zip(indices.tolist(), drawn, strict=True))
            yield tuple(
                torch.from_numpy(np.stack([turned(images[index], symmetry) for index, symmetry in pairs]))[:, None]
                for images in (self.targets, self.masks)
            )


@dataclass(frozen=True, eq=False)
class PairSet:
    """What a recipe makes of a data set.

    Attributes:
        training: Turned at random by the symmetries of the optics.
        validation: To choose the best epoch by.
        test: All of them, for the scores in the end.
        process: What masks are printed by.
        optics: Its name.
        description: The data set in a few plain values.
    """

    training: PairItems
    validation: PairItems
    test: PairItems
    process: ProcessModel
    optics: str
    description: dict[str, Any]


def load_pair_set(folder: str | Path, recipe: GeneratorRecipe, optics: str | None = None) -> PairSet:
    """Reads a data set.

    Args:
        folder: The data set.
        recipe: Pixels, and how many pairs are used.
        optics: As `--optics`, on the data set's field, in place of its own: masks are then for others than print them.

    Raises:
        DatasetError: See `data.dataset.PairDataset`.
        LithoError: The optics cannot be loaded, or are for another field.
    """
    settings = PairDataset(folder).settings
    if optics is None:
        process, optics = load_kernels(Path(folder) / OPTICS), settings["recipe"]["optics"]
        symmetries = tuple(settings["symmetries"])
    else:
        field_nm = tuple(settings["field_nm"])
        process = load_process(optics, field_nm=field_nm[0])
        next(iter(process.kernels.values())).require_field(field_nm)
        symmetries = imaging_symmetries(process)
    training = PairItems(*_read(folder, "train", recipe, recipe.training_pairs), symmetries)
    validation = PairItems(*_read(folder, "validation", recipe, recipe.validation_pairs))
    test = PairItems(*_read(folder, "test", recipe, None))
    counts = {"training": len(training), "validation": len(validation), "test": len(test)}
    description = {"description": settings["recipe"]["description"], "digest": settings["digest"], "pairs": counts}
    return PairSet(training, validation, test, process, Path(optics).name, description)


def _read(
    folder: str | Path, split: Literal["train", "validation", "test"], recipe: GeneratorRecipe, most: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and masks of a split; of `most`, evenly spread, for its kinds of clips come one after the other."""
    images = []
    for name, pixel_nm in (("target", recipe.pixel_nm), ("mask", recipe.mask_pixel_nm)):
        stored = PairDataset(folder, split, pixel_nm=pixel_nm, images=(name,), dtype=torch.uint8)
        count = min(len(stored), most or len(stored))
        images.append(np.stack([stored[index * len(stored) // count][0][0].numpy() for index in range(count)]))
    return images[0], images[1]
