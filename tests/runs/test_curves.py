"""Masks drawn as curves: which tolerance is taken, by what is simulated."""

from types import SimpleNamespace

import numpy as np
import pytest
import shapely
import torch
from scenes.ilt import CLIPS, small_simulator
from scenes.shapes import box

from litho_dl.comparison.candidates import Made
from litho_dl.layout.bezier_fit import fit_outlines
from litho_dl.layout.curvature import tight_curves
from litho_dl.layout.curves import Outlines, evened, smooth_contours
from litho_dl.layout.layout import Layout
from litho_dl.layout.rules import MaskRules, check_curves
from litho_dl.layout.shapes import to_polygons, to_shapes
from litho_dl.runs.curves import HALVINGS, DrawnCurves, curve_entry, draw_curves, warn_of_curves
from litho_dl.runs.masks import GivenMasks
from litho_dl.runs.optimize import score_masks
from litho_dl.scoring.protocol import PROTOCOLS
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


def test_bends_that_are_a_little_too_tight_are_smoothed():
    """Corners of 9.2 nm radius where 10 nm are to be kept; the other pad, whose corners keep it, stays as it is."""
    tight, wide = (
        shapely.box(x, 100, x + 100, 200).buffer(-r, join_style="mitre").buffer(r, quad_segs=24)
        for x, r in ((100, 9.2), (300, 13))
    )
    contours = evened(to_polygons(np.array([tight, wide])), 1.0)
    curves = draw_curves(contours, 0.5, 10.0, scored(1000.0), lambda polygons: scored(1000.0), None)
    assert check_curves(curves.outlines, MaskRules(20, 20, 1000, 10)).total == 0
    assert len(tight_curves(fit_outlines(contours, 0.5, 10.0)[0].loops, 10.0).values) == 4
    (same,) = fit_outlines(contours[1:], 0.5, 10.0)
    np.testing.assert_allclose(curves.outlines[1].hull.segments, same.hull.segments, rtol=0, atol=1e-9)


def test_each_mask_has_its_own_curves():
    """Through the outlines that a solution has, not the masks' pixels, within their own tolerance."""
    simulator = small_simulator()
    pads = [(box(96, 196, 416, 316),), (box(60, 100, 180, 460), box(280, 100, 400, 460))]
    outlines = Outlines(tuple(to_polygons(to_shapes(each)) for each in pads), curves_nm=0.8, least_radius_nm=0.0)
    masks = GivenMasks(torch.zeros(2, 64, 64), 8.0, outlines=outlines)
    for each, own in (([0, 1], masks), ([1], GivenMasks(masks.mask[1:], 8.0, outlines=outlines.of(1)))):
        found = score_masks(simulator, [CLIPS[index] for index in each], own, PROTOCOLS["default"])
        for index, scored in zip(each, found, strict=True):
            assert scored.curves.tolerance_nm <= 0.8
            drawn = shapely.union_all(to_shapes(pads[index])).area
            assert Layout("", scored.polygons).area_nm2 == pytest.approx(drawn, rel=2e-3)


def test_what_is_compared_keeps_the_outlines_of_each_clip():
    outlines = Outlines(((box(0, 0, 100, 100),), (box(0, 0, 200, 100),)))
    solution = SimpleNamespace(mask=torch.zeros(2, 8, 8), pixel_nm=8.0, outlines=outlines)
    made = Made.of(solution, CLIPS, 1.0, solution)
    assert [mask.outlines.polygons[0] for mask in made.masks.values()] == list(outlines.polygons)
    assert Made.of(solution, CLIPS, 1.0).masks[CLIPS[0].name].outlines is None
