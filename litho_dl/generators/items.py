"""The pairs of a data set in memory, and the optics that generators are trained for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from litho_dl.core.dihedral import turned
from litho_dl.core.errors import DatasetError, GridMismatchError
from litho_dl.core.grid import Grid, same_length
from litho_dl.generators.drawn import DrawnTargets
from litho_dl.generators.recipe import GeneratorRecipe, Stage, fitting_text
from litho_dl.pairs.dataset import PairDataset
from litho_dl.pairs.shard import OPTICS
from litho_dl.process.files import read_optics
from litho_dl.process.identity import process_digest
from litho_dl.process.kernel_file import load_kernels
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.symmetry import imaging_symmetries
from litho_dl.training.batches import Items, Order
from litho_dl.training.task import Batch


@dataclass(frozen=True, eq=False, repr=False)
class PairItems:
    """Targets and masks; batches are uint8 (B, 1, h, w) and (B, 1, H, W), 255 = covered.

    Attributes:
        targets: uint8 (n, h, w), on the network's pixel.
        masks: uint8 (n, H, W), on the pixel of written masks.
        symmetries: Symmetries of which a random one is applied to each pair of a batch; see `core.dihedral`.
    """

    targets: np.ndarray
    masks: np.ndarray
    symmetries: tuple[str, ...] = ("identity",)

    def __repr__(self) -> str:
        shapes = (" x ".join(map(str, images.shape[1:])) for images in (self.targets, self.masks))
        return f"PairItems({len(self)} pairs: targets of {next(shapes)}, masks of {next(shapes)} pixels)"

    def __len__(self) -> int:
        return len(self.targets)

    def batches(self, order: Order, seed: int) -> Iterator[Batch]:
        """Yields one batch for each tensor of indices.

        Args:
            order: Indices of each batch, (B,) int64.
            seed: Seed of the random symmetries.

        Returns:
            Targets, uint8 (B, 1, h, w), and masks, uint8 (B, 1, H, W), of each batch.
        """
        generator = np.random.default_rng(seed)
        for indices in order:
            drawn = [self.symmetries[index] for index in generator.integers(len(self.symmetries), size=len(indices))]
            pairs = list(zip(indices.tolist(), drawn, strict=True))
            yield tuple(
                torch.from_numpy(np.stack([turned(images[index], symmetry) for index, symmetry in pairs]))[:, None]
                for images in (self.targets, self.masks)
            )


@dataclass(frozen=True, eq=False, repr=False)
class PairSet:
    """Data sets as a recipe uses them.

    Attributes:
        training: Pairs to train on, with random symmetries of the optics.
        validation: Pairs that select the best epoch.
        test: All pairs of the test split, for the final scores.
        process: Process model that simulates the prints of masks.
        optics: Name of its optics.
        description: Plain values that describe the data sets.
    """

    training: PairItems
    validation: PairItems
    test: PairItems
    process: ProcessModel
    optics: str
    description: dict[str, Any]

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(getattr(self, name)):,} {name}" for name in ("training", "validation", "test"))
        return f"PairSet({counts} pairs for {self.optics})"

    @property
    def processes(self) -> tuple[ProcessModel, ...]:
        """The one process."""
        return (self.process,)

    def stage_items(self, recipe: GeneratorRecipe, stage: Stage) -> Items:
        """What a stage trains on: clips drawn for it, or the training pairs."""
        if stage.clips:
            return DrawnTargets(stage.clips, Grid.of_field(self.process.field_nm, recipe.pixel_nm))
        return self.training


def load_pair_set(
    folders: str | Path | Sequence[str | Path], recipe: GeneratorRecipe, optics: str | None = None
) -> PairSet:
    """Reads data sets into memory.

    Args:
        folders: The data set, or several of the same optics, whose pairs are put together.
        recipe: Recipe with the pixels, and the numbers of pairs to use of each data set.
        optics: Optics to train for, as for `--optics`, with the data sets' field; default the data sets' own. With
            other optics, the masks of the pairs are not optimised for the optics that simulate the prints.

    Returns:
        The pairs and the process.

    Raises:
        DatasetError: See `pairs.dataset.PairDataset`; or the recipe takes no data sets, the pairs' pixel does not
            divide the recipe's, or the data sets are of different optics.
        LithoError: The optics cannot be loaded, or have another field.
    """
    if recipe.sees_optics:
        raise DatasetError(f"{recipe.network} is trained on random optics and clips, got data sets; leave them out.")
    folders = [folders] if isinstance(folders, str | Path) else list(folders)
    every = [PairDataset(folder).settings for folder in folders]
    for folder, settings in zip(folders, every, strict=True):
        _require_pixel(folder, float(settings["recipe"]["pixel_nm"]), recipe)
    process = load_kernels(Path(folders[0]) / OPTICS)
    for folder in folders[1:]:
        if process_digest(load_kernels(Path(folder) / OPTICS)) != process_digest(process):
            raise DatasetError(
                f"{folder}: expected pairs for the optics of {folders[0]}, {every[0]['recipe']['optics']}, got pairs "
                f"for others; train on data sets of one optics."
            )
    symmetries = tuple(every[0]["symmetries"])
    if optics is not None:
        process = _process(optics, process.field_nm)
        symmetries = imaging_symmetries(process)
    training = PairItems(*_read(folders, "train", recipe, recipe.training_pairs), symmetries)
    validation = PairItems(*_read(folders, "validation", recipe, recipe.validation_pairs))
    test = PairItems(*_read(folders, "test", recipe, None))
    counts = {"training": len(training), "validation": len(validation), "test": len(test)}
    sets = [{"description": each["recipe"]["description"], "digest": each["digest"]} for each in every]
    name = Path(optics or every[0]["recipe"]["optics"]).name
    return PairSet(training, validation, test, process, name, {"sets": sets, "pairs": counts})


def _process(optics: str, field_nm: tuple[float, float]) -> ProcessModel:
    """The process of other optics, with the data sets' field."""
    read = read_optics(optics, field_nm=field_nm[0])
    if not all(same_length(side, own) for side, own in zip(read.field_nm, field_nm, strict=True)):
        raise GridMismatchError(
            f"Expected optics of the data set's field of {field_nm[1]:g} x {field_nm[0]:g} nm, got "
            f"{read.field_nm[1]:g} x {read.field_nm[0]:g} nm; choose others (--optics)."
        )
    return read.process()


