"""The records of a study: trials, scores, and the result."""

from dataclasses import dataclass

from litho_dl.tuning.space import Values


@dataclass(frozen=True)
class Score:
    """Scores of a method on a suite of clips, averaged over the clips.

    Attributes:
        l2_nm2: Area where the nominal print differs from the target, in nm^2.
        pvb_nm2: Area where the outer and inner prints differ, in nm^2.
        epe_violations: EPE violations by the `openilt` rule.
        seconds: Wall time of the solver per clip.
    """

    l2_nm2: float
    pvb_nm2: float
    epe_violations: float
    seconds: float

    @property
    def quality_nm2(self) -> float:
        """L2 error plus PV band in nm^2; smaller is better."""
        return self.l2_nm2 + self.pvb_nm2


@dataclass(frozen=True)
class Trial:
    """A trial: one set of values, and its scores.

    Attributes:
        number: Number of the trial, from 0; interrupted trials count too.
        values: Values of the search space, by path.
        score: Scores of the method with these values; None if it failed.
        failure: Reason of the failure, or None.
    """

    number: int
    values: Values
    score: Score | None = None
    failure: str | None = None

    def __str__(self) -> str:
        """The trial's scores, or its failure, on one line."""
        if self.score is None:
            return f"trial {self.number} failed: {self.failure}"
        return f"trial {self.number}: {self.score.quality_nm2:,.0f} nm² in {self.score.seconds:.3g} s a clip"


@dataclass(frozen=True)
class StudyResult:
    """The result of a study.

    Attributes:
        trials: All trials in order.
        front: The Pareto-optimal trials, fastest first.
        start: The trial of the method that the study starts from; None if it failed or was lost.
    """

    trials: list[Trial]
    front: list[Trial]
    start: Trial | None
