"""The picture of score against rectangles."""

from litho_dl.viz.rectangles import rectangles_figure


def test_the_mask_and_all_counts_are_in_the_picture():
    figure = rectangles_figure([10, 20, 40], [3e3, 2e3, 1e3], [9e3, 8e3, 7e3], (900, 900.0, 6800.0), title="metal")
    (axes,) = figure.axes
    figure.canvas.draw()
    sums = axes.lines[0]
    assert list(sums.get_ydata()) == [12e3, 10e3, 8e3]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["10", "20", "40", "900"]
    assert axes.get_ylim()[0] == 0
    assert [text.get_text() for text in axes.get_legend().get_texts()][:3] == ["L2 + PVB", "PVB", "L2"]
