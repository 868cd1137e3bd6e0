"""Vertices of polygons, and a multi-beam writer's time against that of a whole mask."""

import numpy as np
import pytest
from scenes.shapes import box

from litho_dl.layout.polygon import Polygon
from litho_dl.metrics.write_cost import multibeam_ms, vertex_count


def test_vertices_are_those_of_hulls_and_holes():
    triangle = np.array([(10.0, 10.0), (10.0, 30.0), (30.0, 10.0)])
    ring = Polygon(box(0, 0, 100, 100).hull, (triangle,))
    assert vertex_count([box(200, 0, 300, 50), ring]) == 4 + 4 + 3
    assert vertex_count([]) == 0


def test_a_scanners_field_takes_as_long_as_a_mask():
    """26 x 33 mm on the wafer, 12 hours; and a clip of 2048 nm takes the same seconds per area."""
    whole = multibeam_ms((26e6, 33e6))
    assert whole == pytest.approx(12 * 3600 * 1000)
    clip = multibeam_ms((2048.0, 2048.0))
    assert clip == pytest.approx(whole * 2048**2 / (26e6 * 33e6))
    assert clip == pytest.approx(0.211, abs=0.001)
    assert multibeam_ms((2048.0, 2048.0), 5.0) == pytest.approx(clip * 25 / 16)
