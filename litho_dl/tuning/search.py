"""The search: Optuna proposes values, they are measured, and a journal keeps the trials."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litho_dl.core.errors import LithoError, OutputError, out_of_memory
from litho_dl.tuning.journal import JOURNAL, require_journal
from litho_dl.tuning.space import Choices, Dimension, Space, Values
from litho_dl.tuning.trial import Score, Trial

if TYPE_CHECKING:
    import optuna

Measure = Callable[[Values], Score]


class Search:
    """A two-objective search for the smallest quality in nm^2 and the smallest time, stored in FOLDER/journal.log.

    Several processes may use one journal at the same time. The trial of a process that is killed is lost.
    """

    def __init__(self, folder: Path, space: Space, start: Values, *, digest: str, seed: int) -> None:
        """Opens the folder's journal, or creates one with the start as its first trial.

        Args:
            folder: Folder of the journal.
            space: The search space.
            start: Values of the first trial.
            digest: Identifies the study.
            seed: Seed of the sampler; a trial's seed depends on it and on the number of earlier trials, so that an
                interrupted search continues as if it had not been interrupted.

        Raises:
            LithoError: Optuna is not installed.
            OutputError: The journal is of another study, or damaged.
        """
        self._optuna = _import_optuna()
        self._space, self._seed = space, seed
        path = folder.resolve() / JOURNAL  # the journal's lock is a symbolic link, which needs an absolute path
        require_journal(path)
        try:
            backend = self._optuna.storages.journal.JournalFileBackend(str(path))
            storage = self._optuna.storages.JournalStorage(backend)
            others = {study.study_name for study in storage.get_all_studies()} - {digest}
        except Exception as error:  # lines that are in order alone, but not together
            raise OutputError(f"{path}: the journal is damaged ({error}); choose another folder.") from error
        if others:
            raise OutputError(
                f"{folder}: expected an empty folder or one of this study, got one of another method, space, seed, "
                f"optics or layouts; choose another folder."
            )
        directions = ["minimize", "minimize"]
        self._study = self._optuna.create_study(
            storage=storage, study_name=digest, directions=directions, load_if_exists=True
        )
        if fault := next(filter(None, map(self._fault, self._study.get_trials(deepcopy=False))), None):
            raise OutputError(f"{path}: the journal is damaged ({fault}); choose another folder.")
        self._study.enqueue_trial(start, skip_if_exists=True)

    def run(self, measure: Measure, trials: int, on_trial: Callable[[Trial], None] = lambda trial: None) -> None:
        """Runs trials until the journal holds a given number, including those of earlier runs and other processes.

        Args:
            measure: Scores of given values; if it raises LithoError or runs out of memory, the trial fails.
            trials: Number of trials in all.
            on_trial: Called after each trial of this run.

        Raises:
            KeyboardInterrupt: Ctrl-C; the next run starts with the interrupted trial.
        """
        while len(self.trials()) < trials:
            self._study.sampler = self._optuna.samplers.TPESampler(seed=self._seed + len(self._study.trials))
            on_trial(self._run_trial(self._study.ask(self._distributions()), measure))

    def _run_trial(self, trial: "optuna.Trial", measure: Measure) -> Trial:
        """Measures one trial and stores its scores or failure."""
        values = self._rounded(trial.params)
        failed = self._optuna.trial.TrialState.FAIL
        try:
            score = measure(values)
        except KeyboardInterrupt:
            self._study.enqueue_trial(trial.params)
            self._study.tell(trial, state=failed)
            raise
        except Exception as error:
            if not (isinstance(error, LithoError) or out_of_memory(error)):
                raise
            failure = " ".join(str(error).split()) or "out of memory"
            trial.set_user_attr("failure", failure)
            self._study.tell(trial, state=failed)
            return Trial(trial.number, values, failure=failure)
        trial.set_user_attr("score", asdict(score))
        self._study.tell(trial, (score.quality_nm2, score.seconds))
        return Trial(trial.number, values, score)

    def trials(self) -> list[Trial]:
        """All finished trials in order; interrupted ones are left out."""
        states = self._optuna.trial.TrialState
        found = self._study.get_trials(deepcopy=False, states=(states.COMPLETE, states.FAIL))
        return [self._record(trial) for trial in found if trial.user_attrs]

    def front(self) -> list[Trial]:
        """The Pareto-optimal trials in quality and time, fastest first."""
        return [self._record(trial) for trial in sorted(self._study.best_trials, key=lambda trial: trial.values[1])]

    def _record(self, trial: "optuna.trial.FrozenTrial") -> Trial:
        score = trial.user_attrs.get("score")
        failure = trial.user_attrs.get("failure")
        return Trial(trial.number, self._rounded(trial.params), Score(**score) if score else None, failure)

    def _fault(self, trial: "optuna.trial.FrozenTrial") -> str | None:
        """What is wrong with a trial of the journal: its values, or that a finished one has no scores."""
        wanted, states = self._distributions(), self._optuna.trial.TrialState
        chosen = trial.system_attrs.get("fixed_params", {})
        if not (trial.distributions.items() <= wanted.items() and chosen.keys() <= wanted.keys()):
            return f"trial {trial.number} has other dimensions"
        for path, value in {**trial.params, **chosen}.items():
            if value not in self._space[path] and self._space[path].rounded(value) not in self._space[path]:
                return f"trial {trial.number} has {path} = {value!r:.60}"
        whole = trial.user_attrs.get("score") and trial.values and trial.params.keys() == wanted.keys()
        return None if whole or trial.state != states.COMPLETE else f"trial {trial.number} lacks values or scores"

    def _rounded(self, params: dict[str, Any]) -> Values:
        return {path: self._space[path].rounded(value) for path, value in params.items()}

    def _distributions(self) -> "dict[str, optuna.distributions.BaseDistribution]":
        return {path: self._distribution(dimension) for path, dimension in self._space.items()}

    def _distribution(self, dimension: Dimension) -> "optuna.distributions.BaseDistribution":
        kinds = self._optuna.distributions
        if isinstance(dimension, Choices):
            return kinds.CategoricalDistribution(dimension.choices)
        low, high, log, step = dimension.low, dimension.high, dimension.log, dimension.step
        if isinstance(low, int):
            return kinds.IntDistribution(low, high, log=log, step=step or 1)
        return kinds.FloatDistribution(low, high, log=log, step=step)


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise LithoError("Expected Optuna, which is not installed; pip install 'litho-dl[tune]'.") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # progress is reported by this package
    return optuna
