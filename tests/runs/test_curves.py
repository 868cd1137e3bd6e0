"""Masks drawn as curves: which tolerance is taken, by what is simulated."""

from types import SimpleNamespace

import numpy as np
import pytest

from litho_dl.layout.curves import smooth_contours
from litho_dl.layout.layout import Layout
from litho_dl.runs.curves import HALVINGS, DrawnCurves, curve_entry, draw_curves, warn_of_curves
from litho_dl.scoring.scorecard import Scorecard

CENTRES = (np.arange(64) + 0.5) * 4 - 128
CONTOURS = smooth_contours(np.hypot(CENTRES[:, None], CENTRES) <= 80, 4.0)


def scored(cost: float):
    card = Scorecard("a", "default/1", "exact", cost, 0.0, 0, 0, 0, 1, 0, 3, 4, None, None, None, 0.0)
    return SimpleNamespace(scorecard=card)


def drawn(costs: list[float]) -> DrawnCurves:
    """The curves of a disc whose polygons cost so much in turn, beside pixels of 1000 nm^2."""
    left = iter(costs)
    return draw_curves(CONTOURS, 2.0, 0.0, scored(1000.0), lambda polygons: scored(next(left)), None)


def test_good_curves_keep_the_tolerance():
    curves = drawn([1004.0])
    assert (curves.tolerance_nm, curves.flat_nm, curves.change) == (2.0, 0.5, pytest.approx(0.004))
    assert Layout("", curves.polygons).area_nm2 == pytest.approx(np.pi * 80**2, rel=0.02)
    assert curves.segments == sum(outline.segment_count for outline in curves.outlines)
    assert drawn([500.0]).tolerance_nm == 2.0  # a better print is no reason to halve


def test_worse_curves_halve_it():
    curves = drawn([1020.0, 1010.0, 1005.0])
    assert (curves.tolerance_nm, curves.flat_nm) == (0.5, 0.125)
    assert curve_entry(curves)["curve_tolerance_nm"] == 0.5


def test_the_best_is_taken_and_told_where_none_is_good(capsys):
    curves = drawn([1020.0, 1008.0, 1030.0, 1040.0])
    assert HALVINGS == 3
    assert curves.tolerance_nm == 1.0
    warn_of_curves(curves, "metal")
    assert "metal: L2 + PVB of the curves are 0.8% above" in capsys.readouterr().err
    warn_of_curves(drawn([900.0]), "metal")
    assert not capsys.readouterr().err
