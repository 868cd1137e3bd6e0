"""What ILT methods come to on a suite of clips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from litho_dl.ilt.method import Method
from litho_dl.ilt.solve import Solution
from litho_dl.layout.clips import Clip
from litho_dl.runs.optimize import score_masks, solve
from litho_dl.scoring.protocol import Protocol, default_protocol
from litho_dl.simulation.simulator import Simulator
from litho_dl.tuning.trial import Score


@dataclass(frozen=True, eq=False)
class Suite:
    """Clips of one process, optimised as one batch.

    Attributes:
        clips: The clips.
        simulator: The process, on the device to compute on.
    """

    clips: Sequence[Clip]
    simulator: Simulator

    @property
    def protocol(self) -> Protocol:
        """How masks are scored: without mask rules and sub-pixel edges, which take longer than many a method."""
        return replace(default_protocol(self.simulator.process), rules=None, edges=False)

    def warm_up(self, method: Method) -> None:
        """Runs the levels for one step: the first run in a process pays for what later ones find done."""
        levels = tuple(level.model_copy(update={"steps": 1}) for level in method.levels)
        self._solved(method.model_copy(update={"levels": levels}))

    def measured(self, method: Method) -> Score:
        """The score of a method's masks, by the protocol on binary masks and prints.

        Raises:
            LithoError: The method does not fit the field, or its masks cannot be scored.
            KeyboardInterrupt: Ctrl-C.
        """
        solution = self._solved(method)
        cards = [mask.evaluation.scorecard for mask in score_masks(self.simulator, self.clips, solution, self.protocol)]
        l2_nm2, pvb_nm2, epe_violations = (
            fmean(getattr(card, name) for card in cards) for name in ("l2_nm2", "pvb_nm2", "epe_violations")
        )
        return Score(l2_nm2, pvb_nm2, epe_violations, solution.seconds / len(self.clips))

    def compared(
        self, methods: Sequence[Method], rounds: int, advance: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Score]:
        """The methods' scores, with the median seconds of several rounds of all methods.

        One method after the other in each round, so that what else the machine does slows all of them alike.

        Args:
            methods: The methods.
            rounds: How often each is timed.
            advance: Called with runs done and runs in all.

        Raises:
            LithoError, KeyboardInterrupt: As `measured`.
        """
        total = rounds * len(methods)
        scores: list[Score] = []
        for method in methods:
            scores.append(self.measured(method))
            advance(len(scores), total)
        seconds = [[score.seconds] for score in scores]
        for done in range(len(methods), total):
            index = done % len(methods)
            seconds[index].append(self._solved(methods[index]).seconds / len(self.clips))
            advance(done + 1, total)
        return [replace(score, seconds=median(times)) for score, times in zip(scores, seconds, strict=True)]

    def _solved(self, method: Method) -> Solution:
        return solve(self.simulator, self.clips, method).require_finished()
