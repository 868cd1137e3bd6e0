"""The picture of hot spots."""

import numpy as np
from scenes.shapes import box

from litho_dl.viz.hot_spots import MarkedPlace, hot_spots_figure


def test_the_worst_places_are_enlarged_and_all_are_marked():
    drawn = [box(0, 0, 60, 400).loops, box(120, 0, 180, 400).loops]
    places = [
        MarkedPlace("pinch", np.array([10.0, 40.0 * n, 50.0, 40.0 * n + 20]), f"pinch {n} nm, $inner$", 30.0, drawn)
        for n in range(8)
    ]
    figure = hot_spots_figure(drawn, drawn, places, most=6, title="two lines")
    figure.canvas.draw()
    overview, *insets = figure.axes
    assert len(overview.patches) == 8
    assert [axes.get_title() for axes in insets] == [rf"{n + 1}: pinch {n} nm, \$inner\$" for n in range(6)]
    for n, axes in enumerate(insets):
        low, high = axes.get_xlim()
        assert high - low == 150  # five limits
        assert (low + high) / 2 == 30
        assert sum(axes.get_ylim()) / 2 == 40 * n + 10
    labels = [text.get_text() for text in overview.get_legend().get_texts()]
    assert labels == ["pinch: 8", "bridge: 0", "missing: 0", "stray: 0"]


def test_a_layout_without_hot_spots():
    figure = hot_spots_figure([box(0, 0, 60, 400).loops], [], [])
    figure.canvas.draw()
    assert len(figure.axes) == 1
