"""Files of trained generators: weights, and a model card with recipe, optics, data, scores and training."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from torch import nn

from litho_dl.core.errors import CheckpointError
from litho_dl.core.grid import common_multiple_nm
from litho_dl.core.settings import Positive, packaged_names, suggestion
from litho_dl.core.stored import AnyFloat, Count, Stored, checked
from litho_dl.generators.recipe import GeneratorRecipe
from litho_dl.generators.unrolled import SimulatedTurns
from litho_dl.generators.weights import SUFFIX, packaged_models
from litho_dl.layout.file_pixel import MASK_FILE_PIXEL_NM
from litho_dl.models.registry import GENERATORS, SURROGATES, UNROLLED
from litho_dl.models.unrolled import Unrolled
from litho_dl.nn.periodic import periodic
from litho_dl.nn.registry import choose
from litho_dl.nn.size import SizeMultiple
from litho_dl.process.files import Optics
from litho_dl.process.identity import finest_period_nm, process_digest
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator
from litho_dl.training.checkpoint import load_weights, read_weights, save_weights


class OpticsCard(Stored):
    """The optics that a network was trained for.

    Attributes:
        name: Name or file, as for `--optics`, without folders.
        digest: `process.identity.process_digest`.
        finest_period_nm: `process.identity.finest_period_nm`; None in files of earlier versions.
    """

    name: str
    digest: str
    finest_period_nm: Positive | None = None

    @classmethod
    def of(cls, name: str, process: ProcessModel) -> "OpticsCard":
        """The card of a process.

        Args:
            name: Name or file of the optics.
            process: The process.

        Returns:
            The card.
        """
        return cls(name=name, digest=process_digest(process), finest_period_nm=finest_period_nm(process))

    def distance(self, finest_nm: float) -> float:
        """The difference in resolution from optics of a finest period: |log(ratio of the finest periods)|."""
        return math.inf if self.finest_period_nm is None else abs(math.log(finest_nm / self.finest_period_nm))


# Of networks that see the user's optics.
ANY_OPTICS = OpticsCard(name="any", digest="")


class StageCard(Stored):
    """The record of one training stage.

    Attributes:
        epochs: Number of epochs.
        best_epoch: The best epoch, from 1.
        validation: The metric that selects it, by name.
        seconds: Wall time of all epochs, validation included.
    """

    epochs: Count
    best_epoch: Count
    validation: dict[str, AnyFloat]
    seconds: float


class TrainingCard(Stored):
    """The record of a network's training.

    Attributes:
        command: The command line, without folders.
        device: Name of the device.
        stages: Records of the stages, by name in order.
        kept: The stage that the weights are from.
        start: Card of the weights that the training started from; None for random weights.
    """

    command: str
    device: str
    stages: dict[str, StageCard]
    kept: str
    start: "Card | None" = None


class Card(Stored):
    """The model card of a file of weights.

    Attributes:
        recipe: The recipe of network and training.
        optics: The optics that it was trained for.
        data: Descriptions and digests of the data sets (`sets`), and numbers of pairs (`pairs`).
        scores: The validation metrics (`l2_nm2`, `pvb_nm2` and so on) of the stored weights on the test split.
        check: The same on `run.checked_clips`; empty if the recipe draws no clips.
        training: The record of the training; None in files of earlier versions.
        version: Version of the package.
    """

    recipe: GeneratorRecipe
    optics: OpticsCard
    data: dict[str, Any]
    scores: dict[str, AnyFloat]
    check: dict[str, AnyFloat] = Field(default_factory=dict)
    training: TrainingCard | None = None
    version: str = ""

    @property
    def lineage(self) -> tuple["Card", ...]:
        """The cards of all successive trainings that led to these weights, this one last."""
        start = self.training.start if self.training else None
        return (*(start.lineage if start else ()), self)


@dataclass(frozen=True, eq=False, repr=False)
class Generator:
    """A trained mask generator or surrogate.

    Attributes:
        network: Targets (B, 1, h, w) to logits, with periodic boundaries, in evaluation mode.
        card: Its model card.
        origin: Its file.
        scale: What the recipe's pixels are multiplied by; other than 1 only of a network for any optics.
    """

    network: nn.Module
    card: Card
    origin: str
    scale: float = 1.0

    @property
    def pixel_nm(self) -> float:
        """The network's pixel."""
        return self.scale * self.card.recipe.pixel_nm

    @property
    def mask_pixel_nm(self) -> float:
        """The pixel of its masks."""
        return self.scale * self.card.recipe.mask_pixel_nm

    @property
    def turns(self) -> int | None:
        """How many turns a network for any optics takes; None for other networks."""
        return self.network.turns if isinstance(self.network, SimulatedTurns) else None

    @property
    def weights(self) -> nn.Module:
        """The network without the optics that it sees."""
        return self.network.network if isinstance(self.network, SimulatedTurns) else self.network

    def __repr__(self) -> str:
        recipe, scores = self.card.recipe, self.card.scores
        parameters = sum(weight.numel() for weight in self.weights.parameters())
        test = ", ".join(f"{name} {value:,.4g}" for name, value in scores.items())
        return (
            f"Generator({recipe.network} for {self.card.optics.name}: {parameters:,} parameters, "
            f"{self.pixel_nm:g} nm targets to {self.mask_pixel_nm:g} nm masks\n  test {test})"
        )

    def require_masks(self) -> None:
        """Raises CheckpointError if the network is a surrogate, which does not generate masks."""
        if self.card.recipe.is_surrogate:
            raise CheckpointError(
                f"{self.origin}: expected a network that generates masks, got {self.card.recipe.network}."
            )


