"""Layouts and polygons."""

import subprocess
import sys

import numpy as np
import pytest
from scenes.shapes import box, disc

from litho_dl.core.errors import LayoutError
from litho_dl.layout.fracture import fracture
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules

RING = Polygon(box(0, 0, 100, 100).hull, (box(20, 30, 80, 70).hull,))


def test_import_stays_light():
    code = "import sys, litho_dl.layout; sys.exit('klayout' in sys.modules or 'skimage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_area_is_that_of_the_union():
    assert Layout("a", (box(0, 0, 10, 10), box(5, 5, 15, 15))).area_nm2 == 175
    assert Layout("a", (RING,)).area_nm2 == 10_000 - 60 * 40


def test_merged_keeps_holes_and_orientation():
    halves = Layout("u", (box(0, 0, 100, 20), box(0, 60, 100, 100), box(0, 0, 20, 100), box(80, 0, 100, 100)))
    (polygon,) = halves.merged().polygons
    assert len(polygon.holes) == 1
    x, y = polygon.hull.T
    assert np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y) == 2 * 100 * 100
    x, y = polygon.holes[0].T
    assert np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y) == -2 * 60 * 40


def test_merged_keeps_decimal_coordinates():
    (polygon,) = Layout("d", (box(0.1, 0.7, 12345.6, 3.3),)).merged().polygons
    assert set(polygon.hull.ravel().tolist()) == {0.1, 0.7, 12345.6, 3.3}


@pytest.mark.parametrize(("width", "left"), [(100, 462), (101, 461), (1024, 0)])
def test_centred_rounds_down(width, left):
    centred = Layout("c", (box(7, -3, 7 + width, 17),)).centred((2048, 1024))
    assert centred.bbox_nm == (left, 1014, left + width, 1034)


def test_centred_snaps_to_the_step():
    assert Layout("c", (box(0.3, 0.3, 50.3, 30.3),)).centred((100, 100), snap_nm=4).bbox_nm == (24, 32, 74, 62)


def test_clipped():
    clip = Layout("r", (RING,)).clipped((0, 0, 50, 50))
    assert clip.area_nm2 == 50 * 50 - 30 * 20
    assert clip.bbox_nm == (0, 0, 50, 50)
    assert Layout("r", (RING,)).clipped((30, 40, 50, 50)).polygons == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Layout("e", ()).bbox_nm, "got 'e' without any"),
        (
            lambda: Layout("e", (RING,)).centred((2048, 99)),
            "2048 nm .width x height., got 'e' of 100 x 100|99 x 2048 nm",
        ),
        (lambda: Layout("e", (RING,)).centred((200, 200), snap_nm=0), "positive snap"),
        (lambda: Layout("e", (RING,)).clipped((0, 0, 0, 5)), "x0 < x1"),
        (lambda: Polygon(np.zeros((2, 2))), "three vertices"),
        (lambda: Polygon(np.full((3, 2), np.nan)), "finite"),
        (lambda: Layout("e", (box(0, 0, 1e10, 1),)).area_nm2, "polygons within 2e9 nm, got some over 1e"),
        (lambda: fracture((disc(50),)), "rectilinear"),
        (lambda: MaskRules(-1, 0, 0), "zero or more"),
        (lambda: MaskRules(20, 1e30, 0), "up to 1 mm"),
        (lambda: Layout("e", (RING,)).biased(np.nan), "a bias from -1e"),
        (lambda: Layout("e", (RING,)).biased(np.inf), "a bias from -1e"),
        (lambda: Layout("e", (RING,)).biased(-1e9), "a bias from -1e"),
    ],
)
def test_errors(call, message):
    with pytest.raises(LayoutError, match=message):
        call()


def test_biased_polygons():
    ring = Layout("ring", (Polygon(box(0, 0, 100, 80).hull, (box(30, 30, 60, 50).hull,)),))
    assert ring.biased(1.5).area_nm2 == pytest.approx(103 * 83 - 27 * 17)
    assert ring.biased(1e6).area_nm2 == pytest.approx((2e6 + 100) * (2e6 + 80))  # a bias that needs coarser units
    assert ring.biased(-0.25).area_nm2 == pytest.approx(99.5 * 79.5 - 30.5 * 20.5)
