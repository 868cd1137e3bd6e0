"""The picture of edge noise."""

import numpy as np
from scenes.shapes import box

from litho_dl.viz.edge_noise import edge_noise_figure


def test_contours_have_the_colours_of_their_noise_and_gauges_their_names():
    points, noise = np.array([[0.0, 0.0], [60, 0], [60, 400], [0, 400]]), np.array([1.0, 2.0, 3.0, 4.0])
    figure = edge_noise_figure(
        [box(0, 0, 60, 400).loops], points, noise, [("g1", (0.0, 200.0, 60.0, 200.0))], title="line"
    )
    figure.canvas.draw()
    axes = figure.axes[0]
    shown = axes.collections[-1]
    assert np.array_equal(shown.get_offsets(), points)
    assert np.array_equal(shown.get_array(), noise)
    assert "g1" in [text.get_text() for text in axes.texts]


def test_nothing_printed():
    figure = edge_noise_figure([box(0, 0, 60, 400).loops], np.zeros((0, 2)), np.zeros(0), [])
    figure.canvas.draw()
    assert len(figure.axes) == 1
