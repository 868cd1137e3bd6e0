"""What a search records: settings, and their scores."""

from dataclasses import dataclass

from litho_dl.tuning.space import Values


@dataclass(frozen=True)
class Score:
    """What settings came to on a suite of clips; means over the clips.

    Attributes:
        l2_nm2: Area where the nominal print differs from the target.
        pvb_nm2: Area where the outer and inner prints differ.
        epe_violations: Violations by the `openilt` rule.
        seconds: The solver's wall time over the number of clips.
    """

    l2_nm2: float
    pvb_nm2: float
    epe_violations: float
    seconds: float

    @property
    def quality_nm2(self) -> float:
        """L2 and PV band together; less is better."""
        return self.l2_nm2 + self.pvb_nm2


@dataclass(frozen=True)
class Trial:
    """One try.

    Attributes:
        number: In the order of the tries, those that were interrupted included.
        values: The settings that a search may change, by path.
        score: What they came to; None if they failed.
        failure: Why they failed.
    """

    number: int
    values: Values
    score: Score | None = None
    failure: str | None = None

    def __str__(self) -> str:
        """In a few words."""
        if self.score is None:
            return f"trial {self.number} failed: {self.failure}"
        return f"trial {self.number}: {self.score.quality_nm2:,.0f} nm² in {self.score.seconds:.3g} s a clip"


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        trials: All, in order.
        front: Those that none beats, fastest first.
        start: The trial of the method that the study began with; None if it failed or was lost.
    """

    trials: list[Trial]
    front: list[Trial]
    start: Trial | None
