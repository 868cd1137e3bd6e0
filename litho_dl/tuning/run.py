"""Running a study: its trials, and the scores of the Pareto front on held-out clips."""

from collections.abc import Callable
from pathlib import Path

from litho_dl.core.errors import LithoError
from litho_dl.core.progress import progress_bar
from litho_dl.simulation.simulator import Simulator
from litho_dl.tuning.files import TRIALS, study_folder, write_front, write_trials
from litho_dl.tuning.measure import Suite
from litho_dl.tuning.search import Search
from litho_dl.tuning.study import Study
from litho_dl.tuning.trial import Score, StudyResult, Trial


def run_study(study: Study, simulator: Simulator, folder: Path, trials: int) -> tuple[StudyResult, dict[int, Score]]:
    """Runs trials until a folder holds a given number, measures the front on held-out clips, and writes all files.

    Args:
        study: The study.
        simulator: Simulator of its optics, on the device to compute on.
        folder: The study's folder, new or with trials of the same study.
        trials: Number of trials in all.

    Returns:
        The result, and the scores of the front and of the start on the held-out clips, by trial number.

    Raises:
        LithoError: As `run_trials`.
        KeyboardInterrupt: Ctrl-C; finished trials stay.
    """
    from litho_dl.tuning.pictures import draw_front

    with study_folder(folder):
        with progress_bar(f"Tuning {study.recipe.method}") as advance:
            result = run_trials(study, simulator, folder, trials, advance=advance)
        with progress_bar("Measuring the front on held-out clips") as advance:
            validation = validation_scores(study, simulator, result, advance=lambda done, all: advance(done, all, ""))
        write_front(folder, study, result.front, validation)
        draw_front(folder / "front.png", study, result, validation)
    return result, validation


def run_trials(
    study: Study,
    simulator: Simulator,
    folder: Path,
    trials: int,
    *,
    advance: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> StudyResult:
    """Runs trials until a folder holds a given number, and writes trials.csv after each.

    Args:
        study: The study.
        simulator: Simulator of its optics, on the device to compute on.
        folder: The study's folder, new or with trials of the same study.
        trials: Number of trials in all.
        advance: Called with the number of finished trials, the number of trials, and the last one as text.

    Returns:
        All trials of the folder, with the Pareto front.

    Raises:
        LithoError: As `Search`; or the folder cannot be written, or all trials failed.
        KeyboardInterrupt: Ctrl-C; finished trials stay.
    """
    with study_folder(folder):
        return _run_trials(study, simulator, folder, trials, advance)


def _run_trials(
    study: Study, simulator: Simulator, folder: Path, trials: int, advance: Callable[[int, int, str], None]
) -> StudyResult:
    """`run_trials` in a folder that this run owns."""
    start = study.start_values
    search = Search(folder, study.space, start, digest=study.digest(simulator.process), seed=study.recipe.seed)
    suite = Suite(study.clips, simulator)
    if len(search.trials()) < trials:
        suite.warm_up(study.start)

    def report(trial: Trial) -> None:
        done = search.trials()
        write_trials(folder, done)
        advance(len(done), trials, str(trial))

    search.run(lambda values: suite.measure(study.method(values)), trials, report)
    all_trials, front = search.trials(), search.front()
    if not front:
        raise LithoError(
            f"{folder}: all of {len(all_trials)} trials failed; the last: {all_trials[-1].failure}; see {TRIALS}."
        )
    first = next((trial for trial in all_trials if trial.values == start and trial.score), None)
    return StudyResult(all_trials, front, first)


def validation_scores(
    study: Study,
    simulator: Simulator,
    result: StudyResult,
    *,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, Score]:
    """Measures the front and the start on the study's held-out clips.

    Args:
        study: The study.
        simulator: Simulator of its optics, on the device to compute on.
        result: The study's result.
        advance: See `Suite.compare`.

    Returns:
        The scores by trial number.

    Raises:
        LithoError: As `Suite.measure`.
        KeyboardInterrupt: Ctrl-C.
    """
    chosen = {trial.number: trial for trial in (*result.front, result.start) if trial is not None}
    methods = [study.method(trial.values) for trial in chosen.values()]
    scores = Suite(study.validation, simulator).compare(methods, study.recipe.rounds, advance)
    return dict(zip(chosen, scores, strict=True))
