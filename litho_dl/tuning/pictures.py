"""The picture of a study: all trials, and the Pareto front on held-out clips."""

from pathlib import Path

from litho_dl.tuning.study import Study
from litho_dl.tuning.trial import Score, StudyResult
from litho_dl.viz.figure import save_figure
from litho_dl.viz.tuning import tuning_figure


def draw_front(path: Path, study: Study, result: StudyResult, validation: dict[int, Score]) -> None:
    """Draws quality over time: all trials on the study's clips, and the front on the held-out clips.

    Args:
        path: The picture.
        study: The study.
        result: Its result.
        validation: Scores on the held-out clips, by trial number.

    Raises:
        OutputError: The picture cannot be written.
    """
    scores = {trial.number: trial.score for trial in result.trials if trial.score is not None}
    panels = {
        f"clips tuned on ({len(study.clips)})": _points(scores),
        f"held-out clips ({len(study.validation)})": _points(validation),
    }
    best = {str(trial.number) for trial in result.front}
    start = None if result.start is None else str(result.start.number)
    title = f"{study.name}: {len(result.trials)} trials from {study.recipe.method}"
    save_figure(tuning_figure(panels, best, start, title=title), path)


def _points(scores: dict[int, Score]) -> dict[str, tuple[float, float]]:
    """Seconds per clip and quality in nm^2, by trial."""
    return {str(number): (score.seconds, score.quality_nm2) for number, score in scores.items()}
