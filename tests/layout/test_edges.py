"""Outlines cut at their corners, at any angle, straight or curved."""

import numpy as np
import pytest
from scenes.shapes import box
from scenes.slanted import circle, rotated, turned

from litho_dl.layout.edges import drawn_edges, is_manhattan
from litho_dl.layout.polygon import Polygon

ELL = np.array([(0, 0), (400, 0), (400, 90), (120, 90), (120, 300), (0, 300)], dtype=float)
GRIDS_NM = (1.0, 0.1, 1e-5)  # database units


@pytest.mark.parametrize("grid_nm", GRIDS_NM)
@pytest.mark.parametrize("angle_deg", [0, 17, 30, 45, 100])
def test_a_turned_polygon_has_the_edges_of_the_straight_one(angle_deg, grid_nm):
    edges = drawn_edges(rotated(ELL, angle_deg, grid_nm))
    assert [edge.convex for edge in edges] == [(True, True)] * 2 + [(True, False), (False, True)] + [(True, True)] * 2
    assert [edge.length_nm for edge in edges] == pytest.approx([400, 90, 280, 210, 120, 300], abs=1.5 * grid_nm)
    outwards = np.array([(0, -1), (1, 0), (0, 1), (1, 0), (0, 1), (-1, 0)], dtype=float)
    found = np.concatenate([edge.normals(np.array([edge.length_nm / 3])) for edge in edges])
    np.testing.assert_allclose(found, rotated(outwards, angle_deg, 1e-12), atol=2 * grid_nm / 90)


@pytest.mark.parametrize("grid_nm", GRIDS_NM)
@pytest.mark.parametrize(("radius_nm", "points"), [(300, 400), (60, 300), (40, 16), (500, 64)])
def test_a_circle_is_one_closed_edge(radius_nm, points, grid_nm):
    """Also where the database unit makes its short segments turn sharply."""
    (edge,) = drawn_edges(circle((700, 650), radius_nm, points, grid_nm))
    assert edge.closed
    assert not edge.straight
    assert edge.length_nm == pytest.approx(2 * np.pi * radius_nm, rel=0.06 if grid_nm == 1 else 0.01)
    arcs = np.linspace(0, edge.length_nm, 50)
    spokes = (edge.at(arcs) - (700, 650)) / radius_nm
    cosines = (edge.normals(arcs) * spokes).sum(1) / np.hypot(*spokes.T)
    assert cosines.min() > np.cos(np.pi / points + 0.13 * grid_nm)


def test_a_bend_has_two_curves_and_two_ends():
    angles = np.linspace(0, np.pi / 2, 120)
    outer, inner = (radius * np.stack((np.cos(angles), np.sin(angles)), 1) for radius in (480.0, 400.0))
    edges = drawn_edges(np.round(np.concatenate((outer, inner[::-1])), 3))
    assert [edge.straight for edge in edges] == [False, True, False, True]
    assert [edge.length_nm for edge in edges] == pytest.approx([240 * np.pi, 80, 200 * np.pi, 80], rel=1e-4)
    assert all(edge.convex == (True, True) for edge in edges)


def test_corners_by_angle():
    """An octagon has corners; a 12-gon has none; a taper's shallow sides are edges of their own."""
    assert len(drawn_edges(circle((0, 0), 400, 8, 1e-3))) == 8
    assert len(drawn_edges(circle((0, 0), 400, 12, 1e-3))) == 1
    taper = np.array([(0, 0), (1000, -40), (1000, 140), (0, 100)], dtype=float)
    assert [edge.straight for edge in drawn_edges(taper)] == [True] * 4
    blunt = np.array([(0, 0), (300, 0), (303, 3), (303, 200), (0, 200)], dtype=float)  # a chamfer of 3 nm
    assert sorted(round(edge.length_nm) for edge in drawn_edges(blunt)) == [4, 197, 200, 300, 303]


def test_every_jog_along_x_and_y_is_an_edge():
    jogs = np.array([(0, 0), (200, 0), (200, 60), (201, 60), (201, 100), (100, 100), (100, 102), (0, 102)], dtype=float)
    assert [edge.length_nm for edge in drawn_edges(jogs)] == [200, 60, 1, 40, 101, 2, 100, 102]


def test_points_along_an_edge_follow_its_bends():
    shallow = np.array([(0, 0), (100, 0), (200, 20), (200, 300), (0, 300)], dtype=float)
    edge = drawn_edges(shallow)[0]
    np.testing.assert_allclose(
        edge.at(np.array([50.0, 100.0, 100 + np.hypot(100, 20) / 2])), [(50, 0), (100, 0), (150, 10)]
    )
    np.testing.assert_allclose(edge.normals(np.array([50.0]))[0], (0, -1))


def test_what_is_manhattan():
    assert is_manhattan((box(0, 0, 10, 20), Polygon(ELL)))
    assert not is_manhattan((box(0, 0, 10, 20), *turned((box(0, 0, 500, 100),), 0.1, 1e-3)))


@pytest.mark.parametrize("grid_nm", [2.0, 5.0, 10.0])
def test_coarse_grids_make_no_stairs_of_a_circle(grid_nm):
    (edge,) = drawn_edges(circle((700, 700), 200 if grid_nm < 10 else 600, 256, grid_nm))
    arcs = np.linspace(0, edge.length_nm, 40)
    spokes = edge.at(arcs) - (700, 700)
    cosines = (edge.normals(arcs) * spokes).sum(1) / np.hypot(*spokes.T)
    assert edge.closed
    assert np.median(cosines) > 0.9


@pytest.mark.parametrize(
    ("jog_nm", "shift_nm", "lengths"),
    [
        (5, 0, [151, 5, 150, 200, 331, 203]),
        (3, 0, [304, 202, 331, 203]),  # fewer than four units: perhaps a rounded slope
        (3, 0.005, [151, 3, 150, 202, 331, 203]),  # in much finer units it is drawn so
    ],
)
def test_a_jog_of_a_few_database_units_is_no_edge(jog_nm, shift_nm, lengths):
    loop = np.array([(0, 0), (151, 0), (151, jog_nm), (301, jog_nm), (331, 203), (0, 203)], dtype=float) + shift_nm
    assert [round(edge.length_nm) for edge in drawn_edges(loop)] == lengths


@pytest.mark.parametrize("blunt", [[(297, 0), (300, 1)], [(299, 0), (300, 3)]], ids=["before", "after"])
def test_a_corner_that_was_rounded_to_the_grid_is_one(blunt):
    """Of two vertices with a short segment between them, the sharper."""
    loop = np.array([(0, 0), *blunt, (300, 200), (0, 200)], dtype=float)
    assert [edge.length_nm for edge in drawn_edges(loop)] == pytest.approx([300, 200, 300, 200], abs=1)


def test_normals_near_the_ends_of_a_curve_are_its_own():
    """Of a quarter of a ring: radial from 0.5 nm before the corner on."""
    angles = np.linspace(0, np.pi / 2, 3000)
    outer, inner = (radius * np.stack((np.cos(angles), np.sin(angles)), axis=1) for radius in (60.0, 20.0))
    edge = drawn_edges(np.concatenate((outer, inner[::-1])))[0]
    arcs = np.array([0.5, 1.5, edge.length_nm - 1.5, edge.length_nm - 0.5])
    np.testing.assert_allclose(edge.normals(arcs), edge.at(arcs) / 60, atol=1e-3)
