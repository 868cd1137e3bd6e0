"""Pictures of convergence."""

import numpy as np
import pytest

from litho_dl.viz.history import history_figure


def test_history_marks_levels() -> None:
    terms = {"L2": np.geomspace(1e5, 1e4, 30), "tv": np.r_[np.full(10, np.nan), np.ones(20)], "total": np.full(30, 2e5)}
    (axes,) = history_figure(terms, level_starts=(0, 10, 20)).axes
    assert [text.get_text().strip() for text in axes.texts] == ["level 1", "level 2", "level 3"]
    assert axes.get_yscale() == "log"
    (axes,) = history_figure({"EPE": [5, 2, 0]}).axes
    assert axes.get_yscale() == "symlog"
    assert not axes.texts


def test_history_shows_no_rounding_errors() -> None:
    """What is a millionth of the largest value lies at zero, and the axis is not stretched to it."""
    (axes,) = history_figure({"total": [1e5, 1e4], "width": [50.0, 1e-13], "tv": [np.nan, 0.2]}).axes
    assert axes.get_yscale() == "symlog"
    zero, tiny, least, largest = (axes.transData.transform((0, y))[1] for y in (0, 1e-13, 0.2, 1e5))
    assert tiny == pytest.approx(zero)
    assert least - zero > 0.05 * (largest - zero)