def _require_pixel(folder: str | Path, stored_nm: float, recipe: GeneratorRecipe) -> None:
    if not recipe.fits(stored_nm):
        wanted = " and ".join(f"{pixel:g}" for pixel in dict.fromkeys((recipe.pixel_nm, recipe.mask_pixel_nm)))
        raise DatasetError(
            f"{folder}: expected pairs on a pixel that divides those of the recipe of {recipe.network}, {wanted} nm, "
            f"got pairs on {stored_nm:g} nm; set pixel_nm = {recipe.mask_pixel_nm:g} in the data set's recipe and "
            f"build it again, or train another recipe: {fitting_text(stored_nm)}."
        )


def _read(
    folders: Sequence[str | Path],
    split: Literal["train", "validation", "test"],
    recipe: GeneratorRecipe,
    limit: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and masks of a split; at most `limit` of a folder, evenly spread, as kinds follow one another."""
    images = []
    for name, pixel_nm in (("target", recipe.pixel_nm), ("mask", recipe.mask_pixel_nm)):
        found = []
        for folder in folders:
            stored = PairDataset(folder, split, pixel_nm=pixel_nm, images=(name,), dtype=torch.uint8)
            count = min(len(stored), limit or len(stored))
            found += [stored[index * len(stored) // count][0][0].numpy() for index in range(count)]
        images.append(np.stack(found))
    return images[0], images[1]
