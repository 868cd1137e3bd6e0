"""A study from its first trial to its front, and the front on clips that the search has not seen."""

from collections.abc import Callable
from pathlib import Path

from litho_dl.core.errors import LithoError
from litho_dl.core.io import require_writable_folder
from litho_dl.core.progress import progress_bar
from litho_dl.simulation.simulator import Simulator
from litho_dl.tuning.files import TRIALS, write_front, write_trials
from litho_dl.tuning.measure import Suite
from litho_dl.tuning.search import Search
from litho_dl.tuning.study import Study
from litho_dl.tuning.trial import Found, Score, Trial


def run_study(study: Study, simulator: Simulator, folder: Path, trials: int) -> tuple[Found, dict[int, Score]]:
    """Searches until a folder holds so many trials, measures the front on held-out clips, and writes both.

    Args:
        study: What to search.
        simulator: The built process of its optics, on the device to compute on.
        folder: Where the files go; one that holds part of the same study is continued.
        trials: How many are wanted in all.

    Returns:
        The trials, and the scores of the front and of the start on held-out clips by the trials' numbers.

    Raises:
        LithoError: As `run_trials`.
        KeyboardInterrupt: Ctrl-C; the trials that were done stay.
    """
    from litho_dl.tuning.pictures import draw_front

    with progress_bar(f"Tuning {study.recipe.method}") as advance:
        found = run_trials(study, simulator, folder, trials, advance=advance)
    with progress_bar("Measuring the front on held-out clips") as advance:
        validation = validated(study, simulator, found, advance=lambda done, total: advance(done, total, ""))
    write_front(folder, study, found.front, validation)
    draw_front(folder / "front.png", study, found, validation)
    return found, validation


def run_trials(
    study: Study,
    simulator: Simulator,
    folder: Path,
    trials: int,
    *,
    advance: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Found:
    """Goes on until a folder holds so many trials of a study, and writes trials.csv after each.

    Args:
        study: What to search.
        simulator: The built process of its optics, on the device to compute on.
        folder: Where the journal and the table go; one that holds part of the same study is continued.
        trials: How many are wanted in all.
        advance: Called with trials done, trials in all, and the last one in words.

    Raises:
        LithoError: As `Search`, the folder cannot be written, or all trials failed.
        KeyboardInterrupt: Ctrl-C; the trials that were done stay.
    """
    require_writable_folder(folder)
    start = study.start_values
    search = Search(folder, study.space, start, digest=study.digest(simulator.process), seed=study.recipe.seed)
    suite = Suite(study.clips, simulator)
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
    simulator: Simulator,
    found: Found,
    *,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, Score]:
    """Scores of the front and of the start on the study's validation clips, by their trials' numbers.

    Args:
        study: The study.
        simulator: The built process of its optics, on the device to compute on.
        found: What its search found.
        advance: See `Suite.compared`.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    chosen = {trial.number: trial for trial in (*found.front, found.start) if trial is not None}
    methods = [study.method(trial.values) for trial in chosen.values()]
    scores = Suite(study.validation, simulator).compared(methods, study.recipe.rounds, advance)
    return dict(zip(chosen, scores, strict=True))
