"""Trained mask generators on a suite of clips: what they draw, and what steps of optimisation make of it."""

import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

import click
import torch
from tables import Row
from torch import Tensor

from litho_dl.comparison.candidates import label_of
from litho_dl.comparison.suite import Suite
from litho_dl.core.device import device_name
from litho_dl.core.errors import LithoError
from litho_dl.core.io import file_digest
from litho_dl.core.progress import progress_bar
from litho_dl.generators.model import Generator, load_generator
from litho_dl.generators.predict import predict, refine
from litho_dl.generators.weights import packaged_models
from litho_dl.ilt.method import Method
from litho_dl.ilt.solve import Solution
from litho_dl.pairs.duplicates import nearest_trained
from litho_dl.pairs.manifest import read_manifest
from litho_dl.process.identity import process_digest
from litho_dl.runs.masks import GivenMasks, Masks
from litho_dl.scoring.evaluate import Evaluation

SCORES = ("l2_nm2", "pvb_nm2", "epe_violations", "shots", "mrc_violations", "seconds")
DRAWN, SCRATCH = "drawn", "scratch"
WHOLE, RAW, REFINED, EQUAL = "whole", "raw", "refined", "equal time"
REPEATS = 3  # of which the median of the seconds counts, of a network and of the whole method


@dataclass(frozen=True, eq=False)
class Bench:
    """What all networks have in common.

    Attributes:
        suite: The clips.
        method: What refines.
        steps: How many, one run each.
        run: When and where, in words.
        evaluations: By clip and start, the masks before any refinement, and the method's, for pictures.
    """

    suite: Suite
    method: Method
    steps: tuple[int, ...]
    run: str
    evaluations: dict[str, dict[str, tuple[Tensor, Evaluation]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.suite.clips)

    def rows(self, start: str, kind: str, steps: int, masks: Masks, seconds: float) -> list[Row]:
        """Scores of every clip; `seconds` for all of them."""
        rows = []
        for scored in self.suite.scored(masks):
            card = scored.evaluation.scorecard
            assert card.mrc_violations is not None
            scores = {name: getattr(card, name) for name in SCORES[:4]}
            rows.append(
                {
                    "suite": self.suite.name,
                    "optics": Path(self.suite.optics).name,
                    "start": start,
                    "kind": kind,
                    "steps": steps,
                    "clip": card.clip,
                    **scores,
                    "mrc_violations": sum(card.mrc_violations.values()),
                    "seconds": round(seconds / self.count, 6),
                    "run": self.run,
                }
            )
            if kind in (RAW, WHOLE) and start != DRAWN:
                self.evaluations.setdefault(card.clip, {})[start] = scored.mask, scored.evaluation
        return rows


def measure_baseline(bench: Bench, name: str) -> list[Row]:
    """The drawn targets as masks, the whole method, and the same in fewer steps."""
    suite, last = bench.suite, bench.method.levels[-1]
    drawn = torch.stack([clip.coverage(last.pixel_nm) >= 0.5 for clip in suite.clips])
    rows = bench.rows(DRAWN, RAW, 0, GivenMasks(drawn, last.pixel_nm), 0.0)
    runs = [suite.solved(bench.method, f"{name}, {number + 1},") for number in range(REPEATS)]
    seconds = median(run.seconds for run in runs)
    rows += bench.rows(name, WHOLE, sum(level.steps for level in bench.method.levels), runs[0], seconds)
    for steps in bench.steps:
        found = suite.solved(bench.method.in_steps(steps), f"{steps} steps from scratch")
        rows += bench.rows(SCRATCH, REFINED, steps, found, found.seconds)
    return rows


def measure_model(bench: Bench, label: str, generator: Generator, budget_s: float) -> tuple[list[Row], float]:
    """A network's masks, raw, refined by each number of steps, and refined for at most `budget_s` with the network.

    Returns:
        Its rows, and the network's seconds for all clips.
    """
    suite, simulator = bench.suite, bench.suite.simulator
    prediction = predict(generator, suite.clips, simulator.device)  # the first is for warming up
    network_s = median(predict(generator, suite.clips, simulator.device).seconds for _ in range(REPEATS))
    rows = bench.rows(label, RAW, 0, prediction, network_s)

    def refined(steps: int) -> Solution:
        with progress_bar(f"{steps} steps from {label}, on {suite.name}") as advance:
            return refine(simulator, prediction, suite.clips, bench.method, steps, advance).require_finished()

    for steps in bench.steps:
        found = refined(steps)
        rows += bench.rows(label, REFINED, steps, found, network_s + found.seconds)
    steps, found = within(refined, budget_s - network_s, steps * (budget_s - network_s) / found.seconds)
    return rows + bench.rows(label, EQUAL, steps, found, network_s + found.seconds), network_s


def within(refined: Callable[[int], Solution], budget_s: float, guess: float) -> tuple[int, Solution]:
    """As many steps as fit in the seconds, by trial from a guess on; one at least."""
    steps, best = max(1, int(guess)), None
    while True:
        found = refined(steps)
        fits = found.seconds <= budget_s
        if fits:
            best = steps, found
        elif best is not None or steps == 1:
            return best or (steps, found)
        nearer = max(1, int(steps * budget_s / found.seconds))
        if best is not None and nearer <= steps:
            return best
        steps = nearer if fits else min(nearer, steps - 1)


def chosen_models(names: str, suite: Suite) -> dict[str, Generator]:
    """The networks that an option names, by what the tables call them; `all`: those that ship for the suite's optics.

    Raises:
        LithoError: One cannot be loaded, draws no masks or is for other optics; there is none, or two of one name.
    """
    if names == "all":
        digest = process_digest(suite.simulator.process)
        packaged = {name: load_generator(name, suite.simulator, force=True) for name in packaged_models()}
        models = {name: model for name, model in packaged.items() if model.card.optics.digest == digest}
    else:
        given = [(label_of(name), load_generator(name, suite.simulator)) for name in names.split(",")]
        models = dict(given)
        if len(models) < len(given):
            raise LithoError(f"Expected networks of different names, got {', '.join(label for label, _ in given)}.")
    if not models:
        raise LithoError(f"Expected networks that ship for {suite.optics}, got none; name files of litho-dl train.")
    for model in models.values():
        model.require_masks()
    return models


def described(bench: Bench, label: str, model: Generator, network_s: float, known: Mapping[str, int]) -> Row:
    """One network, for generators.networks.csv.

    Args:
        bench: Where it was measured.
        label: Its name.
        model: The network.
        network_s: Seconds for all clips.
        known: By the digest of a data set, how many clips of the suite are in its training or nearly.
    """
    card, lineage = model.card, model.card.lineage
    trainings = [each.training for each in lineage if each.training]
    stages = [(name, stage) for training in trainings for name, stage in training.stages.items()]
    sets = [one for each in lineage for one in each.data["sets"]]
    digests = {one["digest"] for one in sets}
    return {
        "suite": bench.suite.name,
        "optics": Path(bench.suite.optics).name,
        "model": label,
        "network": card.recipe.network,
        "parameters": sum(weight.numel() for weight in model.network.parameters()),
        "milliseconds": round(1000 * network_s / bench.count, 3),
        "known_clips": sum(known[digest] for digest in digests) if digests <= known.keys() else "",
        "data": "; ".join(dict.fromkeys(one["description"] for one in sets)),
        "pairs": card.data["pairs"]["training"],
        "command": "; then ".join(training.command for training in trainings),
        "device": trainings[-1].device if trainings else "",
        "epochs": " + ".join(f"{stage.epochs} {name}" for name, stage in stages),
        "training_seconds": round(sum(stage.seconds for _, stage in stages), 1),
        "sha256": file_digest(model.origin),
        "run": bench.run,
    }


def known_clips(suite: Suite, folders: Iterable[Path]) -> dict[str, int]:
    """Clips of the suite that a data set shows to a training, or nearly, by the data set's digest."""
    known = {}
    for folder in folders:
        nearest = nearest_trained([clip.placed for clip in suite.clips], folder)
        known[read_manifest(folder).digest] = sum(found.is_duplicate for found in nearest)
        for clip, found in zip(suite.clips, nearest, strict=True):
            kind = "the same as" if found.same else "nearly" if found.is_duplicate else "unlike; nearest is"
            click.echo(f"{clip.name}: {kind} {found.name} of {folder.name}, likeness {found.similarity:.2f}")
    return known


def run_of(device: torch.device) -> str:
    """When and where."""
    return f"{time.strftime('%Y-%m-%d %H:%M')}, {device_name(device)} ({platform.machine()}), torch {torch.__version__}"


def mean(rows: Iterable[Row], start: str, kind: str, steps: int | None = None) -> dict[str, float]:
    """Means over the clips, with the number of steps."""
    chosen = [
        row for row in rows if (row["start"], row["kind"]) == (start, kind) and (steps is None or row["steps"] == steps)
    ]
    return {name: fmean(row[name] for row in chosen) for name in ("steps", *SCORES)}
