"""The picture of a study: all trials, and the front on held-out clips."""

from pathlib import Path

from litho_dl.tuning.study import Study
from litho_dl.tuning.trial import Found, Score
from litho_dl.viz.figure import save_figure
from litho_dl.viz.tuning import tuning_figure


def draw_front(path: Path, study: Study, found: Found, validation: dict[int, Score]) -> None:
    """Draws all trials on the study's clips, and the front on the others.

    Args:
        path: The picture.
        study: The study.
        found: What its search found.
        validation: Scores on held-out clips, by the trials' numbers.
    """
    seen = {trial.number: trial.score for trial in found.trials if trial.score is not None}
    panels = {
        f"clips tuned on ({len(study.clips)})": _points(seen),
        f"held-out clips ({len(study.validation)})": _points(validation),
    }
    best = {str(trial.number) for trial in found.front}
    start = None if found.start is None else str(found.start.number)
    title = f"{study.name}: {len(found.trials)} trials from {study.recipe.method}"
    save_figure(tuning_figure(panels, best, start, title=title), path)


def _points(scores: dict[int, Score]) -> dict[str, tuple[float, float]]:
    """Seconds a clip and nm^2, by trial."""
    return {str(number): (score.seconds, score.quality_nm2) for number, score in scores.items()}