def make_generator(name: str) -> nn.Module:
    """A generator or surrogate of the registry with random weights and periodic boundaries.

    Raises:
        RecipeError: Unknown name.
    """
    return periodic(choose(GENERATORS | UNROLLED | SURROGATES, name, "a generator or surrogate")())


def read_generator(name_or_path: str | Path) -> Generator:
    """Loads weights and card without optics, to export them or to train from them.

    Args:
        name_or_path: As for `load_generator`; of several packaged files of one name, the first.

    Returns:
        The generator, on the CPU; a network for any optics has none to look through yet.

    Raises:
        CheckpointError: No such model, or the file is damaged or not of a generator.
    """
    return _read(_files(name_or_path)[0])


def field_step_nm(name_or_path: str | Path, scale: float) -> float:
    """The length of which a field must be a whole multiple for a network, found without building its optics.

    Args:
        name_or_path: As for `load_generator`.
        scale: Scale of the optics; see `process.recipe.Recipe`.

    Returns:
        The length in nm.

    Raises:
        CheckpointError: No such model, or the file is damaged or not of a generator.
    """
    generator = read_generator(name_or_path)
    recipe = generator.card.recipe
    halved = [part.multiple for part in generator.network.modules() if isinstance(part, SizeMultiple)]
    own_nm = common_multiple_nm(recipe.pixel_nm * math.lcm(*halved), recipe.mask_pixel_nm, MASK_FILE_PIXEL_NM)
    return scale * own_nm if recipe.sees_optics else own_nm


def save_generator(path: Path, network: nn.Module, card: Card) -> None:
    """Writes a generator's file.

    Args:
        path: The file.
        network: The network.
        card: Its model card, whose recipe says whether weights are stored as float16.

    Raises:
        OutputError: The file cannot be written.
    """
    networks = nn.ModuleDict({"generator": network})
    metadata = {"card": card.model_dump(mode="json", exclude={"version"})}
    save_weights(path, networks, metadata, half_precision=card.recipe.half_precision)


