"""Trained generators as files: weights, and a card that says what they are and how they came about."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from litho_dl.core.errors import CheckpointError
from litho_dl.generators.recipe import GeneratorRecipe
from litho_dl.models.registry import GENERATORS, SURROGATES
from litho_dl.nn.periodic import periodic
from litho_dl.process.identity import process_digest
from litho_dl.process.model import ProcessModel
from litho_dl.training.checkpoint import load_weights, one_line, read_weights, save_weights

SUFFIX = ".safetensors"
SHIPPED = Path(__file__).parents[1] / "weights"  # NAME-for-OPTICS.safetensors
FOR = "-for-"


class Optics(BaseModel):
    """What a network's training simulated: a name, and `process.identity.process_digest`."""

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str


class Card(BaseModel):
    """What a file of weights says of itself.

    Attributes:
        recipe: The network and its training.
        optics: What it was trained for.
        data: Description, digest and numbers of pairs of the data set.
        scores: What validation reports (`l2_nm2`, `pvb_nm2` and so on), of the data set's test split and the weights as
            they are kept.
        start: Of the weights that training went on from.
        version: Of the package.
    """

    model_config = ConfigDict(frozen=True)

    recipe: GeneratorRecipe
    optics: Optics
    data: dict[str, Any]
    scores: dict[str, float]
    start: "Card | None" = None
    version: str = ""


@dataclass(frozen=True, eq=False)
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

    def require_masks(self) -> None:
        """Raises CheckpointError unless the network draws masks."""
        if self.card.recipe.is_surrogate:
            raise CheckpointError(
                f"{self.origin}: expected a network that draws masks, got {self.card.recipe.network}."
            )

    def require_optics(self, process: ProcessModel) -> None:
        """Raises CheckpointError unless the network was trained for this process."""
        if process_digest(process) != self.card.optics.digest:
            raise CheckpointError(
                f"{self.origin}: expected the optics that it was trained for, {self.card.optics.name}, got others: "
                f"its masks would not print; choose another model, or insist with --force."
            )


def make_generator(name: str) -> nn.Module:
    """A new generator or surrogate of the registry, on a periodic field."""
    return periodic((GENERATORS | SURROGATES)[name]())


def save_generator(path: Path, network: nn.Module, card: Card) -> None:
    """Writes a generator's file, in 16 bits if its recipe says so."""
    networks = nn.ModuleDict({"generator": network})
    metadata = {"card": card.model_dump(mode="json", exclude={"version"})}
    save_weights(path, networks, metadata, half_precision=card.recipe.half_precision)


def load_generator(name_or_path: str | Path, process: ProcessModel) -> Generator:
    """Loads a shipped model by name, or a file ending in .safetensors.

    Args:
        name_or_path: Of models shipped for several optics under one name, the one for `process` is taken if there is.
        process: What masks are wanted for; see `Generator.require_optics`.

    Raises:
        CheckpointError: No such model, or the file is damaged or none of a generator.
    """
    if Path(name_or_path).suffix == SUFFIX:
        return _read(Path(name_or_path))
    shipped = {path: path.name.split(FOR)[0] for path in sorted(SHIPPED.glob(f"*{FOR}*{SUFFIX}"))}
    found = [_read(path) for path, name in shipped.items() if name == str(name_or_path)]
    if not found:
        known = ", ".join(dict.fromkeys(shipped.values())) or "none"
        raise CheckpointError(
            f"No model or file named {str(name_or_path)!r}; shipped: {known}. Your own file ends in {SUFFIX}."
        )
    wanted = process_digest(process)
    return next((model for model in found if model.card.optics.digest == wanted), found[0])


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
