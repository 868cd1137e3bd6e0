"""A study from its first trial to its front, and the front on clips that the search has not seen."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from litho_dl.core.errors import LithoError
from litho_dl.core.io import require_writable_folder
from litho_dl.process.model import ProcessModel
from litho_dl.tuning.files import TRIALS, write_trials
from litho_dl.tuning.measure import Suite
from litho_dl.tuning.search import Search
from litho_dl.tuning.study import Study
from litho_dl.tuning.trial import Score, Trial


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        trials: All, in order.
        front: Those that none beats, fastest first.
        start: The trial of the method that the study began with; None if it failed or was lost.
    """

    trials: list[Trial]
    front: list[Trial]
    start: Trial | None


def run_trials(
    study: Study,
    process: ProcessModel,
    folder: Path,
    trials: int,
    *,
    device: torch.device,
    advance: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Found:
    """Goes on until a folder holds so many trials of a study, and writes trials.csv after each.

    Args:
        study: What to search.
        process: The built process of its optics.
        folder: Where the journal and the table go; one that holds part of the same study is continued.
        trials: How many are wanted in all.
        device: Where to compute.
        advance: Called with trials done, trials in all, and the last one in words.

    Raises:
        LithoError: As `Search`, the folder cannot be written, or all trials failed.
        KeyboardInterrupt: Ctrl-C; the trials that were done stay.
    """
    require_writable_folder(folder)
    start = study.start_values
    search = Search(folder, study.space, start, digest=study.digest(process), seed=study.recipe.seed)
    suite = Suite(study.clips, process, device)
    if len(search.trials()) < trials:
        suite.warm_up(study.start)

    def report(trial: Trial) -> None:
        done = search.trials()
        write_trials(folder, done)
        advance(len(done), trials, str(trial))

    search.run(lambda values: suite.measured(study.method(values)), trials, report)
    found, front = search.trials(), search.front()
    if not front:
        raise LithoError(f"{folder}: all of {len(found)} trials failed; the last: {found[-1].failure}; see {TRIALS}.")
    begun = next((trial for trial in found if trial.values == start and trial.score), None)
    return Found(found, front, begun)


def validated(
    study: Study,
    process: ProcessModel,
    found: Found,
    *,
    device: torch.device,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, Score]:
    """Scores of the front and of the start on the study's validation clips, by their trials' numbers.

    Args:
        study: The study.
        process: The built process of its optics.
        found: What its search came to.
        device: Where to compute.
        advance: See `Suite.compared`.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    chosen = {trial.number: trial for trial in (*found.front, found.start) if trial is not None}
    methods = [study.method(trial.values) for trial in chosen.values()]
    scores = Suite(study.validation, process, device).compared(methods, study.recipe.rounds, advance)
    return dict(zip(chosen, scores, strict=True))
