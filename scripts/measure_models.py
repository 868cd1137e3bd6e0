"""Trained mask generators on a suite of clips: what they draw, and what steps of optimisation make of it."""

import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import cycle, islice
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
from litho_dl.generators.model import Card, Generator, load_generator
from litho_dl.generators.predict import predict, refine
from litho_dl.generators.weights import packaged_models
from litho_dl.ilt.method import Method
from litho_dl.ilt.solve import Solution
from litho_dl.pairs.duplicates import nearest_trained
from litho_dl.pairs.manifest import read_manifest
from litho_dl.process.identity import process_digest
from litho_dl.runs.masks import GivenMasks, Masks
from litho_dl.scoring.evaluate import Evaluation

CARD_SCORES = ("l2_nm2", "pvb_nm2", "epe_violations", "epe_violations_3nm", "shots")
SCORES = (*CARD_SCORES, "mrc_violations", "seconds")
DRAWN, SCRATCH = "drawn", "scratch"
WHOLE, RAW, REFINED, EQUAL = "whole", "raw", "refined", "equal time"
REPEATS = 3  # of which the median of the seconds counts, of a network and of the whole method
BATCHES = {"ms_batch_1": 1, "ms_batch_10": 10}  # clips in one pass of the bare network, by the column of its time
PASSES = 11  # of which the median counts


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
            scores = {name: getattr(card, name) for name in CARD_SCORES}
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


def measure_model(bench: Bench, label: str, generator: Generator, budget_s: float) -> list[Row]:
    """A network's masks, raw, refined by each number of steps, and refined for at most `budget_s` with the network."""
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
    return rows + bench.rows(label, EQUAL, steps, found, network_s + found.seconds)


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


def milliseconds(generator: Generator, suite: Suite, batch: int) -> float:
    """Median time a clip of the network alone, from targets on the host to masks there, in batches of one size."""
    clips, device = list(islice(cycle(suite.clips), batch)), suite.simulator.device
    predict(generator, clips, device)  # for warming up
    return 1000 * median(predict(generator, clips, device).seconds for _ in range(PASSES)) / batch


def described(bench: Bench, label: str, model: Generator, known: Mapping[str, Set[str]]) -> Row:
    """One network, for generators.networks.csv; what it was trained on, how and for how long counts all its trainings.

    Args:
        bench: Where it was measured.
        label: Its name.
        model: The network.
        known: By the digest of a data set, the clips of the suite that are in its training or nearly.
    """
    lineage = model.card.lineage
    trainings = [each.training for each in lineage if each.training]
    stages = [(name, stage) for training in trainings for name, stage in training.stages.items()]
    sets = [one for each in lineage for one in each.data["sets"]]
    digests = {one["digest"] for one in sets}
    seen = {name for digest in digests & known.keys() for name in known[digest]}
    return {
        "suite": bench.suite.name,
        "optics": Path(bench.suite.optics).name,
        "model": label,
        "network": model.card.recipe.network,
        "parameters": sum(weight.numel() for weight in model.network.parameters()),
        "megabytes": round(Path(model.origin).stat().st_size / 1e6, 3),
        **{column: round(milliseconds(model, bench.suite, batch), 3) for column, batch in BATCHES.items()},
        "training_minutes": round(sum(stage.seconds for _, stage in stages) / 60, 2),
        "pairs": pairs_seen(lineage),
        "drawn_clips": sum(map(clips_drawn, lineage)),
        "known_clips": len(seen) if digests and digests <= known.keys() else "",  # drawn clips are not compared
        "data": "; ".join(dict.fromkeys(one["description"] for one in sets)),
        "command": "; then ".join(training.command for training in trainings),
        "device": "; then ".join(dict.fromkeys(training.device for training in trainings)),
        "epochs": " + ".join(f"{stage.epochs} {name}" for name, stage in stages),
        "sha256": file_digest(model.origin),
        "run": bench.run,
    }


def pairs_seen(lineage: Sequence[Card]) -> int:
    """Different pairs that trainings learnt from: the most of one data set, or group of sets, that no other includes.

    A stage that draws its clips learns from no pairs.
    """
    counts: dict[frozenset[str], int] = {}
    for card in lineage:
        if card.training and not all(drawn for drawn, _ in stages_run(card)):
            sets = frozenset(one["digest"] for one in card.data["sets"])
            counts[sets] = max(counts.get(sets, 0), card.data["pairs"]["training"])
    return sum(count for sets, count in counts.items() if not any(sets < other for other in counts))


def clips_drawn(card: Card) -> int:
    """Random clips that a training drew, over all epochs of its stages."""
    return sum(drawn * epochs for drawn, epochs in stages_run(card))


def stages_run(card: Card) -> list[tuple[int, int]]:
    """Random clips an epoch, and epochs, of each stage that a training ran; from given weights it is only the last."""
    stages = card.training.stages if card.training else {}
    return [
        (sum(source.count for source in stage.clips), stages[stage.name].epochs)
        for stage in card.recipe.stages
        if stage.name in stages
    ]


def known_clips(suite: Suite, folders: Iterable[Path]) -> dict[str, set[str]]:
    """Clips of the suite that a data set shows to a training, or nearly, by the data set's digest."""
    known: dict[str, set[str]] = {}
    for folder in folders:
        nearest = nearest_trained([clip.placed for clip in suite.clips], folder)
        own = known.setdefault(read_manifest(folder).digest, set())
        for clip, found in zip(suite.clips, nearest, strict=True):
            kind = "the same as" if found.same else "nearly" if found.is_duplicate else "unlike; nearest is"
            click.echo(f"{clip.name}: {kind} {found.name} of {folder.name}, likeness {found.similarity:.2f}")
            own |= {clip.name} if found.is_duplicate else set()
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
