"""EPE sites on drawn edges: as on pixels where pixels hold them, and the same on turned layouts."""

import numpy as np
import pytest
from scenes.chip import WIRES, random_boxes
from scenes.shapes import box
from scenes.slanted import circle, rotated, turned

from litho_dl.core.grid import Grid
from litho_dl.layout.edges import Edge
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.raster import rasterize
from litho_dl.metrics.drawn_sites import drawn_sites, drawn_widths_nm, field_edges
from litho_dl.metrics.epe import NEURALILT, OPENILT, EpeSites, find_sites

FIELD_NM = (1024.0, 1024.0)
SHAPE = (1024, 1024)
INSIDE = (40.0, 40.0, 984.0, 984.0)
LAYOUTS = {
    "wires": WIRES,
    "nothing": (),
    **{f"random {seed}": random_boxes(seed, INSIDE, grid_nm=1) for seed in range(4)},
}


def merged(polygons: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
    return Layout("all", polygons).merged().polygons


def as_set(sites: EpeSites) -> set[tuple[float, ...]]:
    rows = np.concatenate((sites.points, sites.normals), axis=1)
    assert len(rows) == len(set(map(tuple, rows.tolist()))), "no site twice"
    return set(map(tuple, rows.tolist()))


@pytest.mark.parametrize("rule", [OPENILT, NEURALILT], ids=["openilt", "neuralilt"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_sites_of_layouts_on_the_grid_are_those_of_their_pixels(name, rule):
    target = rasterize(Layout(name, LAYOUTS[name]), Grid.of_field(FIELD_NM, 1.0)) >= 0.5
    edges = field_edges(merged(LAYOUTS[name]), FIELD_NM)
    assert as_set(drawn_sites(edges, rule, 1.0, SHAPE)) == as_set(find_sites(target, rule))


def test_where_shapes_go_on_across_the_border_there_is_no_edge():
    across = (box(0, 100, 1024, 160), box(300, 0, 380, 40), box(320, 984, 420, 1024))
    target = rasterize(Layout("across", across), Grid.of_field(FIELD_NM, 1.0)) >= 0.5
    found = as_set(drawn_sites(field_edges(merged(across), FIELD_NM), OPENILT, 1.0, SHAPE))
    assert found == as_set(find_sites(target, OPENILT))
    assert len(drawn_sites(field_edges(merged(across)), OPENILT, 1.0, SHAPE)) > len(found)


def test_off_the_grid_they_lie_on_the_drawn_edge():
    (sites,) = (drawn_sites(field_edges((box(100.3, 100, 300, 160.7),)), OPENILT, 1.0, SHAPE),)
    assert set(sites.points[sites.normals[:, 1] == -1, 1]) == {100.3}
    assert set(sites.points[sites.normals[:, 0] == 1, 0]) == {160.7}


@pytest.mark.parametrize("grid_nm", [1.0, 1e-3])
@pytest.mark.parametrize("angle_deg", [17, 30, 45, 163])
@pytest.mark.parametrize("name", ["wires", "random 1", "random 3"])
def test_a_turned_layout_has_the_sites_of_the_straight_one(name, angle_deg, grid_nm):
    """Their number, and but for the ends' rounding their places; edges of critical length may have one more or less."""
    centred = Layout(name, merged(LAYOUTS[name])).translated(-512, -512).polygons
    edges = field_edges(merged(turned(centred, angle_deg, grid_nm)))
    shape = (4000, 4000)

    def sites_of(edges: list) -> EpeSites:
        moved = [type(edge)(edge.points + 2000, edge.arcs, edge.closed, edge.convex) for edge in edges]
        return drawn_sites(moved, OPENILT, 1.0, shape)

    straight, found = sites_of(field_edges(centred)), sites_of(edges)
    assert abs(len(found) - len(straight)) <= max(2, 0.02 * len(straight))
    places = 2000 + rotated(straight.positions_nm(1.0) - 2000, angle_deg, 1e-6)
    apart = np.hypot(*(places[:, None] - found.positions_nm(1.0)).transpose(2, 0, 1)).min(1)
    assert np.sort(apart)[: int(0.95 * len(apart))].max() < 1 + 1.5 * grid_nm


def test_circles_have_sites_by_arc_length():
    """A ring of radii 200 and 320 nm: round(2 pi 200 / 40) and round(2 pi 320 / 40), equidistant, normals radial."""
    ring = Polygon(circle((512, 512), 320, 300, 1e-3), (circle((512, 512), 200, 300, 1e-3)[::-1],))
    sites = drawn_sites(field_edges((ring,)), OPENILT, 1.0, SHAPE)
    spokes = sites.points - 512
    radius = np.hypot(*spokes.T)
    assert (np.abs(radius - 200) < 0.1).sum() == 31
    assert (np.abs(radius - 320) < 0.1).sum() == 50
    cosine = (sites.normals * spokes).sum(1) / radius
    np.testing.assert_allclose(cosine, np.where(radius > 260, 1, -1), atol=1e-3)
    widths = drawn_widths_nm(field_edges((ring,)), sites, 1.0, FIELD_NM)
    np.testing.assert_allclose(widths, 120, atol=0.1)


@pytest.mark.parametrize("angle_deg", [0, 17, 45])
def test_widths_by_hand(angle_deg):
    """A bar of 90 x 400 nm is 90 nm wide along its sides, and at its ends; a disc as wide as its diameter."""
    bar = np.array([(-200, -45), (200, -45), (200, 45), (-200, 45)], dtype=float)
    edges = field_edges((Polygon(512 + rotated(bar, angle_deg, 1e-3)), Polygon(circle((200, 180), 60, 100, 1e-3))))
    sites = drawn_sites(edges, OPENILT, 1.0, SHAPE)
    widths = drawn_widths_nm(edges, sites, 1.0, FIELD_NM)
    np.testing.assert_allclose(widths[~sites.on_curves], 90, atol=0.01)
    np.testing.assert_allclose(widths[sites.on_curves], 120, atol=0.2)
    assert (sites.on_curves.sum(), (~sites.on_curves).sum()) == (9, 2 * 8 + 2 * 2)


def test_widths_reach_across_the_border_where_shapes_do():
    edges = field_edges((box(0, 100, 30, 300), box(974, 100, 1024, 300)), FIELD_NM)
    sites = drawn_sites(edges, OPENILT, 1.0, SHAPE)
    assert set(sites.normals[:, 1]) == {-1, 0, 1}
    assert set(sites.points[sites.normals[:, 1] != 0, 1]) == {30, 974}
    np.testing.assert_allclose(drawn_widths_nm(edges, sites, 1.0, FIELD_NM), 80)


def test_edges_shorter_than_half_a_pixel_have_no_site():
    """A box of 0.4 x 100 pixels, as drawn and on pixels."""
    edges = field_edges((box(100.55, 100, 100.95, 200),))
    for on_pixels in (False, True):
        sites = drawn_sites(edges, OPENILT, 1.0, SHAPE, on_pixels=on_pixels)
        assert set(sites.normals[:, 0]) == {0}


def test_a_curve_shorter_than_a_pixel_has_its_site_on_it():
    """From an inner corner on, where edges are longer by the corner's pixel."""
    points = np.array([(100, 100), (103, 100), (106, 101)], dtype=float)
    curve = Edge(points, np.array([0, 3, 3 + np.hypot(3, 1)]), closed=False, convex=(False, True))
    sites = drawn_sites([curve], NEURALILT, 10.0, SHAPE)
    assert sites.positions_nm(10.0).tolist() == [[100, 100]]
    np.testing.assert_allclose(sites.normals, [(-1, 0)])


def test_pixels_that_are_half_covered_count():
    halves = (box(100.5, 100.5, 300.5, 160.5),)
    target = rasterize(Layout("halves", halves), Grid.of_field(FIELD_NM, 1.0)) >= 0.25  # a quarter in the corners
    found = drawn_sites(field_edges(halves), OPENILT, 1.0, SHAPE, on_pixels=True)
    assert as_set(found) == as_set(find_sites(target, OPENILT))


def test_sites_beyond_the_field_are_left_out():
    found = drawn_sites(field_edges((box(-60, -60, 60, 60), box(964, 964, 1084, 1084))), OPENILT, 1.0, SHAPE)
    assert as_set(found) == {(60, 19.5, 1, 0), (19.5, 60, 0, 1), (964, 1004.5, -1, 0), (1004.5, 964, 0, -1)}


def test_widths_are_at_most_the_field():
    """The field but for a diamond: at 45 degrees, the next edge is that of a diamond beyond the field's corner."""
    diamond = np.array([(512, 412), (412, 512), (512, 612), (612, 512)], dtype=float)
    edges = field_edges((Polygon(box(0, 0, 1024, 1024).hull, (diamond,)),), FIELD_NM)
    sites = drawn_sites(edges, OPENILT, 1.0, SHAPE)
    assert drawn_widths_nm(edges, sites, 1.0, FIELD_NM).tolist() == [1024] * 8