def load_generator(
    name_or_path: str | Path,
    optics: Simulator | ProcessModel | Optics,
    *,
    force: bool = False,
    turns: int | None = None,
) -> Generator:
    """Loads a packaged network by its name, or a file ending in .safetensors, that fits given optics.

    It was trained for them, or it sees them through their simulator, as `any` does.

    Args:
        name_or_path: Name or file; there may be packaged weights of one name for several optics.
        optics: The simulator, process or optics to generate masks for, compared by `process.identity.process_digest`.
        force: If no weights were trained for these optics, take those of the optics with the most similar resolution.
        turns: How many of its turns a network such as `any` takes; None: all.

    Returns:
        The generator, on the CPU, or where the given simulator is if it looks through that.

    Raises:
        CheckpointError: No such model, none for these optics, the file is damaged or not of a generator, the optics
            are of another type, or the network has not so many turns.
    """
    models = [_read(path) for path in _files(name_or_path)]
    digest, finest_nm = digest_and_period(optics)
    if models[0].card.recipe.sees_optics:
        return _through(models[0], optics, turns)
    if turns is not None:
        raise CheckpointError(f"{name_or_path}: expected a network of several turns for {turns} of them, got one.")
    for model in models:
        if model.card.optics.digest == digest:
            return model
    nearest = min(models, key=lambda model: model.card.optics.distance(finest_nm))
    if not force:
        raise CheckpointError(
            f"{name_or_path}: expected the optics that it was trained for, "
            f"{' or '.join(model.card.optics.name for model in models)}, got others: its masks would not print; train "
            f"one for these (litho-dl train {nearest.card.recipe.network}), or take the nearest, for "
            f"{nearest.card.optics.name}, with --force (force=True)."
        )
    return nearest


def _through(generator: Generator, optics: Simulator | ProcessModel | Optics, turns: int | None) -> Generator:
    """A network that sees its optics, with a simulator of its own, in float32 as its weights are."""
    assert isinstance(generator.network, Unrolled)
    most = len(generator.network.turns)
    if turns is not None and not 1 <= turns <= most:
        raise CheckpointError(f"{generator.origin}: expected 1 to {most} turns, got {turns}.")
    known = optics.process if isinstance(optics, Simulator) else optics
    if (known.content if isinstance(known, Optics) else known).mask.type == "alternating":
        raise CheckpointError(f"{generator.origin}: expected a binary or attenuated mask, got an alternating one.")
    process = known.process() if isinstance(known, Optics) else known
    simulator = Simulator(process)
    network = SimulatedTurns(generator.network, simulator, simulator.scale * generator.card.recipe.pixel_nm, turns)
    device = optics.device if isinstance(optics, Simulator) else simulator.device
    return Generator(network.to(device).eval(), generator.card, generator.origin, simulator.scale)


def digest_and_period(optics: Simulator | ProcessModel | Optics) -> tuple[str, float]:
    """The digest of optics, and their finest period in nm.

    Raises:
        CheckpointError: They are of another type.
    """
    if isinstance(optics, Optics):
        return optics.digest(), optics.finest_period_nm()
    process = optics.process if isinstance(optics, Simulator) else optics
    if not isinstance(process, ProcessModel):
        raise CheckpointError(
            f"Expected optics as a simulator or a process, got {type(optics).__name__}; make one by Simulator(optics)."
        )
    return process_digest(process), finest_period_nm(process)


def _files(name_or_path: str | Path) -> list[Path]:
    """The file, or all packaged files of the name."""
    if not isinstance(name_or_path, str | Path):
        raise CheckpointError(
            f"Expected name_or_path as a network's name or file, got {type(name_or_path).__name__}; see litho-dl "
            f"recipes."
        )
    if Path(name_or_path).suffix == SUFFIX:
        return [Path(name_or_path)]
    models, name = packaged_models(), str(name_or_path)
    if name not in models:
        data = "" if name in UNROLLED else " --data SET"
        trained = (
            f"a recipe of that name can be trained (litho-dl train {name}{data}) and used by its {SUFFIX} file; "
            if name in packaged_names("generators")
            else ""
        )
        raise CheckpointError(
            f"No model or file named {name!r}; {trained}"
            f"{suggestion(name, models) if models else 'known: none.'} Your own file ends in {SUFFIX}."
        )
    return list(models[name].values())


def read_card(path: Path) -> Card:
    """The model card of a generator's file.

    Raises:
        CheckpointError: The file is missing, damaged or not of a generator.
    """
    _, metadata = read_weights(path)
    card, version = metadata.get("card"), metadata.get("version")
    if not isinstance(card, dict):
        raise CheckpointError(f"{path}: expected the model.safetensors of litho-dl train, got other weights.")
    return checked(Card, {**card, "version": version}, str(path), CheckpointError)


def _read(path: Path) -> Generator:
    card = read_card(path)
    networks = nn.ModuleDict({"generator": make_generator(card.recipe.network)})
    load_weights(path, networks)
    return Generator(networks["generator"].eval(), card, str(path))
