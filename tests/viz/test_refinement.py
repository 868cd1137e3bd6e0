"""Pictures of refinement from several starts."""

import pytest

from litho_dl.core.errors import LithoError
from litho_dl.viz.refinement import Refinement, refinement_figure

SCRATCH = Refinement((0.0, 0.5, 1.0), {"area (nm²)": (90.0, 70.0, 60.0), "EPE": (9.0, 4.0, 0.0)})
NETWORK = Refinement((0.01, 0.6), {"area (nm²)": (75.0, 50.0), "EPE": (5.0, 1.0)})
WHOLE = Refinement((9.0,), {"area (nm²)": (40.0,), "EPE": (0.5,)})


class TestRefinement:
    def test_a_panel_for_each_score_holds_every_start(self):
        figure = refinement_figure({"scratch": SCRATCH, "net": NETWORK}, {"fast": WHOLE})
        areas, violations = (
            {line.get_label(): line.get_xydata().tolist() for line in axes.lines} for axes in figure.axes
        )
        assert areas == {"scratch": [[0.5, 70], [1, 60]], "net": [[0.01, 75], [0.6, 50]], "fast": [[9, 40]]}
        assert violations == {"scratch": [[0.5, 4], [1, 0]], "net": [[0.01, 5], [0.6, 1]], "fast": [[9, 0.5]]}
        assert [axes.get_ylabel() for axes in figure.axes] == ["area (nm²)", "EPE"]
        assert [axes.get_xlabel() for axes in figure.axes] == ["seconds per clip"] * 2
        assert [(axes.get_xscale(), axes.get_yscale()) for axes in figure.axes] == [("log", "log"), ("log", "linear")]
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["scratch", "net", "fast"]

    def test_many_starts_are_told_apart(self):
        figure = refinement_figure({str(index): NETWORK for index in range(14)}, {})
        styles = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines]
        assert len(set(styles)) == 14

    @pytest.mark.parametrize(
        ("starts", "whole"), [({}, {}), ({}, {"a": WHOLE}), ({"a": NETWORK}, {"b": Refinement((1.0,), {"q": (1.0,)})})]
    )
    def test_nothing_to_draw_or_other_scores(self, starts, whole):
        with pytest.raises(LithoError, match="of the same scores"):
            refinement_figure(starts, whole)
