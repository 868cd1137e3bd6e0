"""The files of a study: tables of trials and Pareto front, the methods of the front, and the result as text."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from litho_dl.core.io import remove_leftovers, write_csv, write_text
from litho_dl.core.lock import owned
from litho_dl.core.settings import toml_text
from litho_dl.tuning.journal import clear_journal
from litho_dl.tuning.study import Study
from litho_dl.tuning.trial import Score, StudyResult, Trial

TRIALS, FRONT, METHODS = "trials.csv", "front.csv", "front"
SCORES = {"quality_nm2": 1, "l2_nm2": 1, "pvb_nm2": 1, "epe_violations": 3, "seconds": 4}  # names and decimals


def study_folder(folder: Path) -> AbstractContextManager[Path]:
    """The folder of a study, which several searches may share; the first of them clears what killed ones left.

    Args:
        folder: The folder.

    Returns:
        The folder as a context; see `core.lock.owned`.
    """

    def clear(place: Path) -> None:
        remove_leftovers(place)
        clear_journal(place)

    return owned(folder, METHODS, shared=True, clear=clear)


def write_trials(folder: Path, trials: list[Trial]) -> None:
    """Writes trials.csv: scores, failure and values of each trial.

    Args:
        folder: The study's folder.
        trials: All trials in order.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = ({"trial": t.number, **score_columns(t.score), "failure": t.failure or "", **t.values} for t in trials)
    write_csv(folder / TRIALS, list(rows))


def write_front(folder: Path, study: Study, front: list[Trial], validation: dict[int, Score]) -> None:
    """Writes front.csv, and the method of each trial NN of the front as front/NN.toml; removes those of earlier fronts.

    Args:
        folder: The study's folder.
        study: The study.
        front: The Pareto front, fastest first.
        validation: Scores on the held-out clips, by trial number.

    Raises:
        OutputError: A file cannot be written.
    """
    rows = []
    for trial in front:
        held_out = score_columns(validation[trial.number], "validation_")
        rows.append({"trial": trial.number, **score_columns(trial.score), **held_out, **trial.values})
    write_csv(folder / FRONT, rows)
    for path in (folder / METHODS).glob("*.toml"):
        path.unlink(missing_ok=True)
    for trial in front:
        table = study.method(trial.values).model_dump(mode="json", exclude_defaults=True)
        description = f"{study.recipe.method} tuned by the study {study.name}, {trial}"
        write_text(method_file(folder, trial.number), toml_text({**table, "description": description}))


def method_file(folder: Path, number: int) -> Path:
    """The path of a method of the front.

    Args:
        folder: The study's folder.
        number: The trial's number.

    Returns:
        The path of its TOML file.
    """
    return folder / METHODS / f"{number:02d}.toml"


def score_columns(score: Score | None, prefix: str = "") -> dict[str, Any]:
    """The columns of a score in a table.

    Args:
        score: The score; None for a failed trial.
        prefix: Prefix of the columns' names.

    Returns:
        Values by column, empty strings for a failed trial.
    """
    return {
        prefix + name: "" if score is None else round(getattr(score, name), digits) for name, digits in SCORES.items()
    }


def study_summary(result: StudyResult, validation: dict[int, Score], folder: Path) -> dict[str, Any]:
    """A study's result as plain values: numbers of trials, and the scores of the start and of the front.

    Args:
        result: The result.
        validation: Scores on the held-out clips, by trial number.
        folder: The study's folder.

    Returns:
        The values by name.
    """
    listed = {trial.number: trial for trial in (result.start, *result.front) if trial is not None}
    best = {trial.number for trial in result.front}
    front = [
        {
            "trial": number,
            **score_columns(trial.score),
            **score_columns(validation[number], "validation_"),
            "method": str(method_file(folder, number)) if number in best else None,
        }
        for number, trial in listed.items()
    ]
    return {
        "trials": len(result.trials),
        "failed": sum(trial.score is None for trial in result.trials),
        "start": result.start and result.start.number,
        "front": front,
    }


def study_text(summary: dict[str, Any]) -> str:
    """A study's summary as a table of L2 + PV band and seconds per clip, on both sets of clips."""
    failed = f", {summary['failed']} failed" if summary["failed"] else ""
    lines = [
        f"{summary['study']}: {summary['trials']} trials{failed}",
        f"{'':>5}{'tuned':>18}{'held out':>18}",
        f"{'trial':>5}{'nm²':>10}{'s':>8}{'nm²':>10}{'s':>8}",
    ]
    for row in summary["front"]:
        note = "start" if row["trial"] == summary["start"] else ""
        numbers = (row["quality_nm2"], row["seconds"], row["validation_quality_nm2"], row["validation_seconds"])
        cells = "".join(f"{value:{text}}" for value, text in zip(numbers, ("10,.0f", "8.3f") * 2, strict=True))
        lines.append(f"{row['trial']:>5}{cells}  {row['method'] or ''} {note}".rstrip())
    return "\n".join(lines)
