"""Mask rules with and without the points of plain sides, and which points these are."""

from itertools import pairwise

import numpy as np
import pytest
from scenes.shapes import box
from scipy.ndimage import gaussian_filter

from litho_dl.layout import medial
from litho_dl.layout.contour import contour_polygons, pixel_polygons
from litho_dl.layout.outline import sampled_outline
from litho_dl.layout.plain_sides import _stretches, may_be_narrow
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules, RuleViolations, _cut_corners, check_rules

RULES = [MaskRules(20, 20, 0), MaskRules(36, 12, 0), MaskRules(0, 50, 0)]


def blobs(seed: int, sigma: float, side: int = 160) -> np.ndarray:
    """Smooth random shapes with necks, dots and long sides, from -1 to 1."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), sigma, mode="wrap")
    return field / np.abs(field).max()


def scene(kind: str, seed: int) -> tuple[list[Polygon], float]:
    """Polygons, and the pixel of their staircases."""
    image = blobs(seed, 5 + 2 * (seed % 3))
    if kind == "pixels":
        return list(pixel_polygons(image > 0.25, 4.0)), 4.0
    if kind == "contours":
        return list(contour_polygons(image, 4.0, 0.25)), 0.0
    rng = np.random.default_rng(seed)
    bars = [box(*low, *(low + rng.integers(8, 400, 2))) for low in rng.integers(0, 600, (12, 2))]
    turned = np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
    return ([bar.mapped(lambda xy: xy @ turned + 500) for bar in bars] if seed % 2 else bars), 0.0


def places(found: RuleViolations, rule: str) -> np.ndarray:
    return np.column_stack([found.places[rule].boxes_nm, found.places[rule].values])


@pytest.mark.parametrize("kind", ["pixels", "contours", "bars"])
@pytest.mark.parametrize("seed", range(6))
def test_the_same_places_are_found_without_them(kind, seed, monkeypatch):
    polygons, smooth_nm = scene(kind, seed)
    found = [check_rules(polygons, rules, smooth_nm=smooth_nm) for rules in RULES]
    monkeypatch.setattr(medial, "may_be_narrow", lambda outline, reach_nm: np.ones(len(outline.points), dtype=bool))
    for rules, some in zip(RULES, found, strict=True):
        all_points = check_rules(polygons, rules, smooth_nm=smooth_nm)
        for rule in ("width", "space"):
            np.testing.assert_allclose(places(some, rule), places(all_points, rule), rtol=0, atol=1e-9)
    assert sum(some.total for some in found) > 0


def kept_points(loops: list[np.ndarray], reach_nm: float) -> tuple[np.ndarray, np.ndarray]:
    """Points of outlines sampled at 2 nm, and whether they are kept."""
    outline = sampled_outline(loops, 2.0)
    return outline.points, may_be_narrow(outline, reach_nm)


def circle(radius: float, edges: int) -> np.ndarray:
    turn = 2 * np.pi * np.arange(edges) / edges
    return 500 + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def turned_by(degrees: float, points: np.ndarray) -> np.ndarray:
    """Points turned about (500, 500)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (points - 500) @ np.array([[c, s], [-s, c]]) + 500


def test_corners_and_sides_that_face_each_other_are_kept():
    points, kept = kept_points([box(0, 0, 400, 200).hull, box(100, 215, 300, 300).hull], 20.0)
    x, y = points.T
    corners = np.array([(0, 0), (400, 0), (400, 200), (0, 200), (100, 215), (300, 215), (300, 300), (100, 300)])
    near_corner = (np.abs(points[:, None] - corners).max(2) <= 18).any(1)
    facing = (x >= 100) & (x <= 300) & (y >= 200) & (y <= 215)
    assert kept[near_corner | facing].all()
    far = (np.abs(points[:, None] - corners).max(2) > 30).all(1) & ~((x > 60) & (x < 340) & (y >= 200) & (y <= 215))
    assert far.sum() > 300
    assert not kept[far].any()


@pytest.mark.parametrize("size", [0.0, 0.01, 30.0])
def test_a_corner_with_a_tiny_chamfer_is_a_corner(size):
    """A wide one is part of a plain side: from a slanted edge over a vertical one to a horizontal one."""
    shape = np.array([(300, 0), (300, 300), (-30, 300), (0, 150), (0, size), (size, 0)], dtype=float)
    points, kept = kept_points([shape if size else shape[:-1]], 20.0)
    near = (points <= 18 + size).all(1)
    assert near.sum() > 15
    assert kept[near].all() if size < 1 else not kept[near].any()


@pytest.mark.parametrize(("radius", "all_kept"), [(200.0, False), (8.0, True)])
def test_most_of_a_large_disc_is_left_out(radius, all_kept):
    _, kept = kept_points([circle(radius, 720)], 20.0)
    assert kept.all() == all_kept
    assert all_kept or 0 < kept.mean() < 0.08


def test_rounding_does_not_end_a_plain_side():
    """The cut corners of pixel stairs, in units that are no binary fractions."""
    y, x = np.mgrid[:130, :130]
    (disc,) = pixel_polygons((x - 64.3) ** 2 + (y - 64.6) ** 2 < 60**2, 3.3)
    _, kept = kept_points(_cut_corners([disc.hull], 3.3), 20.0)
    assert 0 < kept.mean() < 0.08


def test_every_loop_starts_a_stretch():
    """Also where one loop ends in the direction in which the next one starts."""
    discs = [turned_by(30, circle(radius, 360)) for radius in (200, 300)]
    outline = sampled_outline(discs, 2.0)
    for turned in (False, True):
        stretch = _stretches(outline, 20.0, turned=turned)
        assert stretch[outline.loop == 0].max() < stretch[outline.loop == 1].min()
        assert len(set(stretch.tolist())) == 10  # four quadrants of each, one of them in two parts
    kept = may_be_narrow(outline, 20.0)
    assert kept[outline.before > np.arange(len(kept))].all()


def test_what_is_left_out_leaves_long_gaps():
    """Points that stay on both sides of a gap are farther apart than the reach."""
    gaps = []
    for polygon in (*scene("contours", 0)[0], *scene("contours", 3)[0], *scene("contours", 4)[0]):
        points, kept = kept_points([polygon.hull], 22.0)
        stay = np.flatnonzero(kept)
        gaps += [np.hypot(*(points[j] - points[i])) for i, j in pairwise(stay) if j > i + 1]
    assert len(gaps) > 10
    assert min(gaps) > 22.0


def test_a_sharp_corner_in_a_long_side_is_kept():
    side = np.array([(0, 0), (300, 0), (300, 20), (600, 20), (600, 300), (0, 300)], dtype=float)  # steps of 90 degrees
    points, kept = kept_points([side], 12.0)
    assert kept[np.abs(points - [300, 10]).max(1) <= 12].all()
    assert not kept[(np.abs(points - [150, 0]).max(1) <= 100)].any()
