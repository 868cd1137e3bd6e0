"""Bends of circles, ellipses, round and sharp corners, whose least radius is known."""

import numpy as np
import pytest

from litho_dl.layout.curvature import tight_bends
from litho_dl.layout.medial import Places

GRID_NM = 0.1


def rounded(points: np.ndarray, turn: float) -> np.ndarray:
    """Points turned by an angle, off the grid's origin, then rounded to it."""
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.round((points @ np.array([[cosine, sine], [-sine, cosine]]) + (17.03, -4.06)) / GRID_NM) * GRID_NM


def ellipse(radius: float, aspect: float, turn: float = 0.0, step: float = 1.0) -> np.ndarray:
    """An ellipse with this radius of curvature b^2 / a at its tips, a / b = `aspect`, a vertex every `step` of arc."""
    b = aspect * radius
    t = np.linspace(0, 2 * np.pi, 100_001)
    points = np.stack([aspect * b * np.cos(t), b * np.sin(t)], 1)
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    count = round(arc[-1] / step)
    return rounded(np.stack([np.interp((np.arange(count) + 0.3) * arc[-1] / count, arc, c) for c in points.T], 1), turn)


def straight(*corners: tuple[float, float], turn: float = 0.0, step: float = 1.0) -> np.ndarray:
    """A polygon with vertices along its edges."""
    points = np.array(corners, dtype=float)
    ways = np.roll(points, -1, axis=0) - points
    parts = [a + way * np.arange(0, 1, step / np.hypot(*way))[:, None] for a, way in zip(points, ways, strict=True)]
    return rounded(np.concatenate(parts), turn)


def least(found: Places) -> np.ndarray:
    return np.sort(found.values)


@pytest.mark.parametrize(
    ("limit", "typical", "worst"), [(5, 0.04, 0.15), (10, 0.03, 0.09), (20, 0.02, 0.05), (50, 0.02, 0.04)]
)
@pytest.mark.parametrize("aspect", [1.0, 1.3, 2.0, 3.0])
def test_tips_of_ellipses(limit, typical, worst, aspect):
    """Below the limit every tip counts, with its radius; above it none does."""
    turns = np.linspace(0.1, 3.0, 6)
    errors = []
    for share in (0.6, 0.75, 0.9):
        for turn in turns:
            found = tight_bends([ellipse(share * limit, aspect, turn, min(1.0, limit / 20))], limit).values
            assert len(found) == (1 if aspect == 1 else 2)
            errors += (found / (share * limit) - 1).tolist()
    assert np.median(np.abs(errors)) < typical + 0.01
    assert np.max(np.abs(errors)) < worst
    for share in (1.1, 1.5, 4.0):
        for turn in turns:
            assert len(tight_bends([ellipse(share * limit, aspect, turn)], limit).values) == 0


def test_without_rounding_tips_are_exact():
    fine = [ellipse(1000.0 * share, 2.0, 0.4, 20.0) for share in (0.75, 0.9)]  # 0.1 nm is nothing here
    for loop, radius in zip(fine, (750, 900), strict=True):
        assert least(tight_bends([loop], 1000.0)) == pytest.approx([radius, radius], rel=0.015)


def test_holes_bend_inwards():
    assert least(tight_bends([ellipse(18.0, 1.0)[::-1]], 20.0)) == pytest.approx([-18], rel=0.03)


@pytest.mark.parametrize("limit", [5.0, 20.0, 50.0])
@pytest.mark.parametrize("step", [0.3, 1.0, 4.0])
def test_rounded_vertices_on_straight_edges_are_no_bends(limit, step):
    """Only the four corners of bars at any angle."""
    for turn in np.linspace(0, 1.5, 7):
        bar = straight((0, 0), (12 * limit, 0), (12 * limit, 3 * limit), (0, 3 * limit), turn=turn, step=step)
        values = tight_bends([bar], limit).values
        assert len(values) == 4
        assert 0 < values.min() <= values.max() < limit / 2


@pytest.mark.parametrize("limit", [5.0, 10.0, 20.0, 50.0])
@pytest.mark.parametrize("degrees", [40, 60, 90, 120, 150])
def test_a_sharp_corner_counts(limit, degrees):
    far = 20 * limit
    way = far * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    for turn in (0.0, 0.3, 1.1):
        loop = straight(
            (-far, 0), (0, 0), tuple(way), (way[0] - 3 * far, way[1] + 3 * far), (-3 * far, 3 * far), turn=turn
        )
        found = tight_bends([loop], limit)
        middles = found.boxes_nm.reshape(-1, 2, 2).mean(1) - rounded(np.zeros((1, 2)), turn)
        assert (np.abs(middles).max(1) < limit).sum() == 1


def round_bar(radius: float, length: float, width: float) -> np.ndarray:
    """A bar with rounded corners, vertices every nm or less."""
    t = np.linspace(0, np.pi / 2, int(radius * np.pi / 2) + 1)
    centres = [(length - radius, width - radius), (radius, width - radius), (radius, radius), (length - radius, radius)]
    arcs = [
        np.stack([x + radius * np.cos(t + k * np.pi / 2), y + radius * np.sin(t + k * np.pi / 2)], 1)
        for k, (x, y) in enumerate(centres)
    ]
    return np.concatenate(arcs)


@pytest.mark.parametrize("limit", [20.0, 50.0])
def test_round_corners_have_their_radius(limit):
    """To 5 %, though their curvature jumps."""
    for turn in (0.0, 0.4, 0.9):
        assert len(tight_bends([rounded(round_bar(1.05 * limit, 8 * limit, 5 * limit), turn)], limit).values) == 0
        found = tight_bends([rounded(round_bar(0.85 * limit, 8 * limit, 5 * limit), turn)], limit).values
        assert found == pytest.approx([0.85 * limit] * 4, rel=0.05)
