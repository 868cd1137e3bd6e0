"""What a study writes: tables of its trials and of its front, and the front's methods."""

from pathlib import Path
from typing import Any

from litho_dl.core.io import write_csv, write_text
from litho_dl.core.settings import toml_text
from litho_dl.tuning.study import Study
from litho_dl.tuning.trial import Score, Trial

TRIALS, FRONT, METHODS = "trials.csv", "front.csv", "front"
FIGURES = {"quality_nm2": 1, "l2_nm2": 1, "pvb_nm2": 1, "epe_violations": 3, "seconds": 4}  # with their decimals


def write_trials(folder: Path, trials: list[Trial]) -> None:
    """Writes trials.csv: the figures of each trial, why it failed, and its values."""
    rows = ({"trial": t.number, **figures(t.score), "failure": t.failure or "", **t.values} for t in trials)
    write_csv(folder / TRIALS, list(rows))


def write_front(folder: Path, study: Study, front: list[Trial], validation: dict[int, Score]) -> None:
    """Writes front.csv, and front/NN.toml for each trial NN in place of those of earlier fronts."""
    rows = []
    for trial in front:
        held_out = figures(validation[trial.number], "validation_")
        rows.append({"trial": trial.number, **figures(trial.score), **held_out, **trial.values})
    write_csv(folder / FRONT, rows)
    for path in (folder / METHODS).glob("*.toml"):
        path.unlink(missing_ok=True)
    for trial in front:
        table = study.method(trial.values).model_dump(mode="json", exclude_defaults=True)
        description = f"{study.recipe.method} tuned by the study {study.name}, {trial}"
        write_text(method_file(folder, trial.number), toml_text({**table, "description": description}))


def method_file(folder: Path, number: int) -> Path:
    """Where the method of a front's trial is."""
    return folder / METHODS / f"{number:02d}.toml"


def figures(score: Score | None, prefix: str = "") -> dict[str, Any]:
    """A score as columns; empty ones of what failed."""
    return {
        prefix + name: "" if score is None else round(getattr(score, name), digits) for name, digits in FIGURES.items()
    }
