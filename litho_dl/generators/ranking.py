"""The packaged networks for given optics, the best first: those trained for them, or else one for any optics."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from litho_dl.core.errors import CheckpointError
from litho_dl.generators.model import Card, Generator, digest_and_period, load_generator, read_card
from litho_dl.generators.weights import packaged_models
from litho_dl.process.files import Optics
from litho_dl.process.model import ProcessModel
from litho_dl.simulation.simulator import Simulator


@dataclass(frozen=True)
class PackagedNetwork:
    """A packaged mask generator, without its weights.

    Attributes:
        name: Its name, as for `load_generator`.
        path: Its file.
        card: Its model card.
    """

    name: str
    path: Path
    card: Card

    @property
    def score_nm2(self) -> float:
        """Mean L2 + PV band of its test pairs, infinite if its card has none."""
        score = self.card.scores.get("l2_pvb_nm2", math.inf)
        return score if math.isfinite(score) else math.inf


def ranked_networks(optics: Simulator | ProcessModel | Optics) -> list[PackagedNetwork]:
    """The packaged mask generators that were trained for given optics, by rising `score_nm2`.

    Each network has the score of the test pairs that it was trained with. Those with the same score, or without one,
    are in the order of their names. If none was trained for these optics, those for any optics.

    Args:
        optics: The simulator, process or optics to generate masks for, compared by `process.identity.process_digest`.

    Returns:
        The networks, at least one.

    Raises:
        CheckpointError: There is none for these optics, a file is damaged, or the optics are of another type.
    """
    digest, _ = digest_and_period(optics)
    networks = [
        PackagedNetwork(name, path, read_card(path)) for name, of in packaged_models().items() for path in of.values()
    ]
    networks = [network for network in networks if not network.card.recipe.is_surrogate]
    fitting = [network for network in networks if network.card.optics.digest == digest]
    fitting = fitting or [network for network in networks if network.card.recipe.sees_optics]
    if not fitting:
        known = " or ".join(sorted({network.card.optics.name for network in networks})) or "none"
        raise CheckpointError(
            f"Expected optics that a packaged network was trained for, {known}, got others; train a network for these "
            f"(litho-dl train unet_small --data SET), take one for other optics by its name (--model NAME --force; "
            f"load_generator(NAME, optics, force=True)), or do without one (litho-dl optimize; solve)."
        )
    return sorted(fitting, key=lambda network: (network.score_nm2, network.name))


def best_generator(optics: Simulator | ProcessModel | Optics) -> Generator:
    """Loads the best packaged network for given optics: the lowest mean L2 + PV band of its test pairs.

    For optics that no packaged network was trained for, one that looks through any optics.

    Args:
        optics: The simulator, process or optics to generate masks for.

    Returns:
        The generator, on the CPU.

    Raises:
        CheckpointError: No network that ships was trained for these optics, a file is damaged, or the optics are of
            another type.
    """
    return load_generator(ranked_networks(optics)[0].path, optics)


def ranking_text(networks: Sequence[PackagedNetwork]) -> str:
    """What makes the first of `ranked_networks` the best: `the best of 5 for OPTICS (L2 + PVB ...; next ...)`."""
    best, *others = networks
    if best.card.recipe.sees_optics:
        return "which looks through the simulator of any optics, as no packaged network was trained for these"
    optics, known = best.card.optics.name, math.isfinite(best.score_nm2)
    score = f"L2 + PVB {best.score_nm2:,.0f} nm² on its test pairs" if known else "no score in its card"
    if not others:
        return f"the only one for {optics} ({score})"
    if not known:
        return f"the first by name of {len(networks)} for {optics} (no scores in their cards)"
    second = others[0]
    if second.score_nm2 == best.score_nm2:
        rest = f"{second.name} has the same, and a later name"
    elif math.isfinite(second.score_nm2):
        rest = f"next {second.name}, {second.score_nm2:,.0f}"
    else:
        rest = "no scores in the other cards"
    return f"the best of {len(networks)} for {optics} ({score}; {rest})"
