"""Measuring a method on the clips of a study."""

from dataclasses import replace
from unittest import mock

from scenes.ilt import CLIPS, SIMPLE, small_simulator

from litho_dl.runs.optimize import score_masks, solve
from litho_dl.scoring.protocol import default_protocol
from litho_dl.simulation.simulator import Simulator
from litho_dl.tuning.measure import Suite


class TestMeasuring:
    SUITE = Suite(CLIPS, Simulator(small_simulator().process))

    def test_scores_are_the_protocols(self):
        """Means over the clips of what `litho-dl optimize` would say of the same masks."""
        solution = solve(self.SUITE.simulator, CLIPS, SIMPLE)
        cards = [
            scored.evaluation.scorecard
            for scored in score_masks(
                self.SUITE.simulator, CLIPS, solution, default_protocol(small_simulator().process)
            )
        ]
        score = self.SUITE.measure(SIMPLE)
        assert cards[0].l2_nm2 != cards[1].l2_nm2
        assert score.l2_nm2 == sum(card.l2_nm2 for card in cards) / 2
        assert score.pvb_nm2 == sum(card.pvb_nm2 for card in cards) / 2
        assert score.epe_violations == sum(card.epe_violations for card in cards) / 2
        assert score.quality_nm2 == score.l2_nm2 + score.pvb_nm2

    def test_methods_are_timed_in_turn_and_by_their_medians(self):
        methods = [SIMPLE, SIMPLE.model_copy(update={"momentum": 0.5})]
        solution = solve(self.SUITE.simulator, CLIPS, SIMPLE)
        seconds = iter([8.0, 2.0, 7.0, 6.0, 90.0, 1.0])
        solved, seen = [], []

        def solving(simulator, clips, method):
            solved.append(method)
            return replace(solution, seconds=next(seconds))

        with mock.patch("litho_dl.tuning.measure.solve", solving):
            scores = self.SUITE.compare(methods, 3, lambda done, total: seen.append((done, total)))
        assert solved == methods * 3
        assert [score.seconds for score in scores] == [8.0 / 2, 2.0 / 2]  # of 8, 7, 90 and of 2, 6, 1; two clips
        assert seen == [(done, 6) for done in range(1, 7)]
        assert scores[0].l2_nm2 == self.SUITE.measure(SIMPLE).l2_nm2

    def test_warming_up_takes_a_step_a_level(self):
        with mock.patch("litho_dl.tuning.measure.solve", wraps=solve) as solving:
            self.SUITE.warm_up(SIMPLE)
        (method,) = (call.args[2] for call in solving.call_args_list)
        assert [level.steps for level in method.levels] == [1, 1]
        assert [level.pixel_nm for level in method.levels] == [level.pixel_nm for level in SIMPLE.levels]
