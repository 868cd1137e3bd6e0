"""Binary images as smooth polygons: where edges lie, how smooth they are, what vanishes."""

import numpy as np
import pytest

from litho_dl.core.errors import LayoutError
from litho_dl.layout.curves import GRID_NM, curved_polygons

PIXEL_NM = 4.0


def disc(radius_nm: float) -> np.ndarray:
    centres = (np.arange(64) + 0.5) * PIXEL_NM - 128
    return np.hypot(centres[:, None], centres) <= radius_nm


def area(loop: np.ndarray) -> float:
    x, y = loop.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y)) / 2


@pytest.mark.parametrize("tolerance_nm", [0.1, 1.0])
def test_a_staircase_becomes_a_circle(tolerance_nm):
    (circle,) = curved_polygons(disc(80), PIXEL_NM, tolerance_nm)
    radii = np.hypot(*(circle.hull - 128).T)
    assert np.abs(radii - 80).max() < 0.4 * PIXEL_NM
    assert area(circle.hull) == pytest.approx(np.pi * 80**2, rel=0.02)
    assert len(circle.hull) < (40 if tolerance_nm == 1 else 200)
    np.testing.assert_allclose(circle.hull / GRID_NM, np.round(circle.hull / GRID_NM), atol=1e-6)


def test_straight_edges_stay_and_corners_are_rounded():
    image = np.zeros((64, 64), dtype=bool)
    image[20:25, 8:56] = True  # 20 nm wide
    (line,) = curved_polygons(image, PIXEL_NM, 0.1)
    inner = np.abs(line.hull[:, 0] - 128) < 80
    edges = line.hull[inner, 1] if inner.any() else line.hull[:, 1]
    assert {round(float(y)) for y in edges} <= {80, 100}
    assert line.hull.min(0) == pytest.approx([32, 80], abs=1)
    corners = np.hypot(*(line.hull - (32, 80)).T)
    assert 0.5 < corners.min() < PIXEL_NM


def test_specks_vanish_and_holes_stay():
    image = disc(100) & ~disc(40)
    image[1, 1] = True
    (ring,) = curved_polygons(image, PIXEL_NM, 0.5)
    assert len(ring.holes) == 1
    assert -area(ring.holes[0]) == pytest.approx(np.pi * 40**2, rel=0.04)


def test_bad_input():
    with pytest.raises(LayoutError, match="tolerance"):
        curved_polygons(disc(80), PIXEL_NM, -1.0)
    with pytest.raises(LayoutError, match="shape"):
        curved_polygons(np.zeros(4, dtype=bool), PIXEL_NM, 1.0)
