"""Histograms of scores."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from litho_dl.core.errors import LithoError
from litho_dl.viz.scores import score_histograms


def bars(values: object) -> tuple[list[tuple[float, float, float]], tuple[float, float], list[str]]:
    """(left, width, height) of the bars that are not empty, the axis's limits, and all texts over the panel."""
    (axes,) = score_histograms({"EPE violations": values}).axes
    drawn = [(b.get_x(), b.get_width(), b.get_height()) for b in axes.patches if isinstance(b, Rectangle)]
    assert not axes.texts, "nothing is written over the bars"
    return [bar for bar in drawn if bar[2]], axes.get_xlim(), [axes.get_title(loc="right")]


def test_whole_numbers_have_a_bar_each():
    drawn, _, texts = bars([0, 2, 2, 11])
    assert drawn == [(-0.5, 1, 1), (1.5, 1, 2), (10.5, 1, 1)]
    assert texts == ["median 2"]


@pytest.mark.parametrize("value", [0, 1500, 0.31])
def test_a_constant_is_a_bar_and_no_block(value):
    ((left, width, height),), (low, high), texts = bars(np.full(7, value))
    assert height == 7
    assert left <= value <= left + width
    assert width < (high - low) / 8
    assert texts == [f"median {value:,.3g}"]


def test_nothing_to_draw():
    with pytest.raises(LithoError, match="Expected scores to draw"):
        score_histograms({"shots": []})
