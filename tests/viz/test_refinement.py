"""Pictures of refinement from several starts."""

import pytest

from litho_dl.core.errors import LithoError
from litho_dl.viz.refinement import Refinement, refinement_figure

SCRATCH = Refinement((0, 5, 10), (0.0, 0.5, 1.0), (90.0, 70.0, 60.0))
NETWORK = Refinement((0, 5), (0.01, 0.6), (75.0, 50.0))
WHOLE = Refinement((120,), (9.0,), (40.0,))


class TestRefinement:
    def test_both_panels_hold_every_start(self):
        figure = refinement_figure(
            {"scratch": SCRATCH, "net": NETWORK}, {"fast": WHOLE}, {"DAMO": 80.0}, quality="L2 + PVB (nm²)"
        )
        by_steps, by_seconds = figure.axes
        drawn = {line.get_label(): line.get_xydata().tolist() for line in by_steps.lines}
        assert drawn == {
            "scratch": [[0, 90], [5, 70], [10, 60]],
            "net": [[0, 75], [5, 50]],
            "fast": [[120, 40]],
        }
        timed = {line.get_label(): line.get_xydata().tolist() for line in by_seconds.lines}
        assert timed == {"scratch": [[0.5, 70], [1, 60]], "net": [[0.01, 75], [0.6, 50]], "fast": [[9, 40]]}
        assert by_seconds.get_xscale() == "log"
        (published,) = by_steps.collections
        assert published.get_offsets().tolist() == [[0, 80]]
        assert [text.get_text() for text in by_steps.texts] == ["DAMO, published"]
        assert not by_seconds.collections

    def test_many_starts_are_told_apart(self):
        figure = refinement_figure({str(index): NETWORK for index in range(14)}, {}, quality="q")
        styles = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
        assert len(set(styles)) == 14

    def test_nothing_to_draw(self):
        with pytest.raises(LithoError, match="Expected starts to draw"):
            refinement_figure({}, {}, quality="q")
