"""Pictures of film stacks."""

import numpy as np
import pytest

from litho_dl.viz.film import film_figure

X = np.linspace(0, 100, 20)
LINES = (np.outer(np.ones(5), 1 + np.cos(np.linspace(0, 6, 16))), 120.0)


@pytest.mark.parametrize("barc", [None, (X, X / 1000, 35.0)], ids=["no layer below", "a layer below"])
def test_curves_marks_and_the_bulk_image(barc):
    depths = np.linspace(0, 90, 5)
    figure = film_figure((X, 1 + X / 100, 90.0), barc, (depths, depths / 90), LINES, title="a$b")
    swing, *others, profile, bulk, _bar = figure.axes
    assert len(others) == (barc is not None)
    np.testing.assert_allclose(swing.lines[0].get_ydata(), 1 + X / 100)
    assert list(swing.lines[1].get_xdata()) == [90.0, 90.0]
    if barc is not None:
        assert list(others[0].lines[1].get_xdata()) == [35.0, 35.0]
    assert profile.get_ylim() == (90.0, 0.0), "the resist's top is up"
    assert bulk.images[0].get_extent() == [0, 120.0, 90.0, 0.0]
    assert "pitch 120 nm" in bulk.get_title()
    figure.canvas.draw()
