"""Pictures of where the seconds of commands go."""

import pytest

from litho_dl.core.errors import LithoError
from litho_dl.viz.phases import COLOURS, phases_figure

COMMANDS = {
    "draw $x$": {
        "before": {"start": 1.0, "solve": 5.0, "rest": 3.0},
        "after": {"start": 0.5, "solve": 2.0, "rest": 0.25},
    },
    "read": {"after": {"start": 0.125, "solve": 0.0, "rest": 0.25}},
}


def test_bars_begin_where_the_last_phase_ends() -> None:
    upper, lower = phases_figure(COMMANDS).axes
    bars = [(bar.get_x(), bar.get_width(), round(bar.get_y() + bar.get_height() / 2)) for bar in upper.patches]
    assert bars == [(0, 1, 0), (1, 5, 0), (6, 3, 0), (0, 0.5, 1), (0.5, 2, 1), (2.5, 0.25, 1)]
    assert [text.get_text().strip() for text in upper.texts] == ["9.00 s", "2.75 s"]
    assert [label.get_text() for label in upper.get_yticklabels()] == ["before", "after"]
    assert upper.yaxis_inverted(), "the first run is on top"
    assert upper.get_xlim()[1] > 9 > lower.get_xlim()[1] > 0.375, "each command has a scale of its own"
    assert upper.get_title(loc="left") == r"draw \$x\$"


def test_a_phase_has_one_colour() -> None:
    figure = phases_figure(COMMANDS)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["start", "solve", "rest"]
    for axes in figure.axes:
        for index in range(3):
            assert axes.patches[index].get_facecolor() == legend.get_patches()[index].get_facecolor()


@pytest.mark.parametrize("phases", [0, len(COLOURS) + 1])
def test_phases_without_a_colour_are_refused(phases: int) -> None:
    with pytest.raises(LithoError, match=f"got {phases}"):
        phases_figure({"read": {"now": {f"phase {number}": 1.0 for number in range(phases)}}})
