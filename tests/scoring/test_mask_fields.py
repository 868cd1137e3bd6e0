"""Scores of a layout on a clear field are those of its complement on a dark one."""

import numpy as np
import pytest
import torch
from scenes.mask_fields import FIELD, KINDS, complement, process_of, random_layout
from scenes.shapes import box

from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.drawn_sites import drawn_sites, field_edges
from litho_dl.metrics.edge import edge_profile
from litho_dl.metrics.epe import OPENILT, violations
from litho_dl.scoring.evaluate import Evaluation, evaluate_mask
from litho_dl.scoring.protocol import PROTOCOLS
from litho_dl.simulation.simulator import Simulator


def scored(kind: str, field: str, layout: Layout, *, wider_nm: float = 0.0) -> Evaluation:
    """The score of a mask with wider (or narrower) shapes against the layout."""
    grid = Grid.of_field(FIELD, 2.0)
    drawn = layout.biased(wider_nm) if field == "clear" else complement(complement(layout).biased(wider_nm))
    mask = torch.from_numpy(rasterize(drawn, grid))
    simulator = Simulator(process_of(kind, field), dtype=torch.float64)
    return evaluate_mask(mask, 2.0, layout, simulator, PROTOCOLS["default"], drawn=drawn)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wider_nm", [0.0, 8.0, -12.0])
@pytest.mark.parametrize("seed", [0, 5])
def test_complements_score_alike(kind, wider_nm, seed):
    layout = random_layout(seed)
    clear, dark = (
        scored(kind, field, shapes, wider_nm=wider_nm)
        for field, shapes in (("clear", layout), ("dark", complement(layout)))
    )
    one, other = clear.scorecard, dark.scorecard
    assert (one.l2_nm2, one.pvb_nm2) == (other.l2_nm2, other.pvb_nm2)
    assert one.l2_nm2 > 0 < one.pvb_nm2
    assert one.epe_sites == other.epe_sites > 20
    assert one.edges.epe_mean_nm == pytest.approx(-other.edges.epe_mean_nm, abs=1e-9)
    assert one.edges.epe_3sigma_nm == pytest.approx(other.edges.epe_3sigma_nm, abs=1e-9)
    assert one.edges.epe_max_nm == pytest.approx(other.edges.epe_max_nm, abs=1e-9)
    assert one.edges.epe_lost == other.edges.epe_lost
    assert one.edges.ils_per_um == pytest.approx(other.edges.ils_per_um, rel=1e-9)
    # Probes lie 15.5 nm inside and 14.5 nm outside of an edge: only errors in between count for one and not the other.
    found = clear.violation_epe_nm, dark.violation_epe_nm
    near = sum(int((np.abs(np.abs(np.nan_to_num(epe, nan=15.0)) - 15) < 0.6).sum()) for epe in found)
    assert abs(one.epe_violations - other.epe_violations) <= near
    for corner in ("nominal", "outer", "inner"):
        same = {"nominal": "nominal", "outer": "inner", "inner": "outer"}[corner]
        assert (clear.prints[corner] == ~dark.prints[same]).all()
    assert clear.mask_field == "clear"


@pytest.mark.parametrize("kind", KINDS)
def test_absorber_away_from_shapes_prints_from_some_size_on(kind):
    """On a clear field, first at the outer corner only, then at all of them."""
    target, grid = Layout("bar", (box(300, 100, 412, 412),)), Grid.of_field(FIELD, 2.0)
    simulator, found = Simulator(process_of(kind, "clear"), dtype=torch.float64), {}
    for side in range(40, 130, 2):
        drawn = Layout("mask", (*target.polygons, box(60, 200, 60 + side, 200 + side)))
        mask = torch.from_numpy(rasterize(drawn, grid))
        found[side] = evaluate_mask(mask, 2.0, target, simulator, PROTOCOLS["default"], drawn=drawn)
    first = {
        name: min(side for side, score in found.items() if score.prints[name][:, :125].any())
        for name in ("nominal", "outer", "inner")
    }
    assert 40 < first["outer"] <= first["nominal"] < first["inner"] < 128
    assert [score.scorecard.stray_prints for score in found.values()] == [side >= first["outer"] for side in found]


@pytest.mark.parametrize("shift_nm", [0.0, 4.0, -17.0, 25.0])
def test_too_large_is_positive(shift_nm):
    """A bar of a clear field that prints `shift_nm` too large on each side: dark inside, bright beyond."""
    layout = Layout("bar", (box(200, 100, 312, 412),))
    y, x = np.mgrid[:512, :512] + 0.5
    inside = np.minimum(np.minimum(x - 200, 312 - x), np.minimum(y - 100, 412 - y)) + shift_nm  # beyond the edge: < 0
    image = np.clip(0.25 - 0.004 * inside, 0.0, 1.0)
    edges = field_edges(layout.polygons, FIELD)
    sites = drawn_sites(edges, OPENILT, 1.0, (512, 512))
    profile = edge_profile(image, sites, np.ones(len(sites)), 0.25, 1.0, "clear")
    np.testing.assert_allclose(profile.epe_nm, shift_nm, atol=0.01)
    assert violations(image, sites, OPENILT, 0.25, "clear").tolist() == [int(abs(shift_nm) > 15)] * len(sites)
    missing = violations(np.ones_like(image), sites, OPENILT, 0.25, "clear")
    extra = violations(np.zeros_like(image), sites, OPENILT, 0.25, "clear")
    assert missing.tolist() == extra.tolist() == [1] * len(sites)


def test_what_prints_nothing_says_what_it_would_in_the_other_field():
    layout = Layout("bar", (box(226, 100, 286, 400),))
    evaluation = scored("attenuated", "dark", complement(complement(layout)))
    assert not evaluation.prints["nominal"].any()
    assert evaluation.other_field_nm2 > 0
    assert scored("attenuated", "clear", layout).other_field_nm2 == 0
