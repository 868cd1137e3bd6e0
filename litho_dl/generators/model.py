"""Trained generators as files: weights, and a card that says what they are and how they came about."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from litho_dl.core.errors import CheckpointError
from litho_dl.generators.recipe import GeneratorRecipe
from litho_dl.generators.weights import SUFFIX, shipped_models
from litho_dl.models.registry import GENERATORS, SURROGATES
from litho_dl.nn.periodic import periodic
from litho_dl.process.identity import finest_period_nm, process_digest
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.checkpoint import load_weights, one_line, read_weights, save_weights


class OpticsCard(BaseModel):
    """What a network's training simulated.

    Attributes:
        name: As `--optics`, without folders.
        digest: `process.identity.process_digest`.
        finest_period_nm: `process.identity.finest_period_nm`; None in files of earlier versions.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str
    finest_period_nm: float | None = None

    @classmethod
    def of(cls, name: str, process: ProcessModel) -> "OpticsCard":
        """The card of a process."""
        return cls(name=name, digest=process_digest(process), finest_period_nm=finest_period_nm(process))

    def distance(self, process: ProcessModel) -> float:
        """How differently they resolve: the logarithm of the finest periods' ratio, without its sign."""
        if self.finest_period_nm is None:
            return math.inf
        return abs(math.log(finest_period_nm(process) / self.finest_period_nm))


class StageCard(BaseModel):
    """How a stage of training went.

    Attributes:
        epochs: How many were done.
        best_epoch: The one that validated best, from 1.
        validation: The figure that says so, by its name.
        seconds: Of all epochs, with validation.
    """

    model_config = ConfigDict(frozen=True)

    epochs: int
    best_epoch: int
    validation: dict[str, float]
    seconds: float


class TrainingCard(BaseModel):
    """How a network was trained.

    Attributes:
        command: The command line, without folders.
        device: What it ran on.
        stages: In order, by name.
        kept: The stage whose best weights these are.
        start: Of the weights that it went on from.
    """

    model_config = ConfigDict(frozen=True)

    command: str
    device: str
    stages: dict[str, StageCard]
    kept: str
    start: "Card | None" = None


class Card(BaseModel):
    """What a file of weights says of itself.

    Attributes:
        recipe: The network and its training.
        optics: What it was trained for.
        data: Description, digest and numbers of pairs of the data set.
        scores: What validation reports (`l2_nm2`, `pvb_nm2` and so on), of the data set's test split and the weights as
            they are kept.
        training: How that went; None in files of earlier versions.
        version: Of the package.
    """

    model_config = ConfigDict(frozen=True)

    recipe: GeneratorRecipe
    optics: OpticsCard
    data: dict[str, Any]
    scores: dict[str, float]
    training: TrainingCard | None = None
    version: str = ""

    @property
    def lineage(self) -> tuple["Card", ...]:
        """The cards of all trainings that led to these weights, the first one first."""
        start = self.training.start if self.training else None
        return (*(start.lineage if start else ()), self)


@dataclass(frozen=True, eq=False, repr=False)
class Generator:
    """A trained network.

    Attributes:
        network: Targets (B, 1, h, w) to logits, on a periodic field, in evaluation mode.
        card: Its card.
        origin: How errors name it.
    """

    network: nn.Module
    card: Card
    origin: str

    def __repr__(self) -> str:
        recipe, scores = self.card.recipe, self.card.scores
        numbers = sum(weight.numel() for weight in self.network.parameters())
        tested = ", ".join(f"{name} {value:,.4g}" for name, value in scores.items())
        return (
            f"Generator({recipe.network} for {self.card.optics.name}: {numbers:,} parameters, {recipe.pixel_nm:g} nm "
            f"targets to {recipe.mask_pixel_nm:g} nm masks\n  test {tested})"
        )

    def require_masks(self) -> None:
        """Raises CheckpointError unless the network draws masks."""
        if self.card.recipe.is_surrogate:
            raise CheckpointError(
                f"{self.origin}: expected a network that draws masks, got {self.card.recipe.network}."
            )


def make_generator(name: str) -> nn.Module:
    """A new generator or surrogate of the registry, on a periodic field."""
    return periodic((GENERATORS | SURROGATES)[name]())


def save_generator(path: Path, network: nn.Module, card: Card) -> None:
    """Writes a generator's file, in 16 bits if its recipe says so."""
    networks = nn.ModuleDict({"generator": network})
    metadata = {"card": card.model_dump(mode="json", exclude={"version"})}
    save_weights(path, networks, metadata, half_precision=card.recipe.half_precision)


def load_generator(name_or_path: str | Path, optics: Simulator | ProcessModel, *, force: bool = False) -> Generator:
    """Loads a network that ships by its name, or a file ending in .safetensors, that was trained for given optics.

    Args:
        name_or_path: Of networks that ship under one name, the one trained for `optics` is taken.
        optics: What masks are wanted for: a simulator or its process; compared by `process.identity.process_digest`.
        force: If none was trained for these optics, take the one whose optics have the most similar resolution.

    Raises:
        CheckpointError: No such model, none for this process, or the file is damaged or none of a generator.
    """
    process = optics.process if isinstance(optics, Simulator) else optics
    found = [_read(path) for path in _files(name_or_path)]
    digest = process_digest(process)
    for model in found:
        if model.card.optics.digest == digest:
            return model
    nearest = min(found, key=lambda model: model.card.optics.distance(process))
    if not force:
        raise CheckpointError(
            f"{name_or_path}: expected the optics that it was trained for, "
            f"{' or '.join(model.card.optics.name for model in found)}, got others: its masks would not print; train "
            f"one for these (litho-dl train {nearest.card.recipe.network}), or take the nearest, for "
            f"{nearest.card.optics.name}, with --force."
        )
    return nearest


def _files(name_or_path: str | Path) -> list[Path]:
    """The file, or all that ship under the name."""
    if Path(name_or_path).suffix == SUFFIX:
        return [Path(name_or_path)]
    models = shipped_models()
    if str(name_or_path) not in models:
        raise CheckpointError(
            f"No model or file named {str(name_or_path)!r}; shipped: {', '.join(models) or 'none'}. Your own file ends "
            f"in {SUFFIX}."
        )
    return list(models[str(name_or_path)].values())


def _read(path: Path) -> Generator:
    _, metadata = read_weights(path)
    try:
        card = Card.model_validate({**metadata["card"], "version": metadata["version"]})
    except (KeyError, TypeError, ValidationError) as error:
        raise CheckpointError(
            f"{path}: expected the model.safetensors of litho-dl train, got other weights ({one_line(error)})."
        ) from error
    networks = nn.ModuleDict({"generator": make_generator(card.recipe.network)})
    load_weights(path, networks)
    return Generator(networks["generator"].eval(), card, str(path))
