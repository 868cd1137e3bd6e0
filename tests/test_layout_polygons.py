"""Layout, Polygon, fracture and mask rules."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes.shapes import box

from litho_dl.core.errors import LayoutError
from litho_dl.layout.contour import contour_polygons, pixel_polygons
from litho_dl.layout.fracture import fracture
from litho_dl.layout.layout import Layout
from litho_dl.layout.polygon import Polygon
from litho_dl.layout.rules import MaskRules, check_rules
from litho_dl.metrics.shots import shot_count


def disc(diameter: float, x: float = 0, y: float = 0, edges: int = 128) -> Polygon:
    angle = 2 * np.pi * np.arange(edges) / edges
    return Polygon(np.stack([x + diameter / 2 * np.cos(angle), y + diameter / 2 * np.sin(angle)], axis=1))


RING = Polygon(box(0, 0, 100, 100).hull, (box(20, 30, 80, 70).hull,))
BOXES = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=8
)


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
        (lambda: Layout("e", (box(0, 0, 1e10, 1),)).area_nm2, "database unit"),
        (lambda: fracture((disc(50),)), "rectilinear"),
        (lambda: MaskRules(-1, 0, 0), "zero or more"),
    ],
)
def test_errors(call, message):
    with pytest.raises(LayoutError, match=message):
        call()


@settings(max_examples=50, deadline=None)
@given(BOXES)
def test_fracture_covers_the_union_without_overlap(boxes):
    polygons = tuple(box(x, y, x + w, y + h) for x, y, w, h in boxes)
    pixels = np.zeros((80, 80), dtype=int)
    truth = np.zeros((80, 80), dtype=int)
    for x0, y0, x1, y1 in fracture(polygons).astype(int):
        pixels[y0:y1, x0:x1] += 1
    for x, y, w, h in boxes:
        truth[y : y + h, x : x + w] = 1
    assert (pixels == truth).all()


@pytest.mark.parametrize(
    "boxes",
    [
        [(0, 0, 30, 10), (0, 0, 10, 30), (0, 30, 40, 40)],  # every direction of cuts gives three
        [(30, 10, 40, 50), (40, 40, 80, 60), (50, 0, 70, 40)],  # vertical cuts give three, horizontal ones four
        [(20, 20, 40, 30), (10, 30, 30, 60), (10, 30, 50, 50)],  # plain horizontal slices give three, merged ones four
    ],
)
def test_fracture_takes_the_best_direction(boxes):
    assert len(fracture([box(*corners) for corners in boxes])) == 3


def test_fracture_of_nothing():
    assert fracture(()).shape == (0, 4)


def test_shot_count():
    mask = np.zeros((64, 64))
    mask[10:20, 10:50] = 1
    mask[20:40, 10:20] = 1
    mask[50:60, 50:60] = 1
    assert shot_count(mask, 4.0) == 3
    assert shot_count(np.zeros((8, 8)), 1.0) == 0


RULES = MaskRules(min_width_nm=40, min_space_nm=30, min_area_nm2=2000)


@pytest.mark.parametrize(
    ("polygons", "counts"),
    [
        ((box(0, 0, 40, 400), box(70, 0, 110, 400)), (0, 0, 0)),
        ((box(0, 0, 39, 400), box(69, 0, 108, 400)), (2, 0, 0)),
        ((box(0, 0, 40, 400), box(69, 0, 109, 400)), (0, 1, 0)),
        ((box(0, 0, 40, 40),), (0, 0, 1)),
        ((box(0, 0, 50, 50), box(70, 70, 120, 120)), (0, 1, 0)),  # corner to corner, 28.3 nm
        ((Polygon(disc(200).hull, (disc(122).hull,)),), (1, 0, 0)),  # a ring 39 nm wide
        ((Polygon(disc(200).hull, (disc(118).hull,)),), (0, 0, 0)),
        ((Polygon(disc(200).hull, (disc(29).hull,)),), (0, 1, 0)),  # a hole is a space
        ((disc(100, 0), disc(100, 0, 94)), (1, 2, 0)),  # a neck of 34 nm; its sides are notches
        ((disc(100, 0), disc(100, 0, 80)), (0, 0, 0)),  # a neck of 60 nm
        ((disc(100, 0), disc(100, 0, 129)), (0, 1, 0)),  # 29 nm apart at one point
        ((disc(100, 0), disc(100, 0, 131)), (0, 0, 0)),
        ((disc(45),), (0, 0, 1)),  # round, 12 % wider than the limit: only too small in area
        (
            (Polygon(np.array([(0, 0), (400, 0), (400, 200), (250, 200), (200, 35), (150, 200), (0, 200)])),),
            (1, 1, 0),
        ),  # a sharp notch, 35 nm above the edge
        (
            (Polygon(np.array([(0, 0), (400, 0), (400, 200), (365, 200), (200, 35), (35, 200), (0, 200)])),),
            (1, 0, 0),
        ),  # a blunt one
    ],
)
def test_rules(polygons, counts):
    assert tuple(check_rules(polygons, RULES).counts.values()) == (*counts, 0)


@pytest.mark.parametrize("outline", [pixel_polygons, lambda mask, pixel: contour_polygons(mask.astype(float), pixel)])
def test_a_neck_in_a_pixel_mask_is_one_place(outline):
    # The circles meet in two sharp notches: one place each for the space rule.
    y, x = np.mgrid[:300, :400] + 0.5
    mask = (np.hypot(x - 130, y - 150) < 80) | (np.hypot(x - 284, y - 150) < 80)
    violations = check_rules(outline(mask, 1.0), MaskRules(50, 50, 0), smooth_nm=1.0)
    assert violations.counts == {"width": 1, "space": 2, "area": 0, "radius": 0}
    x0, y0, x1, y1 = violations.width[0]
    assert x0 <= 207 <= x1
    assert y0 < 150 < y1
    assert x1 - x0 < 30
    assert violations.total == 3


@pytest.mark.parametrize(("pitch", "places"), [(25, 1), (75, 2)])
def test_near_markers_are_one_place(pitch, places):
    # A wire of 60 nm with two nicks of 30 nm, 8 nm wide.
    wire = (box(0, 0, 300, 30), *(box(x0, 30, x1, 60) for x0, x1 in ((0, 100), (108, 100 + pitch), (108 + pitch, 300))))
    assert len(check_rules(wire, MaskRules(40, 0, 0)).width) == places


def test_rules_switched_off():
    assert check_rules((box(0, 0, 1, 1), box(2, 0, 3, 1)), MaskRules(0, 0, 0)).total == 0


def test_biased_polygons():
    ring = Layout("ring", (Polygon(box(0, 0, 100, 80).hull, (box(30, 30, 60, 50).hull,)),))
    assert ring.biased(1.5).area_nm2 == pytest.approx(103 * 83 - 27 * 17)
    assert ring.biased(-0.25).area_nm2 == pytest.approx(99.5 * 79.5 - 30.5 * 20.5)
