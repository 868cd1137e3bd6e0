"""Measuring the scores and the time of ILT methods on a suite of clips."""

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
        simulator: Simulator of the process, on the device to compute on.
    """

    clips: Sequence[Clip]
    simulator: Simulator

    @property
    def protocol(self) -> Protocol:
        """The default protocol without mask rules, which take longer than many methods."""
        return replace(default_protocol(self.simulator.process), rules=None)

    def warm_up(self, method: Method) -> None:
        """Runs each level of a method for one step, as the first run in a process is slower than later ones."""
        levels = tuple(level.model_copy(update={"steps": 1}) for level in method.levels)
        self._solve(method.model_copy(update={"levels": levels}))

    def measure(self, method: Method) -> Score:
        """Solves the clips by a method, and scores the masks by `protocol`.

        Raises:
            LithoError: The method does not fit the field, or its masks cannot be scored.
            KeyboardInterrupt: Ctrl-C.
        """
        solution = self._solve(method)
        cards = [mask.evaluation.scorecard for mask in score_masks(self.simulator, self.clips, solution, self.protocol)]
        l2_nm2, pvb_nm2, epe_violations = (
            fmean(getattr(card, name) for card in cards) for name in ("l2_nm2", "pvb_nm2", "epe_violations")
        )
        return Score(l2_nm2, pvb_nm2, epe_violations, solution.seconds / len(self.clips))

    def compare(
        self, methods: Sequence[Method], rounds: int, advance: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Score]:
        """Measures several methods, with the median of their times over several rounds.

        Each round runs all methods once, so that a temporary load of the machine affects all of them equally.

        Args:
            methods: The methods.
            rounds: How often each method is timed.
            advance: Called with the number of finished runs and the number of runs.

        Returns:
            The scores of each method.

        Raises:
            LithoError: As `measure`.
            KeyboardInterrupt: Ctrl-C.
        """
        total = rounds * len(methods)
        scores: list[Score] = []
        for method in methods:
            scores.append(self.measure(method))
            advance(len(scores), total)
        seconds = [[score.seconds] for score in scores]
        for done in range(len(methods), total):
            index = done % len(methods)
            seconds[index].append(self._solve(methods[index]).seconds / len(self.clips))
            advance(done + 1, total)
        return [replace(score, seconds=median(times)) for score, times in zip(scores, seconds, strict=True)]

    def _solve(self, method: Method) -> Solution:
        return solve(self.simulator, self.clips, method).require_finished()
