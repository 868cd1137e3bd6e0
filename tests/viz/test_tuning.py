"""The picture of a search: what is marked, what is joined, what is named."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from litho_dl.core.errors import LithoError
from litho_dl.viz.figure import BLUE, GREY, VERMILION
from litho_dl.viz.tuning import tuning_figure

SEEN = {"0": (1.0, 50.0), "1": (0.5, 60.0), "2": (1.5, 40.0), "3": (1.6, 55.0), "4": (0.9, 70.0)}
HELD_OUT = {"0": (1.1, 45.0), "1": (0.6, 44.0), "2": (1.4, 43.0)}


def dots(axes) -> dict[str, set[tuple[float, float]]]:
    """Points by colour."""
    return {to_hex(c.get_facecolor()[0]).upper(): set(map(tuple, c.get_offsets())) for c in axes.collections}


def test_trials_front_and_start_are_told_apart():
    seen, held_out = tuning_figure({"seen": SEEN, "held out": HELD_OUT}, {"1", "2"}, "0").axes
    assert dots(seen) == {GREY: {SEEN["3"], SEEN["4"]}, VERMILION: {SEEN["1"], SEEN["2"]}, BLUE: {SEEN["0"]}}
    assert dots(held_out)[VERMILION] == {HELD_OUT["1"], HELD_OUT["2"]}
    assert dots(held_out)[BLUE] == {HELD_OUT["0"]}
    assert {text.get_text() for text in seen.texts} == {text.get_text() for text in held_out.texts} == {"0", "1", "2"}
    assert [axes.get_title() for axes in (seen, held_out)] == ["seen", "held out"]


def test_the_line_joins_what_none_beats_in_its_own_panel():
    """The start is on the front of the clips seen, and beaten on the others."""
    seen, held_out = tuning_figure({"seen": SEEN, "held out": HELD_OUT}, {"1", "2"}, "0").axes
    np.testing.assert_array_equal(seen.lines[0].get_xydata(), [SEEN["1"], SEEN["0"], SEEN["2"]])
    np.testing.assert_array_equal(held_out.lines[0].get_xydata(), [HELD_OUT["1"], HELD_OUT["2"]])


def test_a_start_on_the_front_and_one_that_failed():
    (axes,) = tuning_figure({"seen": SEEN}, {"0", "1", "2"}, "0").axes
    assert dots(axes)[VERMILION] == {SEEN[name] for name in "012"}
    assert dots(axes)[BLUE] == {SEEN["0"]}
    (axes,) = tuning_figure({"seen": SEEN}, {"1"}, None).axes
    assert BLUE not in dots(axes)


def test_nothing_to_draw():
    with pytest.raises(LithoError, match="Expected points to draw in every panel"):
        tuning_figure({"seen": SEEN, "held out": {}}, {"1"}, None)
