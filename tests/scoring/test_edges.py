"""The print at a Manhattan target's edges: of its pixels, and as they are drawn."""

import numpy as np
import pytest
import torch
from scenes.pixel_images import drawn
from scenes.shapes import box

from litho_dl.core.dft import analyse, analysis
from litho_dl.core.grid import Grid
from litho_dl.layout.layout import Layout
from litho_dl.metrics.edge import EdgeProfile
from litho_dl.optics.print_rule import PrintRule
from litho_dl.scoring.edges import ScoredEdges, drawn_polygon_edges, edge_score, pixel_edges
from litho_dl.simulation.prints import whole_image

GRID = Grid.of_field((400.0, 400.0), 1.0)
RULE = PrintRule(0.5)
HALF = (24, 24)
SHAPES = ((40, 60, 110, 330), (170, 60, 340, 130), (170, 200, 240, 330))


def both(*, moved_px: int, shorter_px: int) -> tuple[ScoredEdges, ScoredEdges]:
    """Edges of the pixels and as drawn, for an image of the shapes moved to the right and shortened at both ends."""
    image = [(x0 + moved_px, y0 + shorter_px, x1 + moved_px, y1 - shorter_px) for x0, y0, x1, y1 in SHAPES]
    mask = torch.from_numpy(drawn(*image)).double()
    transform = analysis(GRID, HALF, reference_nm=0.0, dtype=torch.float64, device=torch.device("cpu"))
    spectrum = analyse(mask, transform)
    nominal = RULE.printed(whole_image(spectrum, GRID)).numpy()
    target = Layout("target", tuple(box(*shape) for shape in SHAPES))
    return pixel_edges(drawn(*SHAPES), nominal), drawn_polygon_edges(target, spectrum, GRID, RULE)


@pytest.mark.parametrize(("moved_px", "shorter_px"), [(0, 0), (25, 0), (0, 25)])
def test_pixels_and_drawn_edges_have_the_same_sites_and_violations(moved_px, shorter_px):
    pixels, polygons = both(moved_px=moved_px, shorter_px=shorter_px)
    found, drawn_there = (_by_place(edges) for edges in (pixels, polygons))
    assert found == drawn_there
    assert pixels.violations_neuralilt == polygons.violations_neuralilt
    assert (sum(found.values()) > 0) == (moved_px + shorter_px > 0)
    assert pixels.profile is None


def _by_place(edges: ScoredEdges) -> dict[tuple[float, ...], int]:
    places = np.hstack((edges.sites.positions_nm(1.0), edges.sites.normals)).tolist()
    return dict(zip(map(tuple, places), edges.violated.tolist(), strict=True))


@pytest.mark.parametrize("moved_px", [-6, 0, 6])
def test_moved_shapes_have_placement_errors_of_the_move(moved_px):
    """To the right of shapes by the move, to the left by minus the move, in the middle of long edges."""
    _, edges = both(moved_px=moved_px, shorter_px=0)
    assert edges.profile is not None
    x, y = edges.sites.positions_nm(1.0).T
    middle = (np.abs(y - 195) < 60) & (x < 120)  # of the first bar, far from its ends
    assert middle.sum() >= 4
    epe_nm, outwards = edges.profile.epe_nm[middle], edges.sites.normals[middle, 1]
    np.testing.assert_allclose(epe_nm, outwards * moved_px, atol=0.5)


def test_scores_leave_out_edges_that_are_not_there():
    score = edge_score(EdgeProfile(np.array([1.0, -3.0, np.nan]), np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])))
    assert (score.epe_mean_nm, score.epe_3sigma_nm, score.epe_max_nm, score.epe_lost) == (-1.0, 6.0, 3.0, 1)
    assert (score.ils_per_um, score.nils) == (4.0, 2.0)


def test_where_nothing_prints_there_is_no_placement():
    score = edge_score(EdgeProfile(np.array([np.nan]), np.array([]), np.array([])))
    assert (score.epe_mean_nm, score.epe_3sigma_nm, score.epe_max_nm, score.epe_lost) == (None, None, None, 1)
    assert (score.ils_per_um, score.nils) == (None, None)


@pytest.mark.parametrize("moved_px", [-5, -4, -3, 0, 3, 4, 5])
def test_moves_of_3_nm_outwards_and_4_inwards_are_violations_at_3_nm(moved_px):
    """Of the left and right sides, which move in opposite ways; every site counts once."""
    target = drawn(*SHAPES)
    found = pixel_edges(target, np.roll(target, moved_px, axis=1))
    outwards = found.sites.normals[:, 1] * moved_px
    assert found.violations_3nm == ((outwards >= 3) | (outwards <= -4)).sum()
    assert found.violated.sum() == 0


@pytest.mark.parametrize("moved_px", [0, 5, 25])
def test_pixels_and_drawn_edges_have_the_same_violations_at_3_nm(moved_px):
    pixels, polygons = both(moved_px=moved_px, shorter_px=0)
    assert abs(pixels.violations_3nm - polygons.violations_3nm) <= 0.1 * pixels.violations_3nm
    assert pixels.violations_3nm >= pixels.violated.sum()
