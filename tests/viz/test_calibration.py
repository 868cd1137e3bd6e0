"""Pictures of calibrations."""

import numpy as np
import pytest

from litho_dl.core.errors import LithoError
from litho_dl.viz.calibration import ResidualPoints, parameters_figure, residuals_figure


def points(**changes):
    values = {
        "before_nm": np.array([5.0, -4.0, 3.0, np.nan]),
        "after_nm": np.array([0.5, -0.4, 6.0, 0.1]),
        "patterns": ["dense", "iso", "iso", "$tips"],
        "pitch_nm": np.array([120.0, np.nan, np.nan, np.nan]),
        "defocus_nm": np.array([0.0, 40.0, -40.0, 0.0]),
        "kinds": ["fitted", "held out", "outlier", "fitted"],
        "noise_nm": 0.5,
    }
    return ResidualPoints(**(values | changes))


def test_residuals_are_drawn_where_they_belong():
    figure = residuals_figure(points(), title="a run")
    before, classes, pitch, focus = figure.axes
    assert [label.get_text() for label in classes.get_xticklabels()] == ["dense", "iso", r"\$tips"]
    drawn = {own.get_label(): own.get_offsets() for own in focus.collections}
    np.testing.assert_allclose(drawn["fitted"], [(0, 0.5), (0, 0.1)])
    np.testing.assert_allclose(drawn["held out"], [(40, -0.4)])
    np.testing.assert_allclose(drawn["outlier"], [(-40, 6)])
    assert len(before.patches) == 80
    assert pitch.get_title() == "Through pitch"


def test_without_neighbours_the_panel_says_so():
    figure = residuals_figure(points(pitch_nm=np.full(4, np.nan)))
    assert [text.get_text() for text in figure.axes[2].texts] == ["no gauge has a near neighbour"]


def test_nothing_to_draw():
    with pytest.raises(LithoError, match="got none"):
        residuals_figure(points(after_nm=np.full(4, np.nan)))


def test_parameters_and_correlations():
    correlations = np.array([[1.0, -0.7], [-0.7, 1.0]])
    figure = parameters_figure(
        ["resist.threshold", "mask.bias_nm"], np.zeros(2), np.array([2.0, 6.0]), np.array([1.0, 2.0]), correlations
    )
    moved, square = figure.axes
    np.testing.assert_allclose(moved.lines[0].get_xdata(), [2, 3])
    np.testing.assert_allclose(square.images[0].get_array(), correlations)
    assert "-0.70" in [text.get_text() for text in square.texts]
